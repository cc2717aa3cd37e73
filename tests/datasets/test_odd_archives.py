"""Odd archives become what plain xarray has of them, or an error that names it: never another value."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import PangeoForgeError

from .archives import joined
from .made import converted
from .odd import ODD, Odd


def oracle(folder: Path, case: Odd) -> xr.Dataset:
    """The files by plain xarray, one by one, joined in memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = [opened(path, case) for path in sorted((folder / "in").glob("*.nc"))]
        if "open: {dims" in case.recipe:
            parts = [ds.rename(dict(zip(ds.v.dims, ("time", "x"), strict=True))) for ds in parts]
        if "sort: x" in case.recipe:
            parts = [ds.sortby("x") for ds in parts]
        if case.oracle.get("first_x"):
            parts = [ds.assign_coords(x=parts[0].x) for ds in parts]
        if "time" not in parts[0].dims:
            parts = [ds.set_coords("time").expand_dims("time") for ds in parts]
        return joined(parts, "time")


def opened(path: Path, case: Odd) -> xr.Dataset:
    """One file, mended where xarray cannot read it or does not see that numbers are times."""
    engine, more = "scipy", {}
    if path.read_bytes()[:4] == b"\x89HDF":
        engine, more = "h5netcdf", {"phony_dims": "sort"}
        with h5py.File(path, "a") as file:
            for name in [n for n in file if file.get(n) is None]:
                del file[name]
    with xr.open_dataset(path, engine=engine, decode_cf=False, drop_variables=list(case.differs), **more) as raw:
        ds = raw.load()
    for variable in ds.variables.values():
        if "Since" in str(variable.attrs.get("units")):
            variable.attrs["units"] = variable.attrs["units"].replace("Since", "since")
    return xr.decode_cf(ds, decode_timedelta=False)


def assert_same(got: xr.Dataset, wanted: xr.Dataset, differs: Collection[str]) -> None:
    assert set(map(str, got.variables)) == set(map(str, wanted.variables))
    assert set(got.coords) == set(wanted.coords)
    for name, variable in wanted.variables.items():
        mine = got[name].variable
        assert mine.dims == variable.dims, name
        values, expected = np.asarray(mine.values), np.asarray(variable.values)
        if expected.dtype.kind in "OSTU":
            texts = [v.decode() if isinstance(v, bytes) else v for v in values.astype(object).ravel()]
            wanted_texts = [v.decode() if isinstance(v, bytes) else v for v in expected.astype(object).ravel()]
            assert texts == wanted_texts, name
        elif expected.dtype.kind == "f":
            np.testing.assert_allclose(values, expected, rtol=1e-7, err_msg=str(name))
            np.testing.assert_array_equal(np.signbit(values), np.signbit(expected), err_msg=str(name))
        else:
            assert values.dtype.kind == expected.dtype.kind, (name, values.dtype, expected.dtype)
            np.testing.assert_array_equal(values, expected, err_msg=str(name))
        assert _comparable(mine, differs) == _comparable(variable, differs), name


def _comparable(variable: xr.Variable, differs: Collection[str]) -> dict[str, str]:
    """Attributes as text, in which NaN equals NaN."""
    named = {k: np.asarray(v).tolist() for k, v in variable.attrs.items() if k != "coordinates"}
    return {k: repr(v) for k, v in named.items() if not any(d.endswith(f"@{k}") for d in differs)}


CASES = [pytest.param(name, marks=() if i % 8 == 0 else pytest.mark.slow) for i, name in enumerate(ODD)]


@pytest.mark.parametrize("name", CASES)
def test_odd_archive(name: str, tmp_path: Path) -> None:
    case = ODD[name]
    (tmp_path / "in").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case.write(tmp_path / "in")
        text = f'inputs: {{glob: "{tmp_path}/in/*.nc", concat: {{time: {{}}}}}}\n{case.recipe}\n'
        if case.outcome != "same":
            with pytest.raises(PangeoForgeError) as caught:
                converted(tmp_path, text)
            assert caught.value.code == case.outcome, str(caught.value)
            assert ".nc" in str(caught.value)
            return
        got = converted(tmp_path, text, decode_timedelta=False)
        assert_same(got.drop_vars(list(case.differs), errors="ignore").load(), oracle(tmp_path, case), case.differs)


def made(name: str, folder: Path) -> xr.Dataset:
    """What becomes of an odd archive."""
    (folder / "in").mkdir()
    ODD[name].write(folder / "in")
    return converted(folder, f'inputs: {{glob: "{folder}/in/*.nc", concat: {{time: {{}}}}}}').load()


def test_fixed_strings_that_are_missing(tmp_path: Path) -> None:
    got = made("fixed_strings_with_a_fill_value", tmp_path)
    assert got.variables["name"].isnull().values.tolist() == [False, True] * 2
    assert got.variables["name"].values[::2].tolist() == ["ab", "ab"]


def test_a_dimension_twice(tmp_path: Path) -> None:
    got = made("a_dimension_twice", tmp_path)
    assert got.cov.dims == ("time", "x", "x")
    np.testing.assert_array_equal(got.cov.values, np.concatenate([np.arange(8).reshape(2, 2, 2)] * 2))
