from __future__ import annotations

from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import RecipeError
from pangeo_forge.inputs.lazy import LazyArray

from .made import apply, dataset, oracle, reads, source, sst, values


def one(stored: Any, attrs: dict[str, Any] | None = None, dtype: str | None = None) -> xr.Dataset:
    return dataset({"v": (("x",), np.asarray(stored, dtype), attrs or {})})


def refused(code: str, ds: xr.Dataset, *transforms: Any) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        _read(apply(ds, *transforms))
    assert caught.value.code == code
    return caught.value


def _read(ds: xr.Dataset) -> None:
    for variable in ds.variables.values():
        np.asarray(variable.values)


PACKED = {"scale_factor": np.float32(2), "add_offset": np.float32(3), "_FillValue": np.int16(-9)}


def test_mask_as_xarray_and_lazily() -> None:
    ds = sst()
    out = apply(ds, ("mask", {"sst": {"above": 30, "below": -1}}))
    assert reads(ds) == {}
    plain = oracle(ds).sst
    expected = plain.where(~((plain > 30) | (plain < -1)))
    got = out.variables["sst"]
    assert got.dtype == expected.dtype
    assert np.array_equal(values(out, "sst"), expected.values, equal_nan=True)
    assert got.encoding["dtype"] == "i2"
    assert got.encoding["_FillValue"] == -999
    assert got.encoding["scale_factor"] == np.float32(0.01)
    assert got.attrs == {"units": "Celsius", "coordinates": "area"}


def test_mask_reads_no_more_than_the_region() -> None:
    ds = sst()
    out = apply(ds, ("mask", {"sst": {"above": 30}}), ("isel", {"lat": 1}))
    data = out.variables["sst"]._data
    assert isinstance(data, LazyArray)
    assert data.access() is None
    data.read((slice(0, 1), slice(0, 1), slice(0, 2)))
    assert source(ds, "sst").elements == 2


def test_masked_values_encode_to_the_same_integers() -> None:
    from pangeo_forge.dataset.packing import encode, packing_of

    ds = sst()
    out = apply(ds, ("mask", {"sst": {"above": 30}})).variables["sst"]
    stored = encode(np.asarray(out.values), packing_of(out.encoding, np.dtype("i2")), "i2")
    raw = values(ds, "sst")
    assert np.array_equal(stored, np.where(raw > 3000, -999, raw))


def test_mask_star_takes_data_variables_only() -> None:
    ds = dataset(
        {
            "a": (("x",), np.array([1, 9999], "u2"), {}),
            "b": (("x",), np.array([9999.0, 1.0]), {}),
            "x": (("x",), np.array([9999, 1]), {"bounds": "x_bnds"}),
            "x_bnds": (("x", "nv"), np.full((2, 2), 9999), {}),
            "when": (("x",), np.array([9999, 1]), {"units": "days since 2000-01-01"}),
            "name": (("x",), np.array(["a", "b"], object), {}),
        }
    )
    out = apply(ds, ("mask", {"*": {"equal": 9999}}))
    assert np.array_equal(values(out, "a"), np.array([1, np.nan], "f4"), equal_nan=True)
    assert np.array_equal(values(out, "b"), [np.nan, 1], equal_nan=True)
    assert out.variables["a"].encoding == {"_FillValue": 9999, "dtype": np.dtype("u2")}
    for name in ("x", "x_bnds", "when", "name"):
        assert out.variables[name]._data is ds.variables[name]._data


def test_mask_of_integers() -> None:
    out = apply(one([1, 5, 9], dtype="i4"), ("mask", {"v": {"above": 5}}))
    assert out.variables["v"].dtype == "f8"
    assert "dtype" not in out.variables["v"].encoding  # no integer stands for NaN
    out = apply(one([1, 5, 9], dtype="i2"), ("mask", {"v": {"equal": [1, 9]}}))
    assert np.array_equal(values(out, "v"), [np.nan, 5, np.nan], equal_nan=True)
    refused("R207", one([2**60 + 1, 1], dtype="i8"), ("mask", {"v": {"equal": 1}}))
    refused("R203", one([1]), ("mask", {"v": {"over": 1}}))
    refused("R203", one([1]), ("mask", {"v": {"above": "1"}}))
    refused("R203", one([1]), ("mask", {"v": {}}))
    refused("R207", dataset({"v": (("x",), np.array(["a"], object), {})}), ("mask", {"v": {"equal": 1}}))


