"""Real archives: what the template says, read input by input, equals plain xarray's decode and concat."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.dataset.scan import scan_dataset
from pangeo_forge.errors import CombineError

from .materialized import combined, decoded, files, materialize, shared_files, stored

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def concatenated(datasets: list[xr.Dataset], dim: str = "time", **options: Any) -> xr.Dataset:
    parts = [xr.decode_cf(ds) for ds in datasets]
    given = {"data_vars": "minimal", "coords": "minimal", "compat": "equals", "join": "exact", **options}
    return xr.concat(parts, dim, combine_attrs="drop_conflicts", **given)


def assert_same(got: xr.Dataset, expected: xr.Dataset) -> None:
    assert set(got.variables) == set(expected.variables)
    assert set(got.coords) == set(expected.coords)
    assert got.attrs == expected.attrs
    for name, variable in expected.variables.items():
        assert got[name].dtype == variable.dtype, name
        xr.testing.assert_equal(got[name].variable, variable)
        for attribute, value in variable.attrs.items():
            assert np.array_equal(got[name].attrs[attribute], value), (name, attribute)


def roundtrip(ds: xr.Dataset, path: Path, zarr_format: int) -> xr.Dataset:
    decoded(ds).to_zarr(path, zarr_format=zarr_format, consolidated=zarr_format == 2)  # type: ignore[call-overload]
    return xr.open_zarr(path, consolidated=zarr_format == 2)


@pytest.mark.parametrize("name", ["cmip6_sam0_siconc", "cmip6_cams_ta_units_differ"])
def test_series_equal_xarray(name: str) -> None:
    datasets = [stored(f) for f in files(name)[:5]]
    template, inputs = combined(datasets)
    assert_same(decoded(materialize(template, inputs)), concatenated(datasets))
    assert template.array("time").values is not None


def test_units_that_differ_become_one_exact_unit() -> None:
    datasets = [stored(f) for f in files("cmip6_cams_ta_units_differ")]
    assert len({ds.time.attrs["units"] for ds in datasets}) == 5
    template, _ = combined(datasets)
    time_array = template.array("time")
    assert time_array.recode
    assert (time_array.attrs["units"], time_array.attrs["calendar"]) == ("days since 1940-1-1 00:00", "365_day")
    assert time_array.values is not None
    assert time_array.values[:3].tolist() == datasets[0].time.values[:3].tolist()
    assert (np.diff(time_array.values) > 27).all()
    assert "units" not in template.array("time_bnds").attrs


def test_overlap_is_an_error_that_names_both_files_and_the_time() -> None:
    datasets = [stored(f) for f in files("cmip5_hadgem2es_tas_netcdf3")]
    with pytest.raises(CombineError) as caught:
        combined(datasets)
    assert caught.value.code == "C030"
    assert "input (3,)" in caught.value.message
    assert "input (4,)" in caught.value.message
    assert "2099-12-16" in caught.value.message


@pytest.mark.parametrize("keep", ["first", "last"])
def test_overlap_is_cut_by_policy(keep: str) -> None:
    datasets = [stored(f) for f in files("cmip5_hadgem2es_tas_netcdf3")]
    template, inputs = combined(datasets, duplicates=keep)
    whole = concatenated(datasets)
    _, first = np.unique(whole.time.values, return_index=True)
    order = first if keep == "first" else len(whole.time) - 1 - np.unique(whole.time.values[::-1], return_index=True)[1]
    assert template.sizes["time"] == 3529
    assert template.trims == {"time": {4: (1, 300)} if keep == "first" else {3: (0, 228)}}
    assert_same(decoded(materialize(template, inputs)), whole.isel(time=order))


def test_arm_base_time_differs() -> None:
    datasets = [stored(f) for f in files("arm_sgpmet_daily_netcdf3")[:2]]
    with pytest.raises(CombineError) as caught:
        combined(datasets)
    assert caught.value.code == "C009"
    assert "base_time" in caught.value.message
    assert "2019-01-02" in caught.value.message
    assert "coords: first" in str(caught.value.hint)


def test_arm_without_base_time_equals_xarray() -> None:
    datasets = [stored(f).drop_vars("base_time") for f in files("arm_sgpmet_daily_netcdf3")[:2]]
    template, inputs = combined(datasets)
    got, expected = decoded(materialize(template, inputs)), concatenated(datasets)
    assert_same(got, expected)
    pressure = template.array("atmos_pressure")
    assert pressure.fill_value == -9999.0
    assert pressure.attrs["missing_value"] == -9999.0
    assert not pressure.recode


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_open_zarr_gives_the_same(tmp_path: Path, zarr_format: int) -> None:
    datasets = [stored(f) for f in files("cmip6_cams_ta_units_differ")[:2]]
    template, inputs = combined(datasets)
    got = roundtrip(materialize(template, inputs), tmp_path / "a.zarr", zarr_format)
    xr.testing.assert_equal(got, concatenated(datasets))


def test_a_scan_is_cheap() -> None:
    ds = stored(files("cmip6_sam0_siconc")[0])
    best = min(_timed(lambda: scan_dataset(ds, (0,), "", ("time",))) for _ in range(5))
    assert best < 0.1  # about 1 ms when the machine is idle; 20 were seen when it was not


def _timed(function: Any) -> float:
    # CPU time of this thread: on a busy machine the wall clock tells of others.
    start = time.thread_time()
    function()
    return time.thread_time() - start


def test_cordex_uneven_lengths() -> None:
    datasets = [stored(f) for f in shared_files("cordex_eur11_psl_daily")]
    template, inputs = combined(datasets)
    assert template.sizes["time"] == 34303
    assert_same(decoded(materialize(template, inputs)), concatenated(datasets))


def test_ensemble_along_a_new_dim() -> None:
    datasets = [stored(f) for f in shared_files("iris_a1b_e1_ensemble")]
    keys = {(i,): {"scenario": name} for i, name in enumerate(["A1B", "E1"])}
    template, inputs = combined(datasets, ("scenario",), keys=keys)
    assert template.array("air_temperature").dims == ("scenario", "time", "latitude", "longitude")
    got = decoded(materialize(template, inputs))
    assert got.scenario.values.tolist() == ["A1B", "E1"]
    for i, ds in enumerate(datasets):
        xr.testing.assert_equal(
            got.air_temperature.isel(scenario=i).variable, xr.decode_cf(ds).air_temperature.variable
        )


def test_merge_of_three_variables() -> None:
    paths = shared_files("canesm2_pr_tasmax_tasmin_merge")
    inputs = {(0, i): stored(p) for i, p in enumerate(paths)}
    # The shared time_vectors (1.4 M values) is larger than what a scan compares.
    slim = {k: ds if k == (0, 0) else ds.drop_vars("time_vectors") for k, ds in inputs.items()}
    template, datasets = combined(slim, ("time",))
    assert template.array("pr").merge == ((0,),)
    got = decoded(materialize(template, datasets))
    expected = xr.merge([xr.decode_cf(ds) for ds in slim.values()], compat="equals", join="exact", combine_attrs="drop")
    for name in expected.variables:
        xr.testing.assert_equal(got[name].variable, expected[name].variable)


def test_swaths_without_a_coordinate_and_packed() -> None:
    datasets = [stored(f) for f in shared_files("ascat_l2_wind_swaths_netcdf3", "*.nc")]
    template, inputs = combined(datasets, ("NUMROWS",))
    got, expected = decoded(materialize(template, inputs)), concatenated(datasets, "NUMROWS")
    for name in expected.variables:
        xr.testing.assert_allclose(got[name].variable, expected[name].variable)
    assert not any(a.recode for a in template.arrays)
