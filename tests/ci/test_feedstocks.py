"""Feedstocks of a project: what they keep, and what is wrong with each, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pangeo_forge.ci.feedstocks import Feedstocks, read_feedstocks
from pangeo_forge.errors import AutomationError, RecipeErrors
from tests.ci.project import RECIPE, Project
from tests.cli.invocation import invoke

MATRIX = RECIPE.format(id="many").replace("id: many", 'id: "many-{model}"\nmatrix:\n  model: [a, b, c]')


@pytest.fixture
def kept(project: Project) -> Project:
    """With one good feedstock."""
    project.write("feedstocks/one.yaml", 'recipe: recipes/one\nschedule: "0 6 * * *"\ntarget: out\n')
    return project


def _errors(found: Feedstocks, name: str) -> str:
    return next(b.message for b in found.broken if b.feedstock == name)


def test_a_good_one(kept: Project) -> None:
    found = read_feedstocks()
    assert [(d.id, d.name, d.target, d.recipe) for d in found.datasets] == [
        ("one", "one", "out", Path("recipes/one/recipe.yaml"))
    ]
    assert (found.broken, found.warnings) == ([], [])


@pytest.mark.parametrize("recipe", ["one", "recipes/one", "recipes/one/", "./recipes/one", "recipes/one/recipe.yaml"])
def test_ways_to_name_a_recipe(kept: Project, recipe: str) -> None:
    kept.write("feedstocks/one.yaml", f"recipe: {recipe}\n")
    assert [d.id for d in read_feedstocks().datasets] == ["one"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "recipe: recipes/tow\n",
            r"x.yaml:1:9: recipe: there is no recipe 'recipes/tow'; did you mean 'recipes/two'? [A010]",
        ),
        ("recipe: zzz\n", "there is no recipe 'zzz'; known are one, two [A010]"),
        ("recipe: two\nbakery: lokal\n", "x.yaml:2:9: bakery: there is no bakery 'lokal'"),
        ("recipe: two\nbakery: lokal\n", "did you mean 'local'? [A011]"),
        ("recipe: two\nparameters: {yaer: 5}\n", "x.yaml:2:14: parameters.yaer: the recipe has no parameter 'yaer'"),
        ("recipe: two\ndatasets: [tow]\n", "x.yaml:2:12: datasets[0]: 'tow' is none of the 1 datasets"),
        ("recipe: one\ntarget: out\n", "keeps one at the same place as feedstocks/one.yaml"),
        ("recipe: two\nschedule: daily\n", 'did you mean "@daily"? [R090]'),
        ("recipe: two\nretries: -1\ncatchup: all\n", "did you mean 'catch_up'"),
        ("recipe: two\ntimeout: long\n", "[R019]"),
        ("recipe: [\n", "[R001]"),
        ("", "[R006]"),
    ],
)
def test_a_broken_one_beside_a_good_one(kept: Project, text: str, said: str) -> None:
    kept.write("feedstocks/x.yaml", text)
    found = read_feedstocks()
    assert [d.feedstock for d in found.datasets] == ["one"]
    assert said in _errors(found, "x")
    assert "feedstocks/x.yaml:" in _errors(found, "x")


def test_parameters_are_checked_by_type(kept: Project) -> None:
    kept.recipe("two", ("target:", "parameters: {year: {default: 2000}}\ntarget:"))
    kept.write("feedstocks/x.yaml", "recipe: two\nparameters: {year: soon}\n")
    assert "[A012]" in _errors(read_feedstocks(), "x")
    kept.write("feedstocks/x.yaml", "recipe: two\nparameters: {year: 2001}\n")
    assert read_feedstocks().only(["x"]).datasets[0].parameters == {"year": "2001"}


def test_a_matrix(kept: Project) -> None:
    kept.write("recipes/many/recipe.yaml", MATRIX)
    kept.write("feedstocks/x.yaml", "recipe: recipes/many\n")
    assert [d.name for d in read_feedstocks().only(["x"]).datasets] == ["x/many-a", "x/many-b", "x/many-c"]
    kept.write("feedstocks/x.yaml", "recipe: recipes/many\ndatasets: [many-c, '*-a']\n")
    assert [d.id for d in read_feedstocks().only(["x"]).datasets] == ["many-c", "many-a"]
    kept.write("feedstocks/x.yaml", "recipe: recipes/many\ndatasets: [mani-a]\n")
    assert "did you mean 'many-a'" in _errors(read_feedstocks(), "x")
    kept.write("feedstocks/x.yaml", "recipe: recipes/many-b\n")
    assert [d.id for d in read_feedstocks().only(["x"]).datasets] == ["many-b"]


def test_bakeries(kept: Project) -> None:
    kept.write("feedstocks/bakeries.yaml", "big: {runner: local, target: gs://bucket/arco, workers: 2}\n")
    kept.write("feedstocks/x.yaml", "recipe: two\nbakery: big\n")
    dataset = read_feedstocks().only(["x"]).datasets[0]
    assert (dataset.target, dataset.bakery.made.workers) == ("gs://bucket/arco", 2)
    kept.write("feedstocks/bakeries.yaml", "big: {runner: locl}\n")
    with pytest.raises(RecipeErrors, match="did you mean local"):
        read_feedstocks()


def test_warnings(kept: Project) -> None:
    kept.write("feedstocks/x.yaml", "recipe: two\n")
    kept.write("feedstocks/y.yaml", "recipe: one\n")
    kept.recipe("two", ("  append: time\n", ""))
    kept.write("feedstocks/z.yaml", 'recipe: two\nschedule: "@daily"\nmode: append\ntarget: z\n')
    found = read_feedstocks()
    assert [w.code for w in found.warnings] == ["A016", "A015"]
    assert str(found.warnings[0]).startswith("feedstocks/z.yaml:3:7: mode: the recipe does not append")
    assert "(x, y)" in str(found.warnings[1])


def test_names(kept: Project) -> None:
    found = read_feedstocks()
    assert found.only([]) is found
    assert len(found.only(["one"]).datasets) == 1
    with pytest.raises(AutomationError, match="did you mean 'one'") as caught:
        found.only(["oen"])
    assert caught.value.code == "A020"


def test_no_feedstocks(project: Project) -> None:
    for words in (("due",), ("run-due",)):
        got = invoke("ci", *words)
        assert got.code == 1
        assert "[A021]" in got.err
        assert "ci promote" in got.err


def test_links_are_not_followed(kept: Project) -> None:
    (kept.folder / "feedstocks/x.yaml").symlink_to(kept.folder / "feedstocks/one.yaml")
    assert "[R002]" in _errors(read_feedstocks(), "x")