def test_float32_limits_are_float32() -> None:
    ds = one([1e20, 0.1], dtype="f4")
    out = apply(ds, ("mask", {"v": {"equal": 1e20}}))
    assert np.isnan(values(out, "v")).tolist() == [True, False]
    assert not np.isnan(values(apply(ds, ("mask", {"v": {"above": 0.1, "equal": 5}})), "v")[1])


@pytest.mark.parametrize(
    ("stored", "attrs", "packed"),
    [
        (np.array([1, 2, -9], "i2"), PACKED, True),
        (np.array([1, 2, -9], "i2"), {"scale_factor": 0.1, "_FillValue": np.int16(-9)}, True),
        (np.array([1, 2, -9], "i4"), {"add_offset": 273.15}, True),
        (np.array([1, 2, -9], "i2"), {"missing_value": np.int16(-9)}, False),
        (np.array([1, 2, -9], "i2"), {}, False),
        (np.array([1, 2, -9], "f4"), {"_FillValue": np.float32(-9)}, False),
        (np.array([1, 2, -9], "f8"), {}, False),
        (np.array([1, 2, -9], "f4"), {"scale_factor": 0.1, "_FillValue": np.float32(-9)}, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("factor", "offset"), [(1000, 0), (1, -273.15), (-0.5, 2)])
def test_scale_as_xarray(stored: np.ndarray, attrs: dict[str, Any], packed: bool, factor: float, offset: float) -> None:
    ds = one(stored, attrs)
    out = apply(ds, ("scale", {"v": {"factor": factor, "offset": offset, "units": "mm"}}))
    assert reads(ds) == {}
    expected = oracle(ds).v * float(factor) + float(offset)
    got = oracle(out).v
    assert got.attrs["units"] == "mm"
    precision = 2e-6 if expected.dtype == "f4" or got.dtype == "f4" else 1e-13
    np.testing.assert_allclose(got.values, expected.values, rtol=precision, atol=precision * 300)
    data = out.variables["v"]._data
    assert isinstance(data, LazyArray)
    assert (data.access() is not None) == packed  # packed integers go through bit-exact


def test_scale_after_mask_keeps_the_grid() -> None:
    from pangeo_forge.dataset.packing import encode, packing_of

    ds = one([1, 2, -9], {"scale_factor": 0.1, "add_offset": 3.0, "_FillValue": np.int16(-9)}, "i2")
    out = apply(ds, ("mask", {"v": {"above": 3.15}}), ("scale", {"v": {"factor": 10, "offset": 1}})).variables["v"]
    assert np.allclose(out.values, [32, np.nan, np.nan], equal_nan=True)
    assert encode(np.asarray(out.values), packing_of(out.encoding, np.dtype("i2")), "i2").tolist() == [1, -9, -9]


def test_scale_follows_ranges() -> None:
    ds = one([1.0], {"valid_min": 0.0, "valid_max": 2.0, "actual_range": np.array([1.0, 2.0])})
    attrs = apply(ds, ("scale", {"v": {"factor": -10}})).variables["v"].attrs
    assert (attrs["valid_min"], attrs["valid_max"]) == (-20, 0)
    assert attrs["actual_range"].tolist() == [-20, -10]
    packed = one([1], {"scale_factor": 0.1, "valid_min": np.int16(0), "actual_range": [0.0, 1.0]}, "i2")
    attrs = apply(packed, ("scale", {"v": {"factor": 10}})).variables["v"].attrs
    assert attrs["valid_min"] == 0  # in stored numbers, which did not change
    assert attrs["actual_range"].tolist() == [0, 10]
    refused("R203", ds, ("scale", {"v": {"factor": 0}}))
    refused("R203", ds, ("scale", {"v": {"factor": "2"}}))
    refused("R203", ds, ("scale", {"v": 2}))


def test_cast() -> None:
    ds = sst()
    out = apply(ds, ("cast", {"sst": "float64"}))
    assert reads(ds) == {}
    assert np.array_equal(values(out, "sst"), oracle(ds).sst.values.astype("f8"), equal_nan=True)
    assert out.variables["sst"].dtype == "f8"
    assert "scale_factor" not in out.variables["sst"].encoding
    assert out.variables["sst"].encoding["_FillValue"] == -999.0
    wider = apply(one([1, -9], {"_FillValue": np.int16(-9)}, "i2"), ("cast", {"v": "int32"})).variables["v"]
    assert (wider.dtype, wider.attrs["_FillValue"].dtype, wider.values.tolist()) == (
        np.dtype("i4"),
        np.dtype("i4"),
        [1, -9],
    )
    assert values(apply(one([1.0, 2.0]), ("cast", {"v": "int16"})), "v").tolist() == [1, 2]
    assert values(apply(one([0.1]), ("cast", {"v": "float32"})), "v")[0] == np.float32(0.1)


@pytest.mark.parametrize(
    ("stored", "dtype", "to"),
    [
        ([1.5], "f8", "int16"),
        ([np.nan], "f8", "int16"),
        ([40000.0], "f8", "int16"),
        ([2.0**63], "f8", "int64"),
        ([1e300], "f8", "float32"),
        ([300], "i4", "uint8"),
        ([-1], "i4", "uint8"),
        ([2**24 + 1], "i4", "float32"),
        ([2**53 + 1], "i8", "float64"),
    ],
)
def test_cast_refuses_what_would_change_values(stored: list[float], dtype: str, to: str) -> None:
    error = refused("R207", one(stored, dtype=dtype), ("cast", {"v": to}))
    assert error.where == "input 7: transforms[0].cast"  # also when it is read much later


def test_cast_mistakes() -> None:
    refused("R203", one([1]), ("cast", {"v": "floaty"}))
    refused("R203", one([1]), ("cast", {"v": "str"}))
    refused("R201", one([1]), ("cast", {"w": "float32"}))


def test_fill_value() -> None:
    ds = one([1, -9, 3], {"_FillValue": np.int16(-9), "scale_factor": 0.5}, "i2")
    out = apply(ds, ("fill_value", {"v": -32768}))
    assert reads(ds) == {}
    assert np.array_equal(values(out, "v"), [0.5, np.nan, 1.5], equal_nan=True)
    assert out.variables["v"].encoding["_FillValue"] == -32768
    assert out.variables["v"].encoding["scale_factor"] == 0.5
    refused("R207", ds, ("fill_value", {"v": 70000}))
    refused("R203", ds, ("fill_value", {"v": "none"}))


def test_decode_as_xarray() -> None:
    ds = dataset(
        {
            "v": (("time",), np.array([1, -9], "i2"), PACKED | {"coordinates": "aux"}),
            "aux": (("time",), [1.0, 2.0], {}),
            "time": (("time",), [0.5, 1.5], {"units": "days since 2000-01-01", "bounds": "time_bnds"}),
            "time_bnds": (("time", "nv"), [[0, 1], [1, 2]], {}),
        }
    )  # fmt: skip
    out = apply(ds, ("decode", True))
    assert "v" not in reads(ds)
    expected = oracle(ds)
    assert set(out.coords) == {"time", "aux"}
    for name in ("v", "time", "time_bnds", "aux"):
        assert np.array_equal(values(out, name), expected[name].values, equal_nan=name == "v")
    assert out.variables["v"].dtype == expected.v.dtype
    refused("R203", ds, ("decode", False))


def test_months_since_decode_after_the_calendar_was_mended() -> None:
    ds = dataset({"time": (("time",), np.array([0.5, 1.5], "f4"), {"units": "months since 2000-01-01 00:00:00"})})
    assert "calendar" in str(refused("R211", ds, ("decode", True)).hint)
    mended = ("attrs", {"variables": {"time": {"set": {"calendar": "360_day"}}}})
    out = apply(ds, mended, ("decode", True))
    dates = [cftime.datetime(2000, m, 16, calendar="360_day") for m in (1, 2)]
    assert values(out, "time").tolist() == dates


def test_far_times_are_dates_too() -> None:
    ds = dataset({"time": (("time",), [0], {"units": "days since 0001-01-01", "calendar": "standard"})})
    date = values(apply(ds, ("decode", True)), "time")[0]
    assert isinstance(date, cftime.datetime)
    assert (date.year, date.calendar) == (1, "standard")
