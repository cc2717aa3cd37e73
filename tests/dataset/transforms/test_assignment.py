from __future__ import annotations

import datetime as dt
from typing import Any

import cftime
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import RecipeError
from pangeo_forge.inputs.lazy import LazyArray
from pangeo_forge.pattern.keys import KeyValue

from .made import apply, dataset, reads, sst, values

KEY = {
    "time": KeyValue(dt.datetime(2002, 7, 4)),
    "number": KeyValue(7, "7"),
    "variable": KeyValue("ppt", "ppt", {"kind": "total"}),
    "model": KeyValue(cftime.datetime(1, 2, 28, calendar="noleap")),
}
URL = "https://host/a%20b/det_2020_03_01.modis.v7.nc?token=1"


def made(origin: Any, **more: Any) -> np.ndarray:
    return values(
        apply(dataset({}, more.pop("attrs", None)), ("assign_coords", {"t": origin}), key=KEY, url=URL, **more), "t"
    )


def refused(code: str, origin: Any, **more: Any) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        made(origin, **more)
    assert caught.value.code == code
    return caught.value


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ({"key": "time"}, np.datetime64("2002-07-04")),
        ({"key": "time", "offset": "7D"}, np.datetime64("2002-07-11")),
        ({"key": "time", "offset": "-1MS"}, np.datetime64("2002-06-04")),
        ({"key": "number"}, 7),
        ({"key": "number", "offset": -2}, 5),
        ({"key": "variable"}, "ppt"),
        ({"key": "variable.kind"}, "total"),
        ({"key": "model", "offset": "1D"}, cftime.datetime(1, 3, 1, calendar="noleap")),
        ({"attr": "start"}, np.datetime64("2002-07-04T00:25:01.250")),
        ({"attr": "stamp", "format": "%Y%m%d"}, np.datetime64("2002-07-05")),
        ({"attr": "stamp", "format": "%Y%m%d", "offset": "12h"}, np.datetime64("2002-07-05T12")),
        ({"attr": "number"}, 2.5),
        ({"filename": r"(\d{4}_\d\d_\d\d)", "format": "%Y_%m_%d"}, np.datetime64("2020-03-01")),
        ({"filename": r"v(\d+)\.nc"}, 7),
        ({"filename": r"^(det)"}, "det"),
        (
            {"filename": r"(\d{4}_\d\d)", "format": "%Y_%m", "calendar": "360_day"},
            cftime.datetime(2020, 3, 1, calendar="360_day"),
        ),
        ({"value": 10}, 10),
        ({"value": "{variable}_x"}, "ppt_x"),
        ({"value": dt.date(2020, 1, 2)}, np.datetime64("2020-01-02")),
        ({"from_components": {"year": 2000, "month": 2, "day": 29, "hour": 6}}, np.datetime64("2000-02-29T06")),
    ],
)  # fmt: skip
def test_where_values_come_from(origin: Any, expected: Any) -> None:
    attrs = {"start": "2002-07-04T00:25:01.250Z", "stamp": np.int32(20020705), "number": np.array([2.5])}
    got = made(origin, attrs=attrs)
    assert got.shape == ()
    assert got == expected


@pytest.mark.parametrize(
    ("code", "origin"),
    [
        ("R203", "keys"),
        ("R203", {"key": "time", "value": 1}),
        ("R203", {"key": "time", "ofset": "1D"}),
        ("R206", {"key": "year"}),
        ("R206", {"key": "variable.kin"}),
        ("R206", {"key": "time", "offset": "7 moons"}),
        ("R206", {"key": "variable", "offset": "1D"}),
        ("R201", "coord"),
        ("R201", {"attr": "stat"}),
        ("R206", {"attr": "start", "format": "%Y%m%d"}),
        ("R206", {"filename": r"(\d{9})"}),
        ("R203", {"filename": r"\d{4}"}),
        ("R203", {"filename": "("}),
        ("R206", {"filename": r"(\d{4}_\d\d_)", "format": "%Y_%m_%d"}),
        ("R203", {"value": [1, 2]}),
        ("R203", {"from_components": {"month": 1}}),
        ("R211", {"from_components": {"year": 2001, "month": 2, "day": 29}}),
        ("R211", {"from_components": {"year": 2001.5}}),
        ("R211", {"from_components": {"year": 0}}),
        ("R203", {"from_components": {"year": 1}, "calendar": "mayan"}),
    ],
)
def test_where_values_cannot_come_from(code: str, origin: Any) -> None:
    error = refused(code, origin, attrs={"start": "then"})
    assert error.where == "input 7: transforms[0].assign_coords"
    assert "token" not in str(error)


