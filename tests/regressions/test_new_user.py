"""What a new user stumbled over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import CombineError
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.runs.execution import run_recipe
from pangeo_forge.runs.settings import RunSettings

RECIPE = """
format_version: 1
id: station
title: two days
inputs:
  url: "day{day}.nc"
  concat: {day: {start: 1, end: 2, step: 1}}
COMBINE
target: {chunks: {day: 1}}
"""


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """Two days; ``offset`` has the same numbers in both, and units of its own in each."""
    for day in (1, 2):
        seconds = np.arange(0, 86400, 600.0)
        xr.Dataset(
            {
                "v": ("time", seconds / 7),
                "offset": ("time", seconds, {"units": f"seconds since 2019-01-0{day} 00:00:00 0:00"}),
            },
            coords={"time": ("time", seconds + 86400.0 * day)},
        ).to_netcdf(tmp_path / f"day{day}.nc", engine="h5netcdf")
    return tmp_path


def recipe_of(folder: Path, combine: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.replace("COMBINE", combine))
    return path


def test_a_key_named_otherwise_than_its_dim_is_told_how_to_say_so(station: Path) -> None:
    recipe = load_recipe(recipe_of(station, ""))
    with pytest.raises(CombineError, match=r"concat: \{day: \{dim: time, values: ...\}\}"):
        run_recipe(recipe, RunSettings(target=str(station / "o.zarr"), mode="single"))


def test_times_that_the_scan_does_not_read_stay_readable(station: Path) -> None:
    recipe = load_recipe(recipe_of(station, "combine: {coords: first}"))
    result = run_recipe(recipe, RunSettings(target=str(station / "o.zarr"), mode="single"))
    with xr.open_zarr(result.store, chunks=None) as store:
        assert store.offset.encoding["units"] == "seconds since 2019-01-01 00:00:00"
        for day in (1, 2):
            with xr.open_dataset(station / f"day{day}.nc", engine="h5netcdf") as one:
                np.testing.assert_array_equal(store.offset.values[day - 1], one.offset.values)
