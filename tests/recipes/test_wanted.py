"""What other archives need besides the twenty: other dims than keys, one huge file, run dates, endpoints, tiles, groups."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import pytest
import yaml

from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.execution import run_recipe
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.settings import RunSettings

from .standins.archive import opened, stored, times
from .standins.files import netcdf4

RNG = np.random.default_rng(4)


def recipe(folder: Path, text: str, **how: Any) -> Recipe:
    path = folder / "recipe.yaml"
    path.write_text("format_version: 1\nid: wanted\ntitle: T\nlicense: MIT\n" + text)
    return load_recipe(path, **how)


def run(model: Recipe, folder: Path, **settings: Any) -> RunResult:
    return run_recipe(model, RunSettings(target=str(folder / "out.zarr"), mode="single", workers=1, seed=1, **settings))


def series(path: Path, values: np.ndarray, first: int, dim: str = "time", **more: Any) -> None:
    axis = ((dim,), np.arange(first, first + len(values), dtype="f8"), {"units": "days since 2000-01-01"})
    netcdf4(path, {"v": ((dim, "y", "x"), values, {}), dim: axis, **more})


def test_a_key_of_another_name_than_the_dimension(tmp_path: Path) -> None:
    """MAR: files are numbered by `id`, their dimension is TIME."""
    values = RNG.random((6, 2, 3)).astype("f4")
    for i in range(3):
        series(tmp_path / f"mar_{i + 1:03}.nc", values[2 * i : 2 * i + 2], 2 * i, "TIME")
    text = """
inputs:
  url: mar_{id:03d}.nc
  concat:
    id: {dim: TIME, values: {start: 1, end: 3}}
target: {chunks: {TIME: 4}}
"""
    run(recipe(tmp_path, text), tmp_path)
    ds = opened(str(tmp_path / "out.zarr"))
    np.testing.assert_array_equal(ds.v.values, values)
    assert ds.v.dims == ("TIME", "y", "x")


@pytest.mark.long
def test_one_huge_file_is_many_tasks(tmp_path: Path) -> None:
    """E-OBS: a single file, larger than the memory of a task."""
    values = RNG.random((400, 50, 60)).astype("f4")
    series(tmp_path / "eobs.nc", values, 0)
    text = """
inputs: {url: eobs.nc}
target: {chunks: {time: 20, y: 25, x: 60}}
"""
    result = run(recipe(tmp_path, text), tmp_path, max_memory="2MB")
    assert result.tasks >= 4
    np.testing.assert_array_equal(opened(str(tmp_path / "out.zarr")).v.values, values)


def test_the_date_of_the_run_is_a_parameter(tmp_path: Path) -> None:
    """RIOPS: today's forecast, or that of yesterday."""
    text = """
parameters:
  date: {default: today, description: Day of the run.}
inputs:
  url: https://dd.weather.gc.ca/{date:%Y%m%d}/00/{date - 1D:%Y%m%d}_P{hour:03d}.nc
  concat:
    hour: {dim: time, values: {start: 1, end: 84}}
"""
    for how, day, before in (
        ({"now": dt.date(2026, 3, 1)}, "20260301", "20260228"),
        ({"params": {"date": "2024-03-01"}}, "20240301", "20240229"),
    ):
        model = recipe(tmp_path, text, **how)
        urls = [i.url for i in FilePattern.from_inputs(model.inputs, folder=model.folder)]
        assert (urls[0], len(urls)) == (f"https://dd.weather.gc.ca/{day}/00/{before}_P001.nc", 84)


@pytest.mark.parametrize(
    "text",
    [
        "inputs: {url: 's3://Pangeo/a.nc'}\nfetch: {storage_options: {anon: true, endpoint_url: 'https://ncsa.osn.xsede.org'}}",
        "inputs: {url: 'sftp://host.example/data/a.nc'}\nfetch: {auth: {kind: basic, secret: LOGIN}}",
        "inputs: {url: 'zip://a.nc::https://host.example/a.zip'}",
    ],
)
def test_other_places(tmp_path: Path, text: str) -> None:
    model = recipe(tmp_path, text)
    assert len(FilePattern.from_inputs(model.inputs, folder=model.folder)) == 1


