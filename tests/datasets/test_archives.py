"""Random archives, converted, equal what xarray says of their files, joined in memory."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, assume, given, settings

from . import made
from .archives import Archive, archives, convert


def check(archive: Archive) -> None:
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        archive.write(folder)
        compare(convert(archive, folder), archive.oracle(folder))


def compare(got: xr.Dataset, expected: xr.Dataset) -> None:
    """Names, roles, dims, values, dtypes and attributes; floats to the rounding of a float32 scale_factor."""
    assert set(map(str, got.variables)) == set(map(str, expected.variables))
    assert set(got.coords) == set(expected.coords)
    assert "part" not in got.attrs or got.attrs["part"] == expected.attrs.get("part")
    assert got.attrs["title"] == "made"
    for name, variable in expected.variables.items():
        mine = got[name].variable
        assert mine.dims == variable.dims, name
        assert mine.attrs == variable.attrs, name
        values, wanted = np.asarray(mine.values), np.asarray(variable.values)
        if wanted.dtype.kind in "OTU":
            assert values.astype(object).tolist() == wanted.astype(object).tolist(), name
        elif wanted.dtype.kind == "f":
            assert values.dtype.kind == "f", (name, values.dtype)
            np.testing.assert_allclose(values, wanted, rtol=1e-6, atol=1e-6, err_msg=str(name))
        else:
            assert values.dtype.kind == wanted.dtype.kind, (name, values.dtype, wanted.dtype)
            np.testing.assert_array_equal(values, wanted, err_msg=str(name))


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(archives())
def test_random_archives(archive: Archive) -> None:
    check(archive)


@pytest.mark.long
@pytest.mark.timeout(3600)
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(archives())
def test_many_random_archives(archive: Archive) -> None:
    # Packings that differ make floats of all values, and a float64 does not hold netCDF's default fill of an int64 (a hole):
    # such archives are refused (C040), as they should be.
    wide = any(v.dtype in ("i8", "u8") for v in archive.variables)
    differing = len({repr(p) for p in archive.packings}) > 1
    assume(not (wide and differing and any(s.hole for s in archive.storages)))
    check(archive)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(archives())
def test_random_archives_through_an_engine(archive: Archive) -> None:
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        archive.write(folder)
        result, got = made.run(folder, archive.recipe(folder))
        assert all(c.passed for c in result.checks)
        compare(got, archive.oracle(folder))
