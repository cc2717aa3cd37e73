"""Series of NetCDF files: the store of each recipe equals xarray's own concatenation of the inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import CombineError

from .conversion import SHARED, assert_equals, concatenated, convert, files, plain, shared_files

pytestmark = pytest.mark.slow


def test_cmip6_siconc(tmp_path: Path) -> None:
    got = convert("cmip6-siconc", tmp_path, prune=4)
    paths = files("cmip6_sam0_siconc")
    expected = concatenated([plain(p) for p in [*paths[:2], *paths[-2:]]])
    assert_equals(got.store, expected)
    assert got.result.inputs == 4


@pytest.mark.long
def test_cmip6_siconc_whole(tmp_path: Path) -> None:
    paths = shared_files("cmip6_sam0_siconc")
    got = convert("cmip6-siconc", tmp_path, data=SHARED)
    assert got.store.sizes["time"] == 1980
    assert_equals(got.store, concatenated([plain(p) for p in paths]))


def test_cams_units_differ(tmp_path: Path) -> None:
    paths = files("cmip6_cams_ta_units_differ")
    parts = [plain(p) for p in paths]
    assert len({p.time.encoding["units"] for p in parts}) == 5
    got = convert("cams-ta", tmp_path)
    assert_equals(got.store, concatenated(parts))
    assert got.store.time.encoding["units"] == "days since 1940-1-1 00:00"
    assert got.store.sizes["time"] == 900
    assert got.store.indexes["time"].is_unique


def test_cmip5_overlap_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CombineError) as caught:
        convert("cmip5-tas", tmp_path, set_=["combine.duplicates=fail"])
    assert caught.value.code == "C030"
    text = str(caught.value)
    assert "208012-209912" in text
    assert "209912-212411" in text
    assert "2099-12-16" in text
    assert not list(tmp_path.glob("*.zarr"))


@pytest.mark.parametrize("keep", ["first", "last"])
def test_cmip5_with_a_policy(keep: str, tmp_path: Path) -> None:
    got = convert("cmip5-tas", tmp_path, set_=[f"combine.duplicates={keep}"])
    whole = concatenated([plain(p) for p in files("cmip5_hadgem2es_tas_netcdf3")])
    times = whole.indexes["time"]
    expected = whole.isel(time=~times.duplicated(keep="first" if keep == "first" else "last"))
    assert got.store.sizes["time"] == 3529
    assert_equals(got.store, expected)


def test_arm_scalars_that_differ_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(CombineError) as caught:
        convert("arm-sgpmet", tmp_path, set_=["combine.coords=match"])
    assert caught.value.code == "C009"
    assert "base_time" in str(caught.value)


def test_arm_with_a_policy(tmp_path: Path) -> None:
    parts = [plain(p) for p in files("arm_sgpmet_daily_netcdf3")]
    got = convert("arm-sgpmet", tmp_path)
    # xarray's word for `coords: first`.
    expected = concatenated(parts, compat="override")
    # An attribute that differs is left out wherever it is; xarray overrides whole variables.
    del expected.base_time.attrs["string"]
    assert_equals(got.store, expected, encodings=parts[0], recoded=["time", "time_offset"])
    assert got.store.sizes["time"] == 2880


def test_arm_without_what_differs(tmp_path: Path) -> None:
    got = convert("arm-sgpmet", tmp_path, set_=["combine.coords=match", "transforms=[{drop: [base_time]}]"])
    expected = concatenated([plain(p).drop_vars("base_time") for p in files("arm_sgpmet_daily_netcdf3")])
    assert_equals(got.store, expected, recoded=["time", "time_offset"])


def test_cordex_on_a_rotated_pole(tmp_path: Path) -> None:
    got = convert("cordex-psl", tmp_path, prune=1)
    assert_equals(got.store, plain(files("cordex_eur11_psl_daily")[0]))


@pytest.mark.long
def test_cordex_uneven_lengths(tmp_path: Path) -> None:
    paths = shared_files("cordex_eur11_psl_daily")
    got = convert("cordex-psl", tmp_path, data=SHARED)
    assert got.store.sizes["time"] == 34303
    assert_equals(got.store, concatenated([plain(p) for p in paths]))


def test_nemo_with_its_own_time_coordinate_is_an_error(tmp_path: Path) -> None:
    shared_files("nemo_orca1_monthly")
    with pytest.raises(CombineError) as caught:
        convert(
            "nemo-orca1",
            tmp_path,
            data=SHARED,
            set_=["transforms=[]", "inputs.concat={time_counter: {}}", "target.chunks={time_counter: 1}"],
        )
    assert caught.value.code == "C030"
    assert "time_counter" in str(caught.value)


def test_nemo_with_its_real_time(tmp_path: Path) -> None:
    paths = shared_files("nemo_orca1_monthly")
    got = convert("nemo-orca1", tmp_path, data=SHARED)
    parts = [
        plain(p)
        .drop_vars("time_counter")
        .rename_dims(time_counter="time")
        .rename_vars(time_centered="time", time_centered_bounds="time_bounds")
        for p in paths
    ]
    for part in parts:
        part["time"].attrs["bounds"] = "time_bounds"
    expected = concatenated([p.set_xindex("time") for p in parts])
    assert_equals(got.store, expected)
    assert got.store.nav_lat.dims == ("y", "x")
    assert got.store.bounds_lon.dims == ("y", "x", "nvertex")


def test_canesm2_variables_too_large_to_compare_are_an_error(tmp_path: Path) -> None:
    shared_files("canesm2_pr_tasmax_tasmin_merge")
    with pytest.raises(CombineError) as caught:
        convert("canesm2-merge", tmp_path, data=SHARED, set_=["transforms=[]"])
    assert caught.value.code == "C008"
    assert "time_vectors" in str(caught.value)


def test_canesm2_merge(tmp_path: Path) -> None:
    paths = shared_files("canesm2_pr_tasmax_tasmin_merge")
    got = convert("canesm2-merge", tmp_path, data=SHARED)
    parts = [plain(p).drop_vars("time_vectors") for p in paths]
    expected = xr.merge(parts, compat="equals", join="exact", combine_attrs="drop_conflicts")
    assert set(got.store.data_vars) == {"pr", "tasmax", "tasmin"}
    assert_equals(got.store, expected)


def test_iris_ensemble_along_a_new_dimension(tmp_path: Path) -> None:
    paths = shared_files("iris_a1b_e1_ensemble")
    got = convert("iris-ensemble", tmp_path, data=SHARED)
    parts = [plain(p) for p in paths]
    names = ["air_temperature"]
    joined = xr.concat(
        [p[names].drop_vars([c for c in p.coords if c not in p.dims]) for p in parts],
        xr.Variable("scenario", np.array(["A1B", "E1"], dtype=object)),
        combine_attrs="drop_conflicts",
    )
    store = got.store
    assert store.air_temperature.dims == ("scenario", "time", "latitude", "longitude")
    xr.testing.assert_equal(store.air_temperature.variable, joined.air_temperature.variable)
    assert store.scenario.values.tolist() == ["A1B", "E1"]
    for name in ("time", "time_bnds", "latitude", "longitude", "height", "forecast_period", "latitude_longitude"):
        assert store[name].dims == parts[0][name].dims, name
        np.testing.assert_array_equal(store[name].values, parts[0][name].values)
    assert store.time.encoding["calendar"] == "360_day"


def test_ascat_swaths(tmp_path: Path) -> None:
    paths = shared_files("ascat_l2_wind_swaths_netcdf3", "*.nc")
    got = convert("ascat-swaths", tmp_path, data=SHARED)
    expected = concatenated([plain(p) for p in paths], "NUMROWS", coords="different")
    assert_equals(got.store, expected)
    assert "NUMROWS" not in got.store.variables
    assert got.store.time.dims == ("NUMROWS", "NUMCELLS")
    assert got.store.lat.encoding["dtype"] == "int32"
