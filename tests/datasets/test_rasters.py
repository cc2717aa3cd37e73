"""GRIB and GeoTIFF, against cfgrib and rasterio."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr

from pangeo_forge.errors import CombineError

from .conversion import DATA, assert_attrs, convert, files

pytestmark = pytest.mark.slow

READ = """
import os, pickle, sys, warnings
warnings.simplefilter("ignore")
import xarray as xr
found = []
for path in sys.argv[1:]:
    ds = xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": ""}).load()
    found.append({n: (v.dims, v.values, dict(v.attrs), n in ds.coords) for n, v in ds.variables.items()})
sys.stdout.buffer.write(pickle.dumps(found)); sys.stdout.flush(); os._exit(0)
"""


def by_cfgrib(paths: list[Path]) -> list[xr.Dataset]:
    """Inputs by xarray's cfgrib engine; in another process, since eccodes and pyproj in one may crash."""
    ran = subprocess.run([sys.executable, "-c", READ, *map(str, paths)], stdout=subprocess.PIPE, check=True)
    made = []
    for variables in pickle.loads(ran.stdout):
        ds = xr.Dataset({n: (dims, values, attrs) for n, (dims, values, attrs, _) in variables.items()})
        made.append(ds.set_coords([n for n, v in variables.items() if v[3]]))
    return made


def test_safrica_scalars_that_differ_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(CombineError) as caught:
        convert("safrica-gfs", tmp_path, set_=["transforms=[]"], prune=2)
    assert caught.value.code == "C009"
    assert "valid_time" in str(caught.value)


def test_safrica_along_step(tmp_path: Path) -> None:
    paths = files("safrica_grib2_split")
    got = convert("safrica-gfs", tmp_path, prune=3).store
    kept = by_cfgrib([*paths[:2], paths[-1]])
    assert got.pwat.dims == ("step", "y", "x")
    assert got.sizes["step"] == 3
    for i, part in enumerate(kept):
        for name in ("pwat", "btmp", "prate"):
            assert got[name].dtype == part[name].dtype
            np.testing.assert_array_equal(got[name].isel(step=i).values, part[name].values)
            shared = {
                k: v
                for k, v in part[name].attrs.items()
                if all(k in p[name].attrs and p[name].attrs[k] == v for p in kept)
            }
            assert_attrs(got[name].attrs, shared, name)
        for name in ("step", "valid_time"):
            assert got[name].isel(step=i).values == part[name].values, name
        for name in ("time", "latitude", "longitude", "atmosphereSingleLayer"):
            np.testing.assert_array_equal(got[name].values, part[name].values, err_msg=name)
            assert name in got.coords


def test_polar_stereographic_grib(tmp_path: Path) -> None:
    (expected,) = by_cfgrib([DATA / "singles/polar_stereo.grib2"])
    got = convert("single-polar-stereo", tmp_path).store
    assert set(map(str, got.variables)) == set(map(str, expected.variables))
    assert set(got.coords) == set(expected.coords)
    for name, variable in expected.variables.items():
        assert got[name].dims == variable.dims
        np.testing.assert_array_equal(got[name].values, variable.values, err_msg=str(name))
    assert_attrs(got.t.attrs, {k: v for k, v in expected.t.attrs.items() if v is not None}, "t")


def test_lcmap_year_from_the_name(tmp_path: Path) -> None:
    paths = files("lcmap_annual_cog")
    got = convert("lcmap-annual", tmp_path).store
    assert got.band_data.dims == ("time", "y", "x")
    assert got.time.values.astype("M8[D]").astype(str).tolist() == ["2019-01-01", "2020-01-01"]
    stored = xr.open_zarr(got.encoding["source"], mask_and_scale=False)
    for i, path in enumerate(paths):
        with rasterio.open(path) as raster:
            values: Any = raster.read(1)
            assert stored.band_data.dtype == values.dtype == np.uint8
            assert stored.band_data.attrs["_FillValue"] == raster.nodata == 0
            np.testing.assert_array_equal(stored.band_data.isel(time=i).values, values)
            np.testing.assert_array_equal(np.isnan(got.band_data.isel(time=i).values), values == 0)
            assert got.x.values[0], got.y.values[0] == raster.xy(0, 0)
            assert rasterio.crs.CRS.from_wkt(got.spatial_ref.attrs["crs_wkt"]) == raster.crs


def test_two_bands(tmp_path: Path) -> None:
    got = convert("single-tif-time", tmp_path).store
    with rasterio.open(DATA / "singles/test_data_tif_time.tif") as raster:
        values: Any = raster.read()
        assert got.band_data.encoding["dtype"] == values.dtype
        if raster.nodata is None:
            assert got.band_data.dtype == values.dtype
        np.testing.assert_array_equal(got.band_data.values, values)
        x, y = raster.xy(3, 4)
    assert (float(got.x[4]), float(got.y[3])) == pytest.approx((x, y))
    assert got.band.values.tolist() == [1, 2]
