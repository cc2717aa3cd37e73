from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.grids import DateGrid, make_grid
from pangeo_forge.pattern.steps import parse_step


def grid(start: str, end: str, step: str, **options: object) -> DateGrid:
    return make_grid(start, end, parse_step(step), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start", "end", "step", "calendar", "count"),
    [
        ("1996-10-01", "1999-02-01", "1D", "standard", 854),
        ("0001-02-01", "0009-01-31T23:40", "20min", "noleap", 210_240),
        ("1979-01", "2020-12", "1MS", "standard", 504),
        ("1958", "2020", "1YS", "standard", 63),
        ("2000-02-28", "2000-03-01", "1D", "standard", 3),
        ("2000-02-28", "2000-03-01", "1D", "noleap", 2),
        ("2000-02-28", "2000-03-01", "1D", "360_day", 4),
        ("1899-02-28", "1900-03-01", "1D", "julian", 368),
        ("2000-01-01", "2000-01-01", "1D", "standard", 1),
    ],
)
def test_counts(start: str, end: str, step: str, calendar: str, count: int) -> None:
    assert grid(start, end, step, calendar=calendar).count == count


@settings(max_examples=60)
@given(
    st.datetimes(min_value=dt.datetime(1600, 1, 1), max_value=dt.datetime(2400, 1, 1)),
    st.sampled_from([("1D", dt.timedelta(days=1)), ("6h", dt.timedelta(hours=6)), ("8D", dt.timedelta(days=8))]),
    st.integers(1, 200),
)
def test_grid_equals_the_list(start: dt.datetime, step: tuple[str, dt.timedelta], count: int) -> None:
    listed = [start + i * step[1] for i in range(count)]
    made = grid(start.isoformat(), listed[-1].isoformat(), step[0])
    assert [made.at(i) for i in range(made.count)] == listed
    assert [made.position(d) for d in listed] == list(range(count))
    assert made.position(start + dt.timedelta(microseconds=1)) is None
    assert made.position(listed[-1] + step[1]) is None
    assert made.position(start - step[1]) is None


@settings(max_examples=60)
@given(st.integers(1990, 2010), st.integers(0, 45), st.integers(1, 150), st.sampled_from(["8D", "5D", "16D", "10D"]))
def test_yearly_restart_equals_the_list(year: int, skip: int, count: int, step: str) -> None:
    days = int(step[:-1])
    listed = [
        dt.datetime(y, 1, 1) + dt.timedelta(days=d)
        for y in range(year, year + 12)
        for d in range(0, (dt.date(y + 1, 1, 1) - dt.date(y, 1, 1)).days, days)
    ][skip : skip + count]
    made = grid(listed[0].isoformat(), listed[-1].isoformat(), step, restart="yearly")
    assert [made.at(i) for i in range(made.count)] == listed
    assert [made.position(d) for d in listed] == list(range(len(listed)))
    assert made.position(listed[0] + dt.timedelta(days=1)) is None
    ends = [min(d + dt.timedelta(days=days), dt.datetime(d.year + 1, 1, 1)) - dt.timedelta(days=1) for d in listed]
    assert [made.last_day(i) for i in range(made.count)] == ends


def test_latest_is_the_last_not_after_now() -> None:
    assert grid("1981-09-01", "latest", "1D", now=dt.date(1981, 9, 5)).count == 5
    assert grid("1981-09-01", "latest", "6h", now=dt.datetime(1981, 9, 1, 13)).count == 3
    assert grid("1981-09-01", "latest", "1MS", now=dt.date(1982, 3, 31)).count == 7
    assert grid("1981-09-01", "latest", "1MS", now=dt.date(1982, 3, 31), calendar="360_day").count == 7
    aware = dt.datetime(1981, 9, 2, 1, tzinfo=dt.timezone(dt.timedelta(hours=3)))
    assert grid("1981-09-01", "latest", "1D", now=aware).count == 1
    assert grid("2000-01-01", "latest", "8D", restart="yearly", now=dt.date(2001, 1, 3)).count == 47
    assert grid("2020-01-01", "latest", "1D").count > 2000


@pytest.mark.parametrize(
    ("start", "end", "step", "options", "code", "says"),
    [
        ("2000-01-02", "2000-01-01", "1D", {}, "P116", "is after end"),
        ("2000-01-01", "2000-01-10", "8D", {}, "P115", "end: 2000-01-09 or end: 2000-01-17"),
        ("2000-01-01", "2000-03-15", "1MS", {}, "P115", "end: 2000-03-01"),
        ("2000-01-31", "2000-03-31", "1MS", {}, "P113", "day 31"),
        ("2000-01-01", "2001", "1D", {}, "P111", "first or the last moment"),
        ("2000-01-01", "2001-01", "1D", {}, "P111", "first or the last moment"),
        ("2000-01-01", "latest", "1D", {"now": dt.date(1999, 1, 1)}, "P116", "is after end"),
        ("2000-01-01", "2001-01-01", "8D", {"restart": "monthly"}, "P121", "restart"),
        ("2000-01-01", "2001-01-01", "1MS", {"restart": "yearly"}, "P121", "restart"),
        ("2000-01-02", "2001-01-01", "8D", {"restart": "yearly"}, "P115", "1 January"),
        ("2000-01-01", "2001-01-02", "8D", {"restart": "yearly"}, "P115", "end: 2001-01-01 or end: 2001-01-09"),
        ("2000-01-01", "2000-12-31", "8D", {"restart": "yearly"}, "P115", "end: 2000-12-26 or end: 2001-01-01"),
    ],
)
def test_errors(start: str, end: str, step: str, options: dict[str, object], code: str, says: str) -> None:
    with pytest.raises(PlanError) as caught:
        grid(start, end, step, where="here", **options)
    assert caught.value.code == code
    assert says in str(caught.value)
