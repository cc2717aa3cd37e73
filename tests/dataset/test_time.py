"""Exact times against cftime and xarray."""

from __future__ import annotations

import warnings

import cftime
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from pangeo_forge.dataset import time
from pangeo_forge.errors import CombineError

CALENDARS = ["standard", "gregorian", "proleptic_gregorian", "noleap", "365_day", "all_leap", "360_day", "julian"]
UNITS = ["days", "hours", "minutes", "seconds", "milliseconds", "day", "Hours"]
references = st.builds(
    "{:04d}-{:02d}-{:02d} {:02d}:{:02d}:{:02d}".format,
    st.integers(1, 4000), st.integers(1, 12), st.integers(1, 28),
    st.integers(0, 23), st.integers(0, 59), st.integers(0, 59),
)  # fmt: skip


def micro(date: cftime.datetime) -> int:
    delta = date - cftime.datetime(1970, 1, 1, calendar=date.calendar, has_year_zero=date.has_year_zero)
    return (delta.days * 86400 + delta.seconds) * 10**6 + delta.microseconds


def as_micro(ticks: np.ndarray) -> list[int]:
    step = 1000 if ticks.dtype == "m8[ns]" else 1
    return [int(t) // step for t in ticks.view(np.int64)]


@settings(max_examples=150, deadline=None)
@given(
    calendar=st.sampled_from(CALENDARS),
    unit=st.sampled_from(UNITS),
    reference=references,
    numbers=st.lists(st.integers(-(10**5), 10**5), min_size=1, max_size=5),
)
def test_integers_are_the_dates_that_cftime_says(calendar: str, unit: str, reference: str, numbers: list[int]) -> None:
    units = f"{unit} since {reference}"
    ticks = time.decode(np.array(numbers, np.int32), units, calendar)
    dates = cftime.num2date(numbers, units.lower(), calendar, only_use_cftime_datetimes=True)
    assert as_micro(ticks) == [micro(d) for d in np.atleast_1d(dates)]
    assert time.encode(ticks, units, calendar).tolist() == numbers
    normal = time.normal_calendar(calendar)
    best = time.coarsest(ticks, normal)
    assert time.decode(time.encode(ticks, best.units, normal), best.units, normal).astype("m8[us]").tolist() == (
        ticks.astype("m8[us]").tolist()
    )


@settings(max_examples=200, deadline=None)
@given(
    calendar=st.sampled_from(CALENDARS),
    unit=st.sampled_from(UNITS[:5]),
    reference=references,
    numbers=st.lists(st.floats(-3e4, 3e4), min_size=1, max_size=4),
    dtype=st.sampled_from(["f8", "f4"]),
)
def test_floats_are_rounded_as_xarray_rounds_them(
    calendar: str, unit: str, reference: str, numbers: list[float], dtype: str
) -> None:
    units = f"{unit} since {reference}"
    values = np.array(numbers, dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = xr.coding.times.decode_cf_datetime(values, units, calendar)
    ticks = time.decode(values, units, calendar)
    if expected.dtype.kind == "M":
        assert ticks.astype("m8[ns]").view("i8").tolist() == expected.astype("M8[ns]").view("i8").tolist()
    else:
        assert as_micro(ticks) == [micro(d) for d in expected]


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("seconds since 2019-01-01 00:00:00 0:00", "2019-01-01 00:00:00"),
        ("days since 1940-1-1 00:00", "1940-01-01 00:00:00"),
        ("days since 1940-1-1", "1940-01-01 00:00:00"),
        ("hours since 1-1-1", "0001-01-01 00:00:00"),
        ("  Days   since 2000-01-01T00:00:00Z ", "2000-01-01 00:00:00"),
        ("days since 2000-01-01 00:00:00 +05:30", "1999-12-31 18:30:00"),
        ("days since 2000-01-01 00:00:00 -6:00", "2000-01-01 06:00:00"),
        ("days since 2000-01-01 00:00 UTC", "2000-01-01 00:00:00"),
        ("hours since 2000-01-01 12", "2000-01-01 12:00:00"),
        ("days since 20000102", "2000-01-02 00:00:00"),
        ("nanoseconds since 2000-01-01 00:00:00.25", "2000-01-01 00:00:00.25"),
    ],
)
def test_odd_spellings(units: str, expected: str) -> None:
    calendar = "standard"
    assert time.format_tick(time.decode(np.array([0]), units, calendar)[0], calendar) == expected


