"""Forms that recipes of real archives need and that are written rarely."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from pangeo_forge.inputs.source import OpenOptions
from pangeo_forge.recipe.lint import lint
from pangeo_forge.recipe.load import load_recipes
from pangeo_forge.recipe.parameters import substitute
from pangeo_forge.recipe.transforms import Transform

BASE: dict[str, Any] = {
    "format_version": 1,
    "id": "x",
    "title": "T",
    "license": "MIT",
    "inputs": {"url": "https://h/a.nc"},
}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**BASE, **changes}))
    return path


@pytest.mark.parametrize(
    "step",
    [
        "squeeze: true",
        "assign_coords: {t: {coord: time}}",
        "expand_dims: {t: {attr: day, format: '%Y', calendar: noleap}}",
        "assign_coords: {t: {filename: '_(\\d+)', calendar: 360_day}}",
        "expand_dims: {height: {value: 10, attrs: {units: m}}}",
        "expand_dims: {t: {from_components: {ymd: ymd, second: tod}, calendar: noleap}}",
        "assign_coords: {t: {key: year, offset: 7}}",
    ],
)
def test_transforms_accepted(step: str) -> None:
    assert Transform.model_validate(yaml.safe_load(step)).arguments == next(iter(yaml.safe_load(step).values()))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("expand_dims: {t: {value: 10, attrs: m}}", "should be a mapping"),
        ("assign_coords: {t: {from_components: {ymd: d, year: y}}}", "ymd holds year"),
        ("squeeze: false", "should be a list of names"),
        ("expand_dims: {t: {coord: 3}}", "should be text"),
    ],
)
def test_transforms_refused(step: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Transform.model_validate(yaml.safe_load(step))


def test_a_matrix_in_a_folder_of_another_name(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    path = written(folder, id="m-{model}", matrix={"model": ["a", "b", "c"]}, inputs={"url": "https://h/{model}.nc"})
    assert [r.id for r in load_recipes(path)] == ["m-a", "m-b", "m-c"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{day - 1D:%Y%m%d}", "20240229"),
        ("{day + 6h:%Y-%m-%dT%H}", "2024-03-01T06"),
        ("{day - 1MS:%Y/%m}", "2024/02"),
        ("{day + 1YS:%j}", "060"),
        ("x{day - 1D}y", "x2024-02-29y"),
        ("{other - 1D:%Y}", "{other - 1D:%Y}"),
    ],
)
def test_dates_of_parameters_move(text: str, expected: str) -> None:
    assert substitute(text, {"day": "2024-03-01"}, top=False) == expected


def test_today_minus_a_day(tmp_path: Path) -> None:
    path = written(tmp_path, parameters={"day": {"default": "today"}}, inputs={"url": "https://h/{day - 1D:%Y%m%d}.nc"})
    assert load_recipes(path, now=dt.date(2026, 1, 1))[0].inputs.url == "https://h/20251231.nc"
    assert not lint(path, name="x").errors[1:]


def test_merge_keys_beside_a_glob(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    inputs = {"glob": "data/{variable}_*.nc", "concat": {"time": {}}, "merge": {"variable": ["a", "b"]}}
    assert lint(written(folder, inputs=inputs)).ok
    inputs["glob"] = "data/*.nc"
    assert "'variable' is not used in the glob" in str(lint(written(folder, inputs=inputs)).errors[0])
    inputs["glob"] = "data/{level}_{variable}.nc"
    assert "{level} is not a key" in str(lint(written(folder, inputs=inputs)).errors[0])


def test_last_day_needs_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    dates = {"start": "2002-07-04", "end": "2003-07-04", "step": "8D", "restart": "yearly"}
    inputs = {"url": "https://h/{time:%Y%m%d}_{time.last_day:%Y%m%d}.nc", "concat": {"time": dates}}
    assert lint(written(folder, inputs=inputs)).ok
    del dates["restart"]
    assert "has no field 'last_day'" in str(lint(written(folder, inputs=inputs)).errors[0])


def test_cmr_of_another_server(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    inputs = {
        "catalog": {"cmr": {"short_name": "S", "url": "https://cmr.uat.earthdata.nasa.gov/search"}},
        "concat": {"time": {}},
    }
    assert lint(written(folder, inputs=inputs)).ok


def test_earthdata_needs_a_secret(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    report = lint(written(folder, fetch={"auth": {"kind": "earthdata"}}))
    assert "key 'secret' is missing" in str(report.errors[0])


def test_the_size_of_a_request(tmp_path: Path) -> None:
    recipe = load_recipes(written(tmp_path, open={"format": "opendap", "max_request": "250MB"}))[0]
    assert OpenOptions.from_recipe(recipe).max_request == 250_000_000
    assert "is not a size" in str(lint(written(tmp_path, open={"max_request": "much"}), name="x").errors)
