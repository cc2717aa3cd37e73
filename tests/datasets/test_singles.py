"""Single files with quirks of their own, against xarray."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cftime
import numpy as np
import pytest
import xarray as xr

from .conversion import DATA, SHARED, assert_equals, convert, plain, shared_files

pytestmark = pytest.mark.slow


def test_eraint_packed_with_a_fill_value_that_no_integer_is(tmp_path: Path) -> None:
    (path,) = shared_files("singles", "eraint_uvz.nc")
    got = convert("single-eraint", tmp_path, data=SHARED).store
    expected = plain(path)
    for name in expected.variables:
        # NaN is no int16: it cannot be the fill value of an array of the store, and masks nothing in the input.
        expected[name].encoding.pop("_FillValue", None)
    assert_equals(got, expected)
    assert got.u.encoding["dtype"] == "int16"


def test_gpcp_gets_a_time_dimension(tmp_path: Path) -> None:
    (path,) = shared_files("singles", "gpcp*.nc")
    got = convert("single-gpcp", tmp_path, data=SHARED).store
    expected = plain(path, use_cftime=True)
    assert got.precip.dims == got.precip_error.dims == ("time", "nlat", "nlon")
    np.testing.assert_array_equal(got.precip.values[0], expected.precip.values)
    np.testing.assert_array_equal(got.precip_error.values[0], expected.precip_error.values)
    assert got.time.encoding["calendar"] == "julian"
    assert got.time.values.tolist() == expected.time.values.tolist()
    assert isinstance(got.time.values[0], cftime.DatetimeJulian)
    for name in ("latitude", "longitude", "lat_bounds", "lon_bounds"):
        assert got[name].dims == expected[name].dims
        np.testing.assert_array_equal(got[name].values, expected[name].values)
    assert got.precip.encoding["missing_value"] == expected.precip.encoding["missing_value"]


def test_cmorph_packed_without_fill_value(tmp_path: Path) -> None:
    (path,) = shared_files("singles", "CMORPH*.nc")
    got = convert("single-cmorph", tmp_path, data=SHARED).store
    # scale_factor is float32 in the file and a JSON number in the store: xarray decodes to float32 and to float64.
    # The netCDF library reads its text as UTF-8, which h5netcdf takes for Latin-1.
    assert_equals(got, xr.open_dataset(path, engine="netcdf4"), loose_dtype=["cmorph"])
    assert got.cmorph.encoding["dtype"] == "int16"
    assert got.cmorph.encoding["missing_value"] == -999


def test_imerg_axes_change_places(tmp_path: Path) -> None:
    got = convert("single-imerg", tmp_path).store
    (path,) = (DATA / "singles").glob("3B-HHR*")
    assert got.precipitationCal.dims == ("time", "lat", "lon")
    assert_equals(got, plain(path).transpose("time", "lat", "lon"))


def test_ostia(tmp_path: Path) -> None:
    (path,) = shared_files("singles", "ostia_monthly.nc")
    got = convert("single-ostia", tmp_path, data=SHARED).store
    assert_equals(got, plain(path))
    assert got.forecast_period.dims == ()


def test_strings_of_any_length(tmp_path: Path) -> None:
    got = convert("single-vlstr", tmp_path).store
    expected = plain(DATA / "singles/vlstr_type.nc")
    assert got.expver.values.astype(object).tolist() == expected.expver.values.astype(object).tolist()
    assert_equals(got.drop_vars("expver"), expected.drop_vars("expver"))


def test_zipped_zarr(tmp_path: Path) -> None:
    got = convert("single-sic-zarr", tmp_path).store
    with zipfile.ZipFile(DATA / "singles/sic_daily_sample.zarr.zip") as archive:
        archive.extractall(tmp_path / "input")
    expected = xr.open_zarr(tmp_path / "input/sic_daily_sample.zarr")
    assert_equals(got, expected)
    assert got.siconc.encoding["chunks"] != expected.siconc.encoding["chunks"]