@pytest.mark.parametrize(
    ("units", "calendar", "code"),
    [
        ("months since 2000-01-01", "standard", "C012"),
        ("years since 2000-01-01", "noleap", "C012"),
        ("fortnights since 2000-01-01", "standard", "C012"),
        ("days since yesterday", "standard", "C012"),
        ("days since 2000-02-30", "standard", "C012"),
        ("days since 0000-01-01", "standard", "C012"),
        ("days since 2000-01-01", "mayan", "C011"),
        ("days since 1e9-01-01", "standard", "C012"),
    ],
)
def test_units_without_an_exact_meaning_are_errors(units: str, calendar: str, code: str) -> None:
    with pytest.raises(CombineError) as caught:
        time.decode(np.array([1]), units, calendar)
    assert caught.value.code == code
    assert caught.value.hint


def test_months_and_years_are_exact_in_the_360_day_calendar() -> None:
    ticks = time.decode(np.array([0, 1, 12]), "months since 2000-01-01", "360_day")
    shown = [time.format_tick(t, "360_day")[:10] for t in ticks]
    assert shown == ["2000-01-01", "2000-02-01", "2001-01-01"]
    assert time.decode(np.array([1]), "years since 2000-01-01", "360_day")[0] == ticks[2]


def test_year_zero_and_far_years() -> None:
    ticks = time.decode(np.array([0]), "days since 0000-01-01", "proleptic_gregorian")
    assert time.format_tick(ticks[0], "proleptic_gregorian") == "0000-01-01 00:00:00"
    ticks = time.decode(np.array([0, 3_000_000]), "days since 1500-01-01", "standard")
    assert time.format_tick(ticks[1], "standard").startswith("9713-")
    with pytest.raises(CombineError, match="292,000"):
        time.decode(np.array([2**60]), "days since 2000-01-01", "standard")
    with pytest.raises(CombineError, match="292,000"):
        time.decode(np.array([9.96921e36]), "days since 2000-01-01", "standard")


@given(st.integers(-(2**62), 2**62))
def test_int64_is_never_rounded(number: int) -> None:
    units = "nanoseconds since 1970-01-01"
    ticks = time.decode(np.array([number]), units, "proleptic_gregorian")
    assert ticks.view("i8").tolist() == [number]
    assert time.encode(ticks, units, "proleptic_gregorian").tolist() == [number]


def test_missing_times() -> None:
    ticks = time.decode(np.array([1.0, np.nan]), "days since 2000-01-01", "noleap")
    assert np.isnat(ticks).tolist() == [False, True]
    assert np.isnan(time.encode(ticks, "days since 2000-01-01", "noleap", "f8")).tolist() == [False, True]
    with pytest.raises(CombineError) as caught:
        time.encode(ticks, "days since 2000-01-01", "noleap")
    assert caught.value.code == "C021"
    assert time.encode(ticks, "days since 2000-01-01", "noleap", missing=-1).tolist() == [1, -1]


@pytest.mark.parametrize(
    ("units", "dtype"),
    [("days since 2000-01-01", "i8"), ("hours since 2000-01-01", "i1"), ("days since 1900-01-01", "f4")],
)
def test_lossy_encoding_is_an_error(units: str, dtype: str) -> None:
    ticks = time.decode(np.array([1, 12345]), "hours since 2000-01-01", "standard")
    with pytest.raises(CombineError) as caught:
        time.encode(ticks, units, "standard", dtype)
    assert caught.value.code == "C020"


def test_dates_made_by_transforms() -> None:
    days = np.array(["2000-01-01", "2500-01-01"], "M8[D]")
    assert (
        time.from_datetime64(days[:1]).tolist()
        == time.decode(np.array([0]), "days since 2000-01-01", "standard").tolist()
    )
    assert time.from_datetime64(days).dtype == "m8[us]"
    ticks, calendar = time.from_cftime(np.array([cftime.datetime(2000, 2, 30, 12, calendar="360_day")], dtype=object))
    assert (calendar, time.format_tick(ticks[0], calendar)) == ("360_day", "2000-02-30 12:00:00")


def test_calendars_that_share_an_axis() -> None:
    late = time.decode(np.array([0]), "days since 1600-01-01", "standard")
    early = time.decode(np.array([0]), "days since 1500-01-01", "standard")
    assert time.same_axis("standard", "proleptic_gregorian", late)
    assert not time.same_axis("standard", "proleptic_gregorian", early)
    assert not time.same_axis("standard", "noleap", late)
