"""An outline says of an input what its xarray dataset says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.dataset.scan import scan_dataset
from pangeo_forge.inputs.lazy import LazyArray
from pangeo_forge.inputs.openers import Outline, open_dataset, open_outline
from pangeo_forge.inputs.source import InputSource, OpenOptions


def _netcdf4(path: Path) -> None:
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"time": None, "lat": 4, "nv": 2, "word": 5}
        file.resize_dimension("time", 3)
        time = file.create_variable("time", ("time",), data=np.array([1, 2, 3], "i4"))
        time.attrs.update(units="days since 2000-01-01", bounds="time_bnds")
        file.create_variable("time_bnds", ("time", "nv"), data=np.arange(6, dtype="f8").reshape(3, 2))
        file.create_variable("lat", ("lat",), data=np.linspace(-1, 1, 4, dtype=">f4"))
        rain = file.create_variable(
            "rain", ("time", "lat"), data=np.ones((3, 4), "i2"), chunks=(1, 4), fillvalue=np.int16(-9)
        )
        rain.attrs.update(scale_factor=np.float32(0.1), coordinates="height")
        file.create_variable("height", (), data=np.float64(2.0))
        file.create_variable("name", ("time", "word"), data=np.full((3, 5), b"x", "S1"))
        file.attrs["title"] = "a"


def _netcdf3(path: Path) -> None:
    ds = xr.Dataset(
        {"rain": (("time", "lat"), np.ones((3, 4), "f4"), {"units": "mm"}), "k": ((), np.int32(2))},
        {"time": ("time", np.arange(3.0), {"units": "hours since 2000-01-01"}), "lat": np.arange(4.0)},
        {"title": "a"},
    )
    ds.to_netcdf(path, engine="scipy", format="NETCDF3_CLASSIC")


def _without_names(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(12.0).reshape(3, 4)
        file["b"] = np.arange(3)


MAKERS = [_netcdf4, _netcdf3, _without_names]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("decode_coords", [True, False, "all"])
def test_it_has_what_the_dataset_has(tmp_path: Path, make: Any, decode_coords: Any) -> None:
    make(tmp_path / "a.nc")
    source = InputSource(f"file://{tmp_path}/a.nc", str(tmp_path / "a.nc"), "time=1")
    options = OpenOptions(decode_coords=decode_coords, isolate=False)
    ds, outline = open_dataset(source, options), open_outline(source, options)
    assert isinstance(outline, Outline)
    assert (list(outline.variables), set(outline.coords)) == (list(ds.variables), set(ds.coords))
    assert (dict(outline.dims), outline.attrs, outline.encoding) == (dict(ds.sizes), ds.attrs, ds.encoding)
    for name, variable in ds.variables.items():
        mine = outline.variables[str(name)]
        assert (mine.dims, mine.shape, mine.dtype, mine.ndim, mine.size) == (
            variable.dims,
            variable.shape,
            variable.dtype,
            variable.ndim,
            variable.size,
        )
        assert repr((mine.attrs, mine.encoding)) == repr((variable.attrs, variable.encoding))
        assert isinstance(mine._data, LazyArray) == isinstance(variable._data, LazyArray)
    assert repr(scan_dataset(outline, (0,), "a", ("time",))) == repr(scan_dataset(ds, (0,), "a", ("time",)))


def test_what_xarray_would_convert_has_none(tmp_path: Path) -> None:
    with h5netcdf.File(tmp_path / "a.nc", "w") as file:
        file.dimensions = {"x": 3}
        file.create_variable("x", ("x",), data=np.arange(3, dtype="f2"))
    source = InputSource("a.nc", str(tmp_path / "a.nc"))
    assert isinstance(open_outline(source, OpenOptions(isolate=False)), xr.Dataset)
