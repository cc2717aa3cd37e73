"""From a merged recipe to its feedstock: defaults that suit it, and nothing of anybody's overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pangeo_forge.ci.promotion import is_untouched, promote
from pangeo_forge.recipe.feedstock import load_feedstock
from pangeo_forge.recipe.schedule import check_schedule
from tests.ci.project import RECIPE, Project
from tests.cli.invocation import PROJECT, invoke


def _promote(*words: str) -> None:
    assert invoke("ci", "promote", *words).code == 0


def test_a_recipe_that_appends(project: Project) -> None:
    got = invoke("ci", "promote", "one")
    assert got.code == 0
    assert "feedstocks/one.yaml: made, is new" in got.out
    text = Path("feedstocks/one.yaml").read_text()
    assert is_untouched(text)
    made = load_feedstock("feedstocks/one.yaml")
    assert (made.recipe, made.mode, made.bakery) == ("recipes/one", "append", "local")
    assert "daily: the inputs step by 1D" in text
    _promote("recipes/one/recipe.yaml")
    assert Path("feedstocks/one.yaml").read_text() == text


@pytest.mark.parametrize(
    ("step", "how"),
    [("30min", "daily"), ("6h", "daily"), ("8D", "weekly"), ("1W", "weekly"), ("1MS", "monthly"), ("1YS", "yearly")],
)
def test_schedules_suit_the_step(project: Project, step: str, how: str) -> None:
    project.recipe("one", ("step: 1D", f"step: {step}"))
    _promote("one")
    assert f"UTC; {how}: the inputs step by {step}" in Path("feedstocks/one.yaml").read_text()
    assert check_schedule(load_feedstock("feedstocks/one.yaml").schedule)


def test_schedules_are_spread(project: Project) -> None:
    for n in range(20):
        project.recipe(f"r{n}")
    _promote(*(f"r{n}" for n in range(20)))
    assert len({load_feedstock(f"feedstocks/r{n}.yaml").schedule for n in range(20)}) > 15


def test_a_recipe_that_does_not_append(project: Project) -> None:
    project.recipe("one", ("  append: time\n", ""))
    _promote("one")
    made = load_feedstock("feedstocks/one.yaml")
    assert (made.schedule, made.mode, made.keep) == ("@once", "rebuild", 2)
    assert "does not append" in Path("feedstocks/one.yaml").read_text()


def test_a_matrix_gets_one_feedstock(project: Project) -> None:
    text = RECIPE.format(id="many").replace("id: many", 'id: "many-{model}"\nmatrix:\n  model: [a, b]')
    project.write("recipes/many/recipe.yaml", text)
    _promote("many")
    assert "The matrix makes 2 datasets" in Path("feedstocks/many.yaml").read_text()
    assert '"id": "many/many-a"' in invoke("ci", "due", "--json").out


def test_what_was_made_follows_the_recipe_until_somebody_changes_it(project: Project) -> None:
    _promote("one")
    project.recipe("one", ("step: 1D", "step: 1MS"))
    got = invoke("ci", "promote", "one")
    assert "updated, the recipe has changed" in got.out
    path = Path("feedstocks/one.yaml")
    assert "monthly" in path.read_text()
    path.write_text(path.read_text().replace("timeout: 6h", "timeout: 9h"))
    mine = path.read_text()
    project.recipe("one")
    got = invoke("ci", "promote", "one")
    assert "kept, was written or changed by people" in got.out
    assert path.read_text() == mine


def test_another_feedstock_may_keep_the_recipe(project: Project) -> None:
    project.write("feedstocks/mine.yaml", "recipe: recipes/one\ntarget: x\n")
    got = invoke("ci", "promote", "one")
    assert "feedstocks/mine.yaml: kept, mine.yaml keeps it" in got.out
    assert not Path("feedstocks/one.yaml").exists()


def test_check_writes_nothing(project: Project) -> None:
    got = invoke("ci", "promote", "one", "--check")
    assert got.code == 1
    assert "to be made" in got.out
    assert not Path("feedstocks").exists()
    _promote("one")
    _promote("one", "--check")
    project.write("feedstocks/bad.yaml", "recipe: oen\n")
    _promote("one", "--check")
    got = invoke("ci", "promote", "--check")
    assert got.code == 1
    assert "[A010]" in got.err


def test_since_a_revision(project: Project) -> None:
    for name in ("one", "two"):
        _promote(name)
    project.commit()
    project.git("checkout", "-q", "-B", "main")
    project.git("checkout", "-q", "-b", "later")
    project.recipe("three")
    project.recipe("one", ("step: 1D", "step: 8D"))
    (project.folder / "recipes/two/recipe.yaml").unlink()
    got = invoke("ci", "promote", "--base", "main", "--json")
    assert got.code == 1
    assert {f["recipe"]: f["action"] for f in got.json["feedstocks"]} == {
        "one": "update", "three": "create", "two": "orphan",
    }  # fmt: skip
    assert Path("feedstocks/two.yaml").exists()
    assert Path("feedstocks/three.yaml").exists()


def test_a_wrong_recipe_does_not_stop_the_others(project: Project) -> None:
    project.recipe("two", ("time: 20", "time: many"))
    got = invoke("ci", "promote", "two", "tow", "one")
    assert got.code == 1
    assert "recipes/two/recipe.yaml:" in got.err
    assert "did you mean 'two'" in got.err
    assert Path("feedstocks/one.yaml").exists()


def test_bakery(project: Project) -> None:
    project.write("feedstocks/bakeries.yaml", "cloud: {runner: local, target: gs://b/arco}\n")
    _promote("one")
    assert load_feedstock("feedstocks/one.yaml").bakery == "cloud"
    project.write("feedstocks/bakeries.yaml", "cloud: {runner: local}\ndefault: {runner: local}\n")
    _promote("one")
    assert load_feedstock("feedstocks/one.yaml").bakery == "default"


def test_a_link_is_not_written_through(project: Project) -> None:
    project.write("elsewhere", "mine")
    project.write("feedstocks/x.yaml", "recipe: two\n")
    Path("feedstocks/one.yaml").symlink_to("../elsewhere")
    got = invoke("ci", "promote", "one")
    assert got.code == 1
    assert "[A018]" in got.err
    assert Path("elsewhere").read_text() == "mine"


HOSTILE = ["x\nallow_python: true", "x: y", "$(touch pwned)", "-x", "bakeries", "\u00e9", "x y", "..%2f", "X"]


@pytest.mark.parametrize("folder", HOSTILE)
def test_a_folder_whose_name_would_be_more_than_a_name(project: Project, folder: str) -> None:
    """A recipe with a matrix has another id than its folder, so the folder may be called anything."""
    text = RECIPE.format(id="m").replace("id: m", 'id: "m-{model}"\nmatrix:\n  model: [a, b]', 1)
    project.write(f"recipes/{folder}/recipe.yaml", text)
    project.write("feedstocks/bakeries.yaml", "local: {runner: local, target: out}\n")
    base = project.git("rev-parse", "HEAD")
    project.commit()
    got = invoke("ci", "promote", "--base", base)
    assert got.code == 1
    assert "[A019]" in got.err
    assert os.listdir("feedstocks") == ["bakeries.yaml"]
    assert Path("feedstocks/bakeries.yaml").read_text().startswith("local:")


def test_what_was_checked_is_said(project: Project) -> None:
    assert "there are no feedstocks" in invoke("ci", "promote", "--check").out
    assert "no recipe to promote" in invoke("ci", "promote", "--check", "--base", "main").out
    _promote("one")
    assert "all feedstocks are right" in invoke("ci", "promote", "--check").out


def test_nothing_asked_for_is_an_error(project: Project) -> None:
    got = invoke("ci", "promote")
    assert got.code == 2
    assert "--check" in got.err


@pytest.mark.parametrize("path", sorted((PROJECT / "recipes").glob("*/recipe.yaml")), ids=lambda p: p.parent.name)
def test_every_recipe_of_the_project_can_be_promoted(path: Path, tmp_path: Path) -> None:
    (tmp_path / "recipes").symlink_to(PROJECT / "recipes")
    found = promote([path.parent.name], tmp_path)
    assert not found.errors
    for made in found.found:
        made.write()
        assert load_feedstock(made.path).recipe == f"recipes/{path.parent.name}"