def test_expand_dims_stays_a_view_and_spares_coordinates() -> None:
    ds = dataset(
        {
            "v": (("lat",), [1, 2], {"grid_mapping": "crs"}),
            "lat": (("lat",), [0.0, 1.0], {"bounds": "lat_bnds"}),
            "lat_bnds": (("lat", "nv"), [[0.0, 1], [1, 2]], {}),
            "crs": ((), 0, {}),
        }
    )
    out = apply(ds, ("expand_dims", {"time": "key"}), key=KEY)
    assert reads(ds) == {}
    assert {n: v.dims for n, v in out.variables.items()} == {
        "v": ("time", "lat"),
        "lat": ("lat",),
        "lat_bnds": ("lat", "nv"),
        "crs": (),
        "time": ("time",),
    }
    data = out.variables["v"]._data
    assert isinstance(data, LazyArray)
    assert data.access().axes == (None, 0)  # type: ignore[union-attr]
    assert values(out, "time") == [np.datetime64("2002-07-04")]


def test_expand_dims_from_a_scalar_coordinate_and_its_mistakes() -> None:
    ds = dataset({"v": (("x",), [1], {}), "height": ((), 2.0, {"units": "m"})})
    out = apply(ds, ("expand_dims", {"height": "coord"}))
    assert out.variables["height"].attrs == {"units": "m"}
    assert out.v.dims == ("height", "x")
    assert reads(ds) == {}
    for code, origin in (("R202", {"x": {"value": 1}}), ("R205", {"y": {"coord": "v"}})):
        with pytest.raises(RecipeError) as caught:
            apply(ds.rename(v="v") if code == "R202" else ds, ("expand_dims", origin))
        assert caught.value.code == code
    with pytest.raises(RecipeError, match="'height'"):
        apply(dataset({"v": ((), 1, {})}), ("expand_dims", {"height": "coord"}))


def test_assign_coords_replaces_the_only_value() -> None:
    ds = sst(1)
    out = apply(ds, ("assign_coords", {"time": {"attr": "time_coverage_start"}}))
    assert values(out, "time").tolist() == [dt.datetime(2020, 1, 1, 6, 0, 0, 500000)]
    assert "units" not in out.variables["time"].attrs
    with pytest.raises(RecipeError, match="length 2") as caught:
        apply(sst(2), ("assign_coords", {"time": {"value": 1}}))
    assert caught.value.code == "R205"


def test_components_make_times_of_the_dataset() -> None:
    ds = dataset(
        {
            "y": (("time",), np.array([1, 1], "i4"), {}),
            "m": (("time",), np.array([2, 3], "i4"), {}),
            "d": (("time",), np.array([28, 1], "i4"), {}),
            "tod": (("time",), np.array([85200, 0], "i4"), {}),
            "ymd": (("time",), np.array([10228, 10301], "i4"), {}),
            "v": (("time",), [1.0, 2.0], {}),
        }
    )
    expected = [cftime.datetime(1, 2, 28, 23, 40, calendar="noleap"), cftime.datetime(1, 3, 1, calendar="noleap")]
    parts = {"year": "y", "month": "m", "day": "d", "second": "tod"}
    for components in (parts, {"ymd": "ymd", "second": "tod"}):
        out = apply(ds, ("assign_coords", {"time": {"from_components": components, "calendar": "noleap"}}))
        assert values(out, "time").tolist() == expected
        assert out.variables["time"].encoding["calendar"] == "noleap"
        assert "time" in out.coords
        assert "v" not in reads(ds)


def test_year_zero_and_before_in_the_proleptic_calendar() -> None:
    ds = dataset({"y": (("time",), np.array([-500, 0, 1677, 12000], "i4"), {})})
    origin = {"from_components": {"year": "y"}, "calendar": "proleptic_gregorian"}
    got = values(apply(ds, ("assign_coords", {"time": origin})), "time")
    assert got.astype("M8[D]").astype(str).tolist() == ["-500-01-01", "0000-01-01", "1677-01-01", "12000-01-01"]
    julian = values(
        apply(dataset({"y": (("time",), [1500], {})}), ("assign_coords", {"time": {"from_components": {"year": "y"}}})),
        "time",
    )
    assert julian[0] == cftime.datetime(1500, 1, 1, calendar="standard")


@given(st.datetimes(dt.datetime(1583, 1, 1), dt.datetime(9999, 12, 30)))
def test_components_are_exact(date: dt.datetime) -> None:
    parts = {k: getattr(date, k) for k in ("year", "month", "day", "hour", "minute")}
    parts["second"] = date.second + date.microsecond / 1e6
    assert made({"from_components": parts}).item() == date
