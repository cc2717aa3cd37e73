"""Cron in UTC: what is accepted, and the slots before and after a moment."""

from __future__ import annotations

import datetime as dt
import os
import time
from itertools import islice, pairwise, takewhile

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from pangeo_forge.recipe.schedule import WORDS, Schedule, check_schedule, schedule_of

UTC = dt.UTC
NOW = dt.datetime(2026, 11, 25, 17, 30, tzinfo=UTC)
EXPRESSIONS = [
    "0 6 * * *",
    "*/5 * * * *",
    "15 */6 * * 1-5",
    "0 0 1 * *",
    "0 0 29 2 *",
    "0 0 13 * FRI",
    "30 4 L * *",
    "0 0 * * 0",
]


@pytest.mark.parametrize("text", [*EXPRESSIONS, *WORDS, "@once", "0 0 * JAN-MAR mon,WED", "59 23 31 12 7"])
def test_accepted(text: str) -> None:
    assert check_schedule(text) == text


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("daily", "not a cron schedule", 'did you mean "@daily"?'),
        ("once", "not a cron schedule", 'did you mean "@once"?'),
        ("@dayly", "not a cron schedule", "five fields"),
        ("0 6 * *", "not a cron schedule", "five fields"),
        ("0 0 6 * * *", "not a cron schedule", "five fields"),
        ("60 6 * * *", "'60' is no minute (0-59)", ""),
        ("0 24 * * *", "'24' is no hour (0-23)", ""),
        ("0 6 0 * *", "'0' is no day of month (1-31)", ""),
        ("0 6 * 13 *", "'13' is no month (1-12)", ""),
        ("0 6 * * 8", "'8' is no day of week", ""),
        ("0 6 * * MOO", "'MOO' is no day of week", ""),
        ("5-1 6 * * *", "'5-1' is no minute", ""),
        ("*/0 6 * * *", "'*/0' is no minute", ""),
        ("0 6 L/2x * *", "is no day of month", ""),
        ("0 0 30 2 *", "never happens", ""),
        ("0 0 31 4,6 *", "never happens", ""),
        (5, "5 is not a schedule", ""),
        (None, "nothing is not a schedule", ""),
    ],
)
def test_refused(text: object, said: str, hint: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        check_schedule(text)
    assert caught.value.type == "R090"
    context = caught.value.context or {}
    assert said in context["text"]
    assert hint in context["hint"]


MOMENTS = st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2080, 1, 1), timezones=st.just(UTC))


@settings(max_examples=40)
@given(st.sampled_from(EXPRESSIONS), st.lists(MOMENTS, min_size=1, max_size=5))
def test_around_a_moment(text: str, moments: list[dt.datetime]) -> None:
    schedule = schedule_of(text)
    for now in moments:
        before, after = schedule.latest(now), schedule.next(now)
        assert before <= now < after
        # Nothing lies between.
        assert schedule.since(before, after, 9) == (after,)
        assert schedule.since(before - dt.timedelta(microseconds=1), now, 9) == (before,)
        assert schedule.latest(before) == before
        assert schedule.next(after - dt.timedelta(microseconds=1)) == after


def test_since() -> None:
    schedule = schedule_of("0 6 * * *")
    assert [s.day for s in schedule.since(NOW - dt.timedelta(days=3), NOW, 366)] == [23, 24, 25]
    assert [s.day for s in schedule.since(NOW - dt.timedelta(days=30), NOW, 2)] == [24, 25]
    assert schedule.since(NOW, NOW + dt.timedelta(hours=1), 366) == ()


@settings(max_examples=25)
@given(
    st.sampled_from(EXPRESSIONS), st.lists(st.tuples(MOMENTS, st.integers(0, 10**5), st.integers(1, 40)), max_size=6)
)
def test_what_is_kept_changes_no_answer(text: str, asked: list[tuple[dt.datetime, int, int]]) -> None:
    """Of times near and far, in any order, as a schedule answers that knows nothing yet."""
    schedule = Schedule(text)
    for now, minutes, most in asked:
        for moment in (now, now + dt.timedelta(minutes=minutes), now - dt.timedelta(minutes=minutes)):
            assert schedule.around(moment) == Schedule(text).around(moment)
            after = moment - dt.timedelta(minutes=minutes)
            back = CronSim(text, moment.replace(microsecond=0) + dt.timedelta(seconds=1), reverse=True)
            expected = takewhile(lambda slot: slot > after, islice(back, most))  # noqa: B023 - used at once
            assert schedule.since(after, moment, most) == tuple(expected)[::-1]


def test_what_is_kept_is_bounded() -> None:
    schedule = Schedule("* * * * *")
    for days in (1, 5, 13, 14, 21, 2):
        schedule.since(NOW, NOW + dt.timedelta(days=days), 10**6)
        assert len(schedule._slots) <= 20_000


def test_the_machine_s_time_zone_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on the days on which its clocks change: 25 hours of one, 23 of the other."""
    start = dt.datetime(2026, 1, 1, tzinfo=UTC)
    end = start + dt.timedelta(days=365)

    def slots() -> list[dt.datetime]:
        return list(schedule_of("30 */2 * * *").since(start, end, 10**6))

    plain = slots()
    assert {b - a for a, b in pairwise(plain)} == {dt.timedelta(hours=2)}
    for zone in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        try:
            assert slots() == plain
        finally:
            monkeypatch.undo()
            time.tzset()
    assert "TZ" not in os.environ or os.environ["TZ"] not in ("Europe/Berlin",)
