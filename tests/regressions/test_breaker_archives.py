"""Small archives that runs once refused, or failed on, though nothing was wrong with them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
import yaml

import pangeo_forge

pytestmark = pytest.mark.slow


def _write(path: Path, time: Any, units: str, variables: dict[str, tuple[str, Any, dict[str, Any]]]) -> None:
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("n", len(time))
        for name, (dtype, values, attrs) in {"n": ("f8", time, {"units": units}), **variables}.items():
            chunked = {"zlib": True, "chunksizes": (2,)}
            rest = dict(attrs)
            variable = file.createVariable(name, dtype, ("n",), fill_value=rest.pop("_FillValue", None), **chunked)
            variable.set_auto_maskandscale(False)
            variable.setncatts(rest)
            variable[:] = values


def _run(folder: Path, paths: list[Path], **more: Any) -> xr.Dataset:
    body = {
        "format_version": 1,
        "id": "x",
        "title": "x",
        "license": "CC0-1.0",
        "inputs": {"files": [str(p) for p in paths], "concat": {"n": {}}, **more},
    }
    (folder / "x").mkdir()
    (folder / "x" / "recipe.yaml").write_text(yaml.safe_dump(body))
    recipe = pangeo_forge.load_recipe(str(folder / "x"))
    target = folder / "out.zarr"
    recipe.run(target=str(target), cache=str(folder / "cache"), mode="single")
    return xr.open_dataset(target, engine="zarr")


def _expected(paths: list[Path]) -> xr.Dataset:
    return xr.concat([xr.open_dataset(p).load() for p in paths], "n")


@pytest.mark.parametrize("wrapper", ["gz", "bz2", "xz", "zip"])
def test_stored_arrays_of_compressed_inputs_are_read(tmp_path: Path, wrapper: str) -> None:
    plain, wrapped = [], []
    for i in range(2):
        path = tmp_path / f"{i}.nc"
        _write(path, np.arange(4) + 4 * i, "days since 2000-01-01", {"v": ("f4", np.arange(4) + 10 * i, {})})
        plain.append(path)
        packed = tmp_path / f"{i}.nc.{wrapper}"
        data = path.read_bytes()
        if wrapper == "zip":
            with zipfile.ZipFile(packed, "w") as archive:
                archive.writestr("in/a.nc", data)
        else:
            packed.write_bytes({"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[wrapper](data))
        wrapped.append(packed)
    found = _run(tmp_path, wrapped, **({"member": "in/a.nc"} if wrapper == "zip" else {}))
    xr.testing.assert_equal(found, _expected(plain))


@pytest.mark.parametrize("first", [0, -1])
@pytest.mark.parametrize("units", [("days", "days"), ("days", "hours")])
def test_integer_times_may_begin_or_end_missing(tmp_path: Path, first: int, units: tuple[str, str]) -> None:
    paths = []
    for i in range(2):
        when = np.array([1, 2, 3], "i4") + i
        when[first] = -999
        attrs = {"units": f"{units[i]} since 2000-01-0{i + 1}", "_FillValue": np.int32(-999)}
        paths.append(tmp_path / f"{i}.nc")
        _write(paths[-1], np.arange(3) + 3 * i, "days since 2000-01-01", {"seen": ("i4", when, attrs)})
    found, expected = _run(tmp_path, paths), _expected(paths)
    assert found.seen.isnull().sum() == 2
    np.testing.assert_array_equal(found.seen.values, expected.seen.values)


def test_float_times_may_be_nan_where_units_differ(tmp_path: Path) -> None:
    paths = [tmp_path / "0.nc", tmp_path / "1.nc"]
    for i, path in enumerate(paths):
        seen = ("f8", [np.nan, 1.0 + i], {"units": f"days since 2000-01-0{i + 1}"})
        _write(path, [2 * i, 2 * i + 1], "days since 2000-01-01", {"seen": seen})
    found, expected = _run(tmp_path, paths), _expected(paths)
    np.testing.assert_array_equal(found.seen.values, expected.seen.values)


def test_float32_offsets_that_cancel_are_no_difference(tmp_path: Path) -> None:
    attrs = {"scale_factor": np.float32(0.001), "add_offset": np.float32(20), "_FillValue": np.int16(-32768)}
    paths = [tmp_path / "0.nc"]
    _write(paths[0], [0, 1, 2], "days since 2000-01-01", {"temperature": ("i2", [-19999, -20001, 500], attrs)})
    found, expected = _run(tmp_path, paths), _expected(paths)
    np.testing.assert_allclose(found.temperature, expected.temperature, rtol=0, atol=2e-5)


def test_empty_attributes_are_no_damage(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "0.nc"
    _write(path, [0, 1, 2], "days since 2000-01-01", {"v": ("f4", [1, 2, 3], {})})
    with h5py.File(path, "a") as file:
        file["v"].attrs["none"] = np.array([], "f4")
        file["v"].attrs["null"] = h5py.Empty("f4")
    found = _run(tmp_path, [path])
    np.testing.assert_array_equal(found.v, [1, 2, 3])
