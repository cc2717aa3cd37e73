"""From an argument to recipes: finding, parameters, overrides, matrix, fingerprint."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from pathlib import Path

import pytest

from pangeo_forge.errors import RecipeError, RecipeErrors
from pangeo_forge.recipe import load_recipe, load_recipes
from pangeo_forge.recipe.lint import lint
from pangeo_forge.recipe.values import written

VALID = Path(__file__).parent / "valid"
BODY = """\
format_version: 1
id: sst
title: SST
license: CC0-1.0
parameters:
  first: {default: 1981, description: year}
  place: {default: host}
  day: {default: today}
inputs:
  url: https://{place}/{year}.nc?d={day:%Y%m%d}
  concat:
    year: {start: "{first}", end: 1990}
target: {chunks: {year: 20}}
"""


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    folder = tmp_path / "recipes" / "sst"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(BODY)
    return tmp_path / "recipes"


def test_by_file_folder_and_id(recipes: Path) -> None:
    found = [
        load_recipe(recipes / "sst" / "recipe.yaml"),
        load_recipe(recipes / "sst"),
        load_recipe("sst", recipes_dir=recipes),
    ]
    assert [r.id for r in found] == ["sst"] * 3
    assert found[0].folder == recipes / "sst"
    assert found[0].locate("title").endswith("recipe.yaml:3:8")


def test_not_found_names_what_is_close(recipes: Path) -> None:
    with pytest.raises(RecipeError, match="did you mean 'sst'") as caught:
        load_recipe("sts", recipes_dir=recipes)
    assert caught.value.code == "R080"
    (recipes / "empty").mkdir()
    with pytest.raises(RecipeError, match=r"no recipe\.yaml"):
        load_recipe(recipes / "empty")


def test_parameters(recipes: Path) -> None:
    recipe = load_recipe(recipes / "sst", now=dt.date(2026, 3, 4))
    assert recipe.inputs.url == "https://host/{year}.nc?d=20260304"
    assert written(recipe.inputs.concat["year"].values) == {"start": 1981, "end": 1990}
    given = load_recipe(recipes / "sst", params={"first": "1985", "place": "other"}, now=dt.date(2026, 3, 4))
    assert written(given.inputs.concat["year"].values)["start"] == 1985
    assert given.inputs.url is not None
    assert given.inputs.url.startswith("https://other/")
    assert given.source.data()["inputs"]["url"].startswith("https://{place}")
    assert given.fingerprint() != recipe.fingerprint()


@pytest.mark.parametrize(
    ("params", "message"), [({"frist": "1"}, "did you mean 'first'"), ({"first": "soon"}, "is not a int")]
)
def test_wrong_parameters(recipes: Path, params: dict[str, str], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(recipes / "sst", params=params)
    assert caught.value.code == "R070"


def test_set(recipes: Path) -> None:
    recipe = load_recipe(
        recipes / "sst",
        set_=["inputs.concat.year.end=1983", "fetch.retries=1", "checks=[{sample: 0}]", "target.name=x"],
    )
    assert written(recipe.inputs.concat["year"].values)["end"] == 1983
    assert recipe.fetch.retries == 1
    assert recipe.target.name == "x"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("inputs.concat.year.ennd=1", "--set inputs.concat.year.ennd.*unknown key 'ennd'.*did you mean 'end'"),
        ("inputs.url.x=1", r"inputs\.url has no 'x'"),
        ("transforms.3.drop=[a]", "has no 3|has no '3'|should be a list"),
        ("nothing", "is not a setting"),
        ("fetch.cache=maybe", "true or false"),
    ],
)
def test_wrong_set(recipes: Path, setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(recipes / "sst", set_=[setting])


def test_id_of_another_folder_is_a_lint_error_only(recipes: Path) -> None:
    (recipes / "sst").rename(recipes / "other")
    report = lint("other", recipes_dir=recipes)
    assert [e.code for e in report.errors] == ["R020"]
    assert load_recipe("other", recipes_dir=recipes).id == "sst"


def test_matrix() -> None:
    made = load_recipes(VALID / "cmip6.yaml")
    assert [r.id for r in made] == ["cmip6-cesm2-historical-sifb", "cmip6-canesm5-ssp585-tas"]
    assert made[0].transforms[0].arguments == ["sifb"]
    assert made[0].inputs.csv is not None
    assert made[0].inputs.csv.path.startswith("files/CMIP6.CMIP.NCAR")
    assert made[0].fingerprint() != made[1].fingerprint()
    with pytest.raises(RecipeError, match="makes 2 recipes"):
        load_recipe(VALID / "cmip6.yaml")


def test_one_of_a_matrix_by_its_id(tmp_path: Path) -> None:
    folder = tmp_path / "cmip6"
    folder.mkdir()
    (folder / "recipe.yaml").write_text((VALID / "cmip6.yaml").read_text())
    assert load_recipe("cmip6-canesm5-ssp585-tas", recipes_dir=tmp_path).id == "cmip6-canesm5-ssp585-tas"
    assert lint("cmip6", recipes_dir=tmp_path).ok


def test_fingerprint_is_of_data_only(recipes: Path) -> None:
    path = recipes / "sst"
    before = load_recipe(path).fingerprint()
    assert len(before) == 64
    for setting in ("title=Other", "fetch.retries=1", "checks=[{sample: 0}]", "target.name=x", "transforms=[]"):
        assert load_recipe(path, set_=[setting]).fingerprint() == before, setting
    for setting in (
        "inputs.concat.year.end=1983",
        "target.chunks.year=5",
        "transforms=[{drop: [a]}]",
        "combine.coords=first",
    ):
        assert load_recipe(path, set_=[setting]).fingerprint() != before, setting


def test_recipe_is_frozen_pickles_and_shows_itself(recipes: Path) -> None:
    recipe = load_recipe(recipes / "sst")
    with pytest.raises(Exception, match="frozen"):
        recipe.title = "x"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(recipe)).fingerprint() == recipe.fingerprint()
    assert copy.deepcopy(recipe) == recipe
    assert "chunks year: 20" in repr(recipe)
    html = load_recipe(recipes / "sst", set_=["title=<b>x</b>"])._repr_html_()
    assert "&lt;b&gt;x" in html


def test_all_errors_are_raised_at_once(recipes: Path) -> None:
    with pytest.raises(RecipeErrors) as caught:
        load_recipe(recipes / "sst", set_=["fetch.retries=-1", "target.chunk=1", "license=CC9"])
    assert {e.code for e in caught.value.errors} == {"R016", "R010", "R022"}


def test_values_written_back() -> None:
    made = load_recipe(VALID / "coastwatch-sst.yaml").inputs.concat["time"].values
    assert written(made)["when"] == [{"before": "2017-01-01", "org": "STAR"}, {"org": "OSPO"}]
    table = load_recipe(VALID / "woa18.yaml").inputs.merge["variable"].values
    assert written(table)["silicate"] == {"period": "all", "letter": "i"}
    forms = load_recipe(VALID / "forms-values.yaml").inputs
    assert list(written(forms.merge["kind"].values)) == ["NO", 1]
    assert forms.concat["year"].dim == "time"
