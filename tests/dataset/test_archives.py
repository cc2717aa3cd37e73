"""Archives made at random, against an oracle that decodes each input with xarray and concatenates in memory."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .materialized import combined, decoded, materialize

CALENDARS = ["standard", "proleptic_gregorian", "noleap", "360_day"]
UNITS = ["days since 2000-01-01", "hours since 2000-01-01 3:00", "days since 1950-1-1", "minutes since 2000-01-01 6:00"]


@st.composite
def archives(draw: st.DrawFn) -> list[xr.Dataset]:
    """1 to 4 inputs of uneven lengths, each with its own time units, dtype and (perhaps) packing."""
    calendar = draw(st.sampled_from(CALENDARS))
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    mixed_units, mixed_packing = draw(st.booleans()), draw(st.booleans())
    units, packing = draw(st.sampled_from(UNITS)), draw(packings())
    kind = draw(st.sampled_from(["i4", "i8", "f8"]))
    half = draw(st.sampled_from([0, 720]))  # minutes into the day
    bounds = draw(st.booleans())
    start, found = draw(st.integers(0, 1000)), []
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    for n in lengths:
        units = draw(st.sampled_from(UNITS)) if mixed_units else units
        packing = draw(packings()) if mixed_packing else packing
        minutes = (start + np.arange(n)) * 1440 + half
        found.append(one(minutes, units, calendar, kind, packing, rng, bounds))
        start += n + draw(st.integers(0, 2))
    return found


@st.composite
def packings(draw: st.DrawFn) -> dict[str, Any]:
    attrs: dict[str, Any] = {}
    if draw(st.booleans()):
        attrs["scale_factor"] = draw(st.sampled_from([0.5, 0.01, 2.0]))
    if draw(st.booleans()):
        attrs["add_offset"] = draw(st.sampled_from([0.0, 273.15]))
    if draw(st.booleans()):
        attrs[draw(st.sampled_from(["_FillValue", "missing_value"]))] = np.int16(draw(st.sampled_from([-5, 0, 7])))
    return attrs


def one(
    minutes: np.ndarray,
    units: str,
    calendar: str,
    kind: str,
    packing: dict[str, Any],
    rng: np.random.Generator,
    bounds: bool,
) -> xr.Dataset:
    numbers, edges = numbers_of(minutes, units, calendar), numbers_of(minutes[:, None] + [0, 1440], units, calendar)
    kind = kind if kind == "f8" or float(numbers[0]).is_integer() else "f8"
    data = rng.integers(-9, 9, (minutes.size, 3)).astype("i2")
    attrs = {"units": units, "calendar": calendar, **({"bounds": "time_bnds"} if bounds else {})}
    extra = {"time_bnds": (("time", "nv"), edges.astype(kind))} if bounds else {}
    return xr.Dataset(
        {
            "time": ("time", numbers.astype(kind), attrs),
            "v": (("time", "x"), data, packing),
            "w": (("x", "time"), data.T.astype(">f4")),
            "x": ("x", np.array([1.0, 2.0, 4.0])),
            **extra,
        }
    )


def numbers_of(minutes: np.ndarray, units: str, calendar: str) -> np.ndarray:
    """Numbers of minutes since 2000-01-01, exact in float64."""
    unit, _, since = units.partition(" since ")
    length = {"days": 1440, "hours": 60, "minutes": 1}[unit]
    if since == "1950-1-1":
        year = {"noleap": 365.0, "360_day": 360.0}.get(calendar)
        base = 1440 * (50 * year if year else 18262)
    else:
        base = {"2000-01-01": 0, "2000-01-01 3:00": -180, "2000-01-01 6:00": -360}[since]
    return (minutes + base) / length


def check(inputs: list[xr.Dataset]) -> None:
    template, datasets = combined(inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = decoded(materialize(template, datasets))
        parts = [xr.decode_cf(ds) for ds in inputs]
        expected = xr.concat(parts, "time", data_vars="minimal", coords="minimal", compat="equals", join="exact")
    for name in expected.variables:
        assert got[name].dtype == expected[name].dtype, name
        np.testing.assert_array_equal(got[name].values, expected[name].values)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(archives())
def test_random_archives_equal_xarray(inputs: list[xr.Dataset]) -> None:
    check(inputs)


@pytest.mark.long
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(archives())
def test_many_random_archives_equal_xarray(inputs: list[xr.Dataset]) -> None:
    check(inputs)
