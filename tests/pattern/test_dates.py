from __future__ import annotations

import datetime as dt

import cftime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.dates import add, date_field, is_date, iso, normal_calendar, parse_date, steps_between
from pangeo_forge.pattern.steps import parse_step

CALENDARS = ["standard", "proleptic_gregorian", "noleap", "all_leap", "360_day", "julian"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1981", (1981, 1, 1, 0, 0, 0, 0)),
        ("1981-09", (1981, 9, 1, 0, 0, 0, 0)),
        ("1981-09-03", (1981, 9, 3, 0, 0, 0, 0)),
        ("1981-09-03T06", (1981, 9, 3, 6, 0, 0, 0)),
        ("1981-09-03 06:30Z", (1981, 9, 3, 6, 30, 0, 0)),
        ("1981-09-03T06:30:15.25+00:00", (1981, 9, 3, 6, 30, 15, 250000)),
        (dt.date(1981, 9, 3), (1981, 9, 3, 0, 0, 0, 0)),
    ],
)
def test_parse_date(text: str, expected: tuple[int, ...]) -> None:
    assert parse_date(text) == dt.datetime(*expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "calendar"),
    [("1981-02-30", "standard"), ("1981-13-01", "standard"), ("81-01-01", "standard"), ("latest", "standard"), ("", "standard"),
     ("1981-09-03T25", "standard"), ("1981-02-29", "noleap"), ("2000-01-31", "360_day"), ("1500-01-01", "standard"),
     ("1981-09-03T06:00+02:00", "standard"), ("1" * 100, "standard")],
)  # fmt: skip
def test_not_a_date(text: str, calendar: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_date(text, calendar)
    assert caught.value.code == "P111"


def test_calendars() -> None:
    assert normal_calendar("365_day") == "noleap"
    assert normal_calendar("Gregorian") == "standard"
    assert parse_date("2000-02-30", "360_day") == cftime.datetime(2000, 2, 30, calendar="360_day")
    assert parse_date("0001-02-03", "proleptic_gregorian") == dt.datetime(1, 2, 3)
    with pytest.raises(PlanError, match="P114"):
        normal_calendar("lunar")


@given(
    calendar=st.sampled_from(CALENDARS),
    year=st.integers(1600, 3000),
    month=st.integers(1, 12),
    day=st.integers(1, 28),
    step=st.sampled_from(["1D", "8D", "6h", "30min", "7s", "1MS", "5MS", "1YS", "1W"]),
    count=st.integers(0, 5000),
)
def test_steps_between_is_the_inverse_of_add(
    calendar: str, year: int, month: int, day: int, step: str, count: int
) -> None:
    start, parsed = parse_date(f"{year:04d}-{month:02d}-{day:02d}", calendar), parse_step(step)
    moved = add(start, parsed, count)
    assert steps_between(start, moved, parsed) == (count, True)
    assert add(moved, parsed, -count) == start
    later = add(moved, parse_step("1s"))
    assert steps_between(start, later, parsed) == ((count + 1, True) if step == "1s" else (count, False))


@given(st.sampled_from(CALENDARS[2:]), st.integers(1600, 2400), st.integers(0, 364), st.integers(0, 86399))
def test_fields_agree_with_cftime(calendar: str, year: int, days: int, seconds: int) -> None:
    date = cftime.datetime(year, 1, 1, calendar=calendar) + dt.timedelta(days=days % 360, seconds=seconds)
    assert date_field(date, "day_of_year") == date.dayofyr
    assert date_field(date, "days_in_month") == date.daysinmonth
    assert date_field(date, "second_of_day") == seconds
    assert date_field(date, "minute_of_day") == seconds // 60
    lengths = {"noleap": 365, "all_leap": 366, "360_day": 360, "julian": 366 if year % 4 == 0 else 365}
    assert date_field(date, "days_in_year") == lengths[calendar]


def test_months_need_a_day_that_exists() -> None:
    assert add(dt.datetime(2000, 1, 31), parse_step("2MS")) == dt.datetime(2000, 3, 31)
    for date, step in [
        (dt.datetime(2000, 1, 31), "1MS"),
        (dt.datetime(2000, 2, 29), "1YS"),
        (dt.datetime(9999, 12, 31), "1D"),
    ]:
        with pytest.raises(PlanError, match="P113"):
            add(date, parse_step(step))


def test_last_month_of_all_time_has_31_days() -> None:
    assert date_field(dt.datetime(9999, 12, 1), "days_in_month") == 31


def test_iso_and_is_date() -> None:
    assert iso(dt.datetime(5, 1, 2)) == "0005-01-02"
    assert iso(dt.datetime(5, 1, 2, 3)) == "0005-01-02T03:00:00"
    assert is_date("2000-01-01")
    assert not is_date("2000-01")
    assert not is_date("x2000-01-01")
