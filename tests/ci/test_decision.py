"""The decision, policy by policy, and properties that hold for all of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pangeo_forge.ci.decision import (
    LONGEST_DELAY,
    MOST_CAUGHT_UP,
    Attempt,
    Policy,
    Standing,
    decide,
    slot_name,
    slot_time,
)
from pangeo_forge.recipe.feedstock import Feedstock
from pangeo_forge.recipe.schedule import schedule_of

UTC = dt.UTC
DAILY = Policy(schedule_of("0 6 * * *"))
NOW = dt.datetime(2026, 11, 25, 17, 30, tzinfo=UTC)
TODAY = "2026-11-25T06:00Z"


def hours(n: float) -> dt.timedelta:
    return dt.timedelta(hours=n)


EARLIER = NOW - hours(3)


def tried(slot: str, outcome: str = "done", number: int = 1, *, ended: dt.datetime = EARLIER, **more: bool) -> Standing:
    return Standing(Attempt(slot, number, outcome, ended, **more))  # type: ignore[arg-type]


def test_a_feedstock_without_runs_is_due_at_once() -> None:
    for catch_up in ("latest", "all", "none"):
        got = decide(replace(DAILY, catch_up=catch_up), Standing(), NOW)
        assert (got.due, got.slot, got.attempt, got.why) == (True, TODAY, 1, "first run")


def test_without_a_schedule_it_runs_by_hand_only() -> None:
    assert not decide(Policy(None), Standing(), NOW).due


def test_one_that_is_worked_on_is_left_alone() -> None:
    got = decide(DAILY, Standing(running="run x on y"), NOW)
    assert not got.due
    assert "run x on y" in got.why


def test_up_to_date() -> None:
    got = decide(DAILY, tried(TODAY), NOW)
    assert (got.due, got.why, got.next) == (False, "is up to date", NOW.replace(day=26, hour=6, minute=0))
    assert decide(DAILY, tried(TODAY), NOW.replace(day=26, hour=6, minute=0)).due


@pytest.mark.parametrize(
    ("catch_up", "due", "slot", "missed"),
    [("latest", True, TODAY, 4), ("all", True, "2026-11-21T06:00Z", 0), ("none", False, None, 5)],
)
def test_missed_slots(catch_up: str, due: bool, slot: str | None, missed: int) -> None:
    policy = replace(DAILY, catch_up=catch_up)  # type: ignore[arg-type]
    got = decide(policy, tried("2026-11-20T06:00Z"), NOW)
    assert (got.due, got.slot, got.missed) == (due, slot, missed)


def test_none_runs_within_its_grace() -> None:
    policy = replace(DAILY, catch_up="none")
    at = NOW.replace(hour=8, minute=0)
    assert decide(policy, tried("2026-11-24T06:00Z"), at).due
    assert not decide(policy, tried("2026-11-24T06:00Z"), at + hours(0.01)).due
    assert decide(replace(policy, grace=hours(12)), tried("2026-11-24T06:00Z"), NOW).due


def test_all_is_bounded() -> None:
    hourly = Policy(schedule_of("0 * * * *"), catch_up="all")
    got = decide(hourly, tried("2020-01-01T00:00Z"), NOW)
    assert got.slot == slot_name(NOW.replace(minute=0) - hours(MOST_CAUGHT_UP - 1))


def test_a_failure_is_tried_again_after_a_while_that_doubles() -> None:
    for number, wait in ((1, 1), (2, 2)):
        standing = tried(TODAY, "failed", number, ended=NOW)
        early = decide(DAILY, standing, NOW + hours(wait - 0.1))
        assert (early.due, early.next) == (False, NOW + hours(wait))
        assert f"try {number + 1} waits" in early.why
        late = decide(DAILY, standing, NOW + hours(wait))
        assert (late.due, late.slot, late.attempt) == (True, TODAY, number + 1)
    assert not decide(DAILY, tried(TODAY, "failed", 3, ended=NOW), NOW + hours(9)).due
    assert "failed" in decide(DAILY, tried(TODAY, "failed", 3, ended=NOW), NOW + hours(9)).why
    assert replace(DAILY, retries=99).delay(99) == LONGEST_DELAY
    assert replace(DAILY, retry_delay=dt.timedelta()).delay(5) == dt.timedelta()


def test_a_failure_that_lasts_waits_for_the_next_slot() -> None:
    standing = tried(TODAY, "failed", may_pass=False)
    assert not decide(DAILY, standing, NOW).due
    assert decide(DAILY, standing, NOW + hours(13)).slot == "2026-11-26T06:00Z"


def test_a_stopped_run_goes_on_and_is_not_counted() -> None:
    got = decide(DAILY, tried(TODAY, "stopped", 2, ended=NOW), NOW)
    assert (got.due, got.slot, got.attempt) == (True, TODAY, 2)


def test_a_later_slot_takes_the_place_of_one_that_failed() -> None:
    standing = tried("2026-11-24T06:00Z", "failed", 1, ended=NOW - hours(1))
    got = decide(DAILY, standing, NOW)
    assert (got.slot, got.attempt) == (TODAY, 1)
    waits = decide(replace(DAILY, catch_up="all"), standing, NOW)
    assert (waits.slot, waits.attempt) == ("2026-11-24T06:00Z", 2)
    given_up = decide(replace(DAILY, catch_up="all", retries=0), standing, NOW)
    assert (given_up.slot, given_up.attempt) == (TODAY, 1)


def test_a_run_by_hand_counts_for_the_slots_before_it() -> None:
    assert not decide(DAILY, Standing(by_hand=NOW - hours(1)), NOW).due
    failed = Attempt(TODAY, 1, "failed", NOW - hours(9))
    assert not decide(DAILY, Standing(failed, NOW - hours(1)), NOW).due
    assert decide(DAILY, Standing(failed, NOW - hours(20)), NOW).attempt == 2


def test_a_clock_that_was_put_back() -> None:
    """The failure seems to be still to come: nobody knows how long ago it was, so it is tried at once."""
    assert decide(DAILY, tried(TODAY, "failed", ended=NOW + hours(1000)), NOW).due
    # A slot that is still to come says nothing of those before it.
    got = decide(DAILY, tried("2026-11-29T06:00Z"), NOW)
    assert not got.due


def test_once() -> None:
    feedstock = Feedstock.model_validate({"recipe": "x", "schedule": "@once"})
    policy = Policy.of(feedstock, "abcdef" * 10)
    assert policy.once == "once-abcdefabcdef"
    got = decide(policy, Standing(), NOW)
    assert (got.due, got.slot) == (True, "once-abcdefabcdef")
    assert not decide(policy, tried("once-abcdefabcdef"), NOW).due
    assert decide(policy, tried("once-111111111111"), NOW).due
    again = decide(policy, tried("once-abcdefabcdef", "failed"), NOW)
    assert (again.due, again.attempt) == (True, 2)
    assert not decide(policy, tried("once-abcdefabcdef", "failed", 3), NOW).due


def test_policy_of_a_feedstock() -> None:
    made = Feedstock.model_validate(
        {
            "recipe": "x",
            "schedule": "@daily",
            "grace": "30min",
            "retries": 5,
            "retry_delay": "10min",
            "catch_up": "none",
        }
    )
    policy = Policy.of(made)
    assert (policy.grace, policy.retries, policy.retry_delay) == (hours(0.5), 5, hours(1 / 6))
    assert policy.schedule is schedule_of("@daily")


def test_names_of_slots() -> None:
    assert slot_time(TODAY) == NOW.replace(hour=6, minute=0)
    assert slot_time("once-abc") is None
    assert slot_name(NOW) == "2026-11-25T17:30Z"


# -- properties ------------------------------------------------------------------------------------------------------

CRONS = ["0 6 * * *", "*/15 * * * *", "0 */6 * * *", "0 0 * * 1", "30 4 1 * *", "0 0 29 2 *"]
POLICIES = st.builds(
    Policy,
    st.sampled_from(CRONS).map(schedule_of),
    st.none(),
    st.sampled_from(["latest", "all", "none"]),
    st.sampled_from([hours(0.5), hours(2), hours(100)]),
    st.integers(0, 4),
    st.sampled_from([dt.timedelta(), hours(0.5), hours(30)]),
)
MOMENTS = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(UTC))
AGES = st.integers(0, 60 * 24 * 10).map(lambda n: dt.timedelta(minutes=n))


@st.composite
def _standings(draw: st.DrawFn, policy: Policy, now: dt.datetime) -> Standing:
    assert policy.schedule is not None
    slot = policy.schedule.latest(now - draw(AGES))
    ended = slot + draw(AGES)
    attempt = Attempt(
        slot_name(slot), draw(st.integers(1, 5)), draw(st.sampled_from(["done", "failed", "stopped"])), ended,
        draw(st.booleans()),
    )  # fmt: skip
    by_hand = draw(st.one_of(st.none(), AGES.map(lambda age: now - age)))
    return Standing(draw(st.sampled_from([attempt, None])), by_hand)


@given(st.data(), POLICIES, MOMENTS)
def test_what_holds_of_every_decision(data: st.DataObject, policy: Policy, now: dt.datetime) -> None:
    standing = data.draw(_standings(policy, now))
    got = decide(policy, standing, now)
    assert got == decide(policy, standing, now)
    assert not decide(policy, replace(standing, running="x"), now).due
    assert got.next is None or got.next > now
    if not got.due:
        return
    assert got.slot is not None
    slot = slot_time(got.slot)
    assert slot is not None
    assert slot <= now
    assert policy.schedule is not None
    assert policy.schedule.latest(slot) == slot, "it is a slot of the schedule"
    last = standing.last
    if standing.by_hand is not None:
        assert slot > standing.by_hand
    if last is not None and (standing.by_hand is None or standing.by_hand < (slot_time(last.slot) or now)):
        assert got.slot >= last.slot
        if got.slot == last.slot:
            assert not last.is_final(policy.retries)
            assert got.attempt == last.number + (last.outcome == "failed")
            assert got.attempt <= policy.retries + 1 or last.outcome == "stopped"
        else:
            assert got.attempt == 1


@settings(max_examples=25)
@given(st.data(), POLICIES, MOMENTS)
def test_what_is_done_is_not_due_again(data: st.DataObject, policy: Policy, now: dt.datetime) -> None:
    """Each success settles its slot; after as many runs as there were slots to make up for, nothing is due."""
    assert policy.schedule is not None
    standing = data.draw(_standings(policy, now))
    seen: list[str] = []
    for _ in range(MOST_CAUGHT_UP + 1):
        got = decide(policy, standing, now)
        if not got.due or got.slot is None:
            break
        seen.append(got.slot)
        standing = Standing(Attempt(got.slot, got.attempt, "done", now), standing.by_hand)
    assert seen == sorted(set(seen))
    assert not decide(policy, standing, now).due
    assert policy.catch_up == "all" or len(seen) <= 1


@given(st.data(), POLICIES, MOMENTS)
def test_what_fails_for_ever_ends(data: st.DataObject, policy: Policy, now: dt.datetime) -> None:
    """No slot is tried more often than is allowed, and each try waits its time."""
    assert policy.schedule is not None
    assume(policy.catch_up != "all")
    standing = data.draw(_standings(policy, now))
    latest, tries = slot_name(policy.schedule.latest(now)), 0
    for _ in range(200):
        got = decide(policy, standing, now)
        if got.due:
            assert got.slot is not None
            tries += got.slot == latest
            standing = Standing(Attempt(got.slot, got.attempt, "failed", now), standing.by_hand)
        elif got.slot is not None and got.next is not None and got.next < policy.schedule.next(now):
            now = got.next
        else:
            break
    assert tries <= policy.retries + 1
