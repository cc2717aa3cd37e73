"""Inputs opened by the field's own libraries: the same values as ours, by other code."""

from __future__ import annotations

from pathlib import Path

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.dataset.plain import PlainSource, opened_plainly
from pangeo_forge.inputs.openers import opened
from pangeo_forge.inputs.source import InputSource, OpenOptions


def _sources(ds: xr.Dataset) -> dict[str, bool]:
    """By variable: whether another library reads it."""
    return {str(n): isinstance(getattr(v._data, "source", None), PlainSource) for n, v in ds.variables.items()}


def _same(path: Path, options: OpenOptions) -> dict[str, bool]:
    source = InputSource(path.name, str(path))
    with opened_plainly(source, options) as plain, opened(source, options) as ours:
        assert (set(plain.variables), set(plain.coords)) == (set(ours.variables), set(ours.coords))
        for name, variable in ours.variables.items():
            other = plain.variables[name]
            assert (other.dims, repr(other.attrs)) == (variable.dims, repr(variable.attrs))
            np.testing.assert_array_equal(np.asarray(other.data), np.asarray(variable.data))
        return _sources(plain)


def test_hdf5_is_read_by_h5py(tmp_path: Path) -> None:
    with h5netcdf.File(tmp_path / "a.nc", "w") as file:
        group = file.create_group("g")
        group.dimensions = {"time": None, "x": 3, "word": 4}
        group.resize_dimension("time", 2)
        group.create_variable("x", ("x",), data=np.arange(3.0))
        rain = group.create_variable(
            "rain", ("time", "x"), data=np.arange(6, dtype=">i2").reshape(2, 3), compression="gzip", chunks=(1, 3)
        )
        rain.attrs["scale_factor"] = 0.5
        group.create_variable("word", ("x", "word"), data=np.full((3, 4), b"x", "S1"))
    found = _same(tmp_path / "a.nc", OpenOptions(group="g"))
    # Coordinates of dimensions are loaded; text is left to us.
    assert found == {"x": False, "rain": True, "word": False}


def test_names_of_dimensions_are_ours(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = np.arange(12.0).reshape(3, 4)
    assert _same(tmp_path / "a.h5", OpenOptions(dims={"/a": ["lat", "lon"]})) == {"a": True}


@pytest.mark.parametrize("version", ["NETCDF3_CLASSIC", "NETCDF3_64BIT"])
def test_netcdf3_is_read_by_scipy(tmp_path: Path, version: str) -> None:
    ds = xr.Dataset({"rain": (("time", "x"), np.ones((2, 3), "f4"))}, {"x": np.arange(3.0)})
    ds.to_netcdf(tmp_path / "a.nc", engine="scipy", format=version)  # type: ignore[call-overload]
    assert _same(tmp_path / "a.nc", OpenOptions()) == {"rain": True, "x": False}
