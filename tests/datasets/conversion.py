"""Run a recipe of this folder as a user would, and compare the store with what plain xarray says of the inputs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.runs.execution import run_recipe
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.settings import RunSettings

RECIPES = Path(__file__).parent / "recipes"
DATA = Path(__file__).parents[1] / "data"
SHARED = Path(os.environ.get("PANGEO_FORGE_DATA", Path(__file__).parents[3] / "shared" / "data"))

ENCODED = ("dtype", "scale_factor", "add_offset", "_FillValue", "_Unsigned", "calendar")
"""What a reader of the store must find as in the inputs."""


def files(dataset: str, pattern: str = "*") -> list[Path]:
    """Files of a dataset that the default tests hold."""
    return sorted((DATA / dataset).glob(pattern))


def shared_files(dataset: str, pattern: str = "*") -> list[Path]:
    """Files of a dataset outside of the repository; skips the test without them."""
    found = sorted((SHARED / dataset).glob(pattern))
    if not found:
        pytest.skip(f"no sample data in {SHARED / dataset}")
    return found


@dataclass(frozen=True)
class Converted:
    """A finished run and its store, opened with plain xarray."""

    result: RunResult
    store: xr.Dataset


def convert(
    name: str, target: Path, *, data: Path | str = DATA, set_: Sequence[str] = (), prune: int | None = None
) -> Converted:
    """Run ``recipes/<name>`` on the inputs under ``data``; with ``set_`` some of its values are others."""
    recipe = load_recipe(str(RECIPES / name), params={"data": str(data)}, set_=set_)
    store = target / f"{name}.zarr"
    settings = RunSettings(target=str(store), cache=str(target / "cache"), mode="single", prune=prune)
    result = run_recipe(recipe, settings)
    assert all(c.passed for c in result.checks)
    return Converted(result, xr.open_zarr(store))


def engine_of(path: Path) -> str:
    return "h5netcdf" if path.read_bytes()[:4] == b"\x89HDF" else "scipy"


def plain(path: Path, **options: Any) -> xr.Dataset:
    """One input, decoded by xarray."""
    return xr.open_dataset(path, engine=engine_of(path), **options)


def concatenated(datasets: Sequence[xr.Dataset], dim: str = "time", **options: Any) -> xr.Dataset:
    """Inputs joined in memory by xarray."""
    given = {"data_vars": "minimal", "coords": "minimal", "compat": "equals", "join": "exact"} | options
    return xr.concat(datasets, dim, combine_attrs="drop_conflicts", **given)


def assert_equals(
    got: xr.Dataset,
    expected: xr.Dataset,
    *,
    encodings: xr.Dataset | None = None,
    loose_dtype: Sequence[str] = (),
    recoded: Sequence[str] = (),
) -> None:
    """Names, roles, dims, dtypes, values, attributes and encodings of ``got`` are those of ``expected``.

    Parameters
    ----------
    encodings: a dataset whose encodings the store must have (the first input); default ``expected``.
    loose_dtype: variables that xarray decodes to another width of float: their values may differ by its rounding.
    recoded: variables whose stored dtype is not that of the first input.
    """
    assert set(map(str, got.variables)) == set(map(str, expected.variables))
    assert set(got.coords) == set(expected.coords)
    assert dict(got.sizes) == dict(expected.sizes)
    provenance = {k for k in got.attrs if k.startswith("pangeo_forge:")}
    assert "pangeo_forge:recipe_id" in provenance
    assert_attrs(
        {k: v for k, v in got.attrs.items() if k not in provenance},
        {k: v for k, v in expected.attrs.items() if k != "coordinates"},
        "dataset",
    )
    source = expected if encodings is None else encodings
    for name, variable in expected.variables.items():
        mine = got[name].variable
        assert mine.dims == variable.dims, name
        assert_attrs(mine.attrs, variable.attrs, str(name))
        if name in loose_dtype:
            np.testing.assert_allclose(mine.values, variable.values, rtol=1e-6, err_msg=str(name))
        else:
            assert mine.dtype == variable.dtype, (name, mine.dtype, variable.dtype)
            np.testing.assert_array_equal(mine.values, variable.values, err_msg=str(name))
        if name not in recoded:
            assert_encoding(mine.encoding, source[name].encoding, str(name))


def assert_attrs(got: Any, expected: Any, name: str) -> None:
    assert set(got) == set(expected), (name, sorted(set(got) ^ set(expected)))
    for key, value in expected.items():
        np.testing.assert_array_equal(got[key], value, err_msg=f"{name}: {key}")


def assert_encoding(got: Any, source: Any, name: str) -> None:
    """Encodings of the inputs are those of the store, where the input has them."""
    for key in ENCODED:
        if key not in source or source[key] is None:
            continue
        if key == "dtype":
            if np.dtype(source[key]).kind in "iuf":
                assert np.dtype(got[key]) == np.dtype(source[key]).newbyteorder("<"), (name, got[key], source[key])
        else:
            np.testing.assert_array_equal(got.get(key), source[key], err_msg=f"{name}: {key}")