def tile(path: Path, values: np.ndarray, y: int, x: int) -> None:
    axes = {"y": np.arange(y, y + values.shape[0]), "x": np.arange(x, x + values.shape[1])}
    netcdf4(
        path,
        {"v": (("y", "x"), values, {}), **{n: ((n,), a.astype("f8"), {"units": "m"}) for n, a in axes.items()}},
    )


TILES = """
inputs:
  url: tile_{row}_{column}.nc
  concat:
    row: {dim: %s, values: [0, 1]}
    column: {dim: x, values: [0, 1, 2]}
target: {chunks: {y: 3, x: 5}}
"""


def test_tiles(tmp_path: Path) -> None:
    whole = RNG.random((6, 12)).astype("f4")
    for row in range(2):
        for column in range(3):
            part = whole[3 * row : 3 * row + 3, 4 * column : 4 * column + 4]
            tile(tmp_path / f"tile_{row}_{column}.nc", part, 3 * row, 4 * column)
    run(recipe(tmp_path, TILES % "y"), tmp_path)
    np.testing.assert_array_equal(stored(tmp_path / "out.zarr").v.values, whole)


def test_tiles_are_not_appended_along_time(tmp_path: Path) -> None:
    for column in range(2):
        tile(tmp_path / f"tile_{column}.nc", RNG.random((3, 4)).astype("f4"), 0, 4 * column)
    text = "inputs:\n  url: tile_{time}.nc\n  concat: {time: [0, 1]}\n"
    with pytest.raises(PangeoForgeError, match="x"):
        run(recipe(tmp_path, text), tmp_path)
    assert not (tmp_path / "out.zarr").exists()


@pytest.mark.long
def test_groups_of_one_file_in_one_store(tmp_path: Path) -> None:
    values = RNG.random((3, 2, 4, 5)).astype("f4")
    for i in range(3):
        with h5netcdf.File(tmp_path / f"granule_{i}.nc", "w") as file:
            file.dimensions = {"line": 4, "pixel": 5}
            for name, part in (("geolocation/latitude", values[i, 0]), ("product/column", values[i, 1])):
                file.create_variable(f"/{name}", ("line", "pixel"), "f4", data=part)
    text = yaml.safe_dump(
        {
            "inputs": {"glob": "granule_*.nc", "concat": {"line": {}}},
            "open": {"group": ["/geolocation", "/product"]},
        }
    )
    run(recipe(tmp_path, text), tmp_path)
    ds = stored(tmp_path / "out.zarr")
    np.testing.assert_array_equal(ds.latitude.values, values[:, 0].reshape(12, 5))
    np.testing.assert_array_equal(ds["column"].values, values[:, 1].reshape(12, 5))


@pytest.mark.long
def test_merge_keys_beside_a_glob(tmp_path: Path) -> None:
    values = {n: RNG.random((4, 2, 3)).astype("f4") for n in ("a", "b")}
    for name, both in values.items():
        for i in range(2):
            path = tmp_path / f"data/{name}_{i}.nc"
            path.parent.mkdir(exist_ok=True)
            axis = (("time",), np.arange(2 * i, 2 * i + 2, dtype="f8"), {"units": "days since 2000-01-01"})
            netcdf4(path, {name: (("time", "y", "x"), both[2 * i : 2 * i + 2], {}), "time": axis})
    text = 'inputs:\n  glob: "data/{name}_*.nc"\n  concat: {time: {}}\n  merge: {name: [a, b]}\n'
    run(recipe(tmp_path, text), tmp_path)
    ds = opened(str(tmp_path / "out.zarr"))
    for name, both in values.items():
        np.testing.assert_array_equal(ds[name].values, both)
    assert times(ds)[-1] == "2000-01-04T00:00:00"
