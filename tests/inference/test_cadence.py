"""Steps from a few dates."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.inference.cadence import expected, find_cadence, proven
from pangeo_forge.inference.offsets import Move


def days(*numbers: int) -> list[dt.datetime]:
    return [dt.datetime(2003, 1, 1) + dt.timedelta(days=n) for n in numbers]


@given(st.sets(st.integers(0, 2000), min_size=2, max_size=9))
def test_the_series_holds_all_samples(numbers: set[int]) -> None:
    dates = days(*sorted(numbers))
    assert set(dates) <= set(expected(find_cadence(dates, "Ymd")))


@pytest.mark.parametrize(
    ("numbers", "step"),
    [((0, 1, 5), "1D"), ((0, 8, 80), "8D"), ((0, 6, 80), "1D"), ((0, 400), "1D"), ((0, 31, 59, 90), "1MS")],
)
def test_days(numbers: tuple[int, ...], step: str) -> None:
    assert find_cadence(days(*numbers), "Ymd").step == step


@pytest.mark.parametrize(
    ("word", "step"), [("L3m.8D.nc", "8D"), ("sst_daily.nc", "1D"), ("x_monthly.nc", "1MS"), ("x_365days.nc", "1D")]
)
def test_the_name_may_tell(word: str, step: str) -> None:
    dates = (
        [dt.datetime(2003, 1, 1), dt.datetime(2003, 1, 9)]
        if step == "8D"
        else [dt.datetime(2003, 1, 1), dt.datetime(2003, 3, 1)]
    )
    assert find_cadence(dates, "Ymd", words=word).step == step


def test_start_and_end_tell() -> None:
    assert find_cadence(days(0, 352), "Ymd", [Move(1, "7D")]).step == "8D"
    halves = [dt.datetime(2000, 6, 1), dt.datetime(2021, 9, 30, 23, 30)]
    assert find_cadence(halves, "YmdHM", [Move(1, "29min")]).step == "30min"


def test_a_common_divisor_by_chance_proves_nothing() -> None:
    assert not proven([0, 6, 80], 2)
    assert proven([0, 8, 80], 8)
