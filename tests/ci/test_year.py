"""A simulated year of hourly ticks over hundreds of feedstocks, by the real decision on real records.

What may go wrong does: runs fail, for a while or for good, are stopped, vanish without a record, take longer than a day; ticks
are late, are missed for hours or days; clocks are put forward and back. What must hold is said by :func:`_check`, which
knows nothing of how decisions are made: each slot meets exactly the end that its feedstock's policy declares.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from bisect import insort
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from pangeo_forge.ci.decision import Policy, Standing, decide, slot_name, slot_time
from pangeo_forge.ci.standing import standing_of
from pangeo_forge.recipe.schedule import schedule_of
from pangeo_forge.runs.records import RecordName

pytestmark = pytest.mark.slow

UTC = dt.UTC
START = dt.datetime(2026, 1, 1, tzinfo=UTC)
NEVER = dt.datetime.max.replace(tzinfo=UTC)
HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)
LISTED = 450
"""Latest records that are looked at, of thousands: more than a clock that is wrong makes in one go (`MOST_CAUGHT_UP`)."""
HOURLY = "10 * * * *"
OFTEN = ["0 6 * * *", "30 4 * * *", "0 12 * * *", "20 1 * * *", "45 23 * * 1-5", "15 3 * * 1", "0 0 1 * *"]
CRONS = [*OFTEN, "0 */6 * * *", *OFTEN, HOURLY, *OFTEN]


@dataclass
class Feedstock:
    """One of the year: its policy, how its runs end, and what came of them."""

    policy: Policy
    trouble: float
    """Share of runs that end otherwise than well and soon."""
    records: list[RecordName] = field(default_factory=list)
    """Sorted by name, as a listing is."""
    contents: dict[str, dict[str, Any]] = field(default_factory=dict)
    running_until: dt.datetime = START
    """True time."""
    runs: list[tuple[str, int, str]] = field(default_factory=list)
    """Slot, try and outcome of each, in order."""
    idle: list[dt.datetime] = field(default_factory=list)
    """What the clock said at each tick at which it was not running."""
    known: Standing | None = None
    known_from: dt.datetime = START
    known_until: dt.datetime = START

    def standing(self, now: dt.datetime, true: dt.datetime) -> Standing:
        """As a scheduler reads it. Kept from tick to tick while no record and no slot is added: that is only for speed."""
        if true < self.running_until:
            return Standing(running="itself")
        if self.known is None or not self.known_from <= now < self.known_until:
            names = self.records[: -LISTED - 1 : -1]
            self.known = standing_of(names, lambda name: self.contents[name.key], now)
            limit = slot_name(now)
            to_come = [name.slot for name in names if name.slot and name.slot > limit]
            self.known_from = now if self.known.last is None else slot_time(self.known.last.slot) or now
            self.known_until = (slot_time(min(to_come)) if to_come else None) or NEVER
        return self.known

    def tick(self, now: dt.datetime, true: dt.datetime, dice: random.Random) -> None:
        """As `run-due` does: what is due; and where missed slots are made up for, one after another."""
        later = dt.timedelta()
        while later < 50 * MINUTE:
            decision = decide(self.policy, self.standing(now + later, true + later), now + later)
            if not decision.due:
                return
            assert decision.slot is not None
            self.run(decision.slot, decision.attempt, now + later, true + later, dice)
            later = self.running_until - true
            if self.policy.catch_up != "all":
                return

    def run(self, slot: str, attempt: int, now: dt.datetime, true: dt.datetime, dice: random.Random) -> None:
        """Run it; the record bears the time of the clock, be it right or wrong."""
        outcome, error, took = "done", "", dt.timedelta(minutes=dice.randint(1, 20))
        fate = dice.random() / self.trouble if self.trouble else 1.0
        if fate < 0.4:
            outcome, error = "failed", "I301"
        elif fate < 0.5:
            outcome, error = "failed", "C010"
        elif fate < 0.6:
            outcome = "stopped"
        elif fate < 0.8:
            took = dt.timedelta(hours=dice.randint(1, 60))
        elif fate < 1.0:
            outcome = "vanished"
        self.runs.append((slot, attempt, outcome + error))
        self.running_until = true + took
        self.known = None
        if outcome == "vanished":
            return
        record = {"outcome": outcome, "seconds": took.total_seconds(), "error": {"code": error} if error else None}
        run_id = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{len(self.runs):06d}"
        key = f"runs/{run_id}_{slot.replace(':', '')}_{attempt}_{outcome}.json"
        made = RecordName.of(key)
        if not self.records or key > self.records[-1].key:
            self.records.append(made)
        else:
            insort(self.records, made, key=lambda name: name.key)
        if outcome == "failed":
            self.contents[key] = record
        # Memory: what is far beyond the part that is listed is never looked at again.
        if len(self.records) > 2 * LISTED:
            del self.records[:LISTED]


def _ticks(dice: random.Random, days: int, jumps: bool) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """True time and what the clock says: hourly, late by up to half an hour, some missed, the clock wrong at times."""
    outage = wrong = START
    offset = dt.timedelta()
    for n in range(days * 24):
        true = START + n * HOUR + dice.random() * 30 * MINUTE
        if true < outage or dice.random() < 0.02:
            continue
        if dice.random() < 0.001:
            outage = true + dice.choice([3, 12, 80]) * HOUR
        if jumps and true >= wrong:
            offset = dt.timedelta()
            if dice.random() < 0.004:
                offset = dice.choice([-5 * HOUR, -30 * MINUTE, 20 * MINUTE, 7 * HOUR, 40 * 24 * HOUR, -26 * HOUR])
                wrong = true + dice.choice([1, 5, 30]) * HOUR
        yield true, true + offset


def _simulate(count: int, days: int, *, jumps: bool, trouble: float, seed: int = 1) -> list[Feedstock]:
    dice = random.Random(seed)
    feedstocks = [
        Feedstock(
            Policy(
                schedule_of(CRONS[n % len(CRONS)]),
                catch_up=("latest", "all", "none")[n % 3],
                grace=dice.choice([1, 2, 6]) * HOUR,
                retries=dice.choice([0, 1, 3]),
                retry_delay=dice.choice([0, 1, 5]) * HOUR,
            ),
            # One that makes up for every hour and is stuck for days at a time would meet the bound on what is made up
            # for, which has a test of its own (test_decision.py).
            trouble if n % 5 and not (n % 3 == 1 and CRONS[n % len(CRONS)] == HOURLY) else 0.0,
        )
        for n in range(count)
    ]
    ticks = list(_ticks(dice, days, jumps))
    # No feedstock knows of another, so each has its year in one go: that is only for speed.
    for number, feedstock in enumerate(feedstocks):
        dice = random.Random(1000 * seed + number)
        for true, now in ticks:
            if true >= feedstock.running_until:
                feedstock.idle.append(now)
            if decide(feedstock.policy, feedstock.standing(now, true), now).due:
                feedstock.tick(now, true, dice)
    return feedstocks


def _check(feedstock: Feedstock, *, jumps: bool) -> int:
    """What the policy declares, slot by slot; returns the number of slots that were run."""
    policy = feedstock.policy
    tries: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for slot, number, outcome in feedstock.runs:
        tries[slot].append((number, outcome))
    for slot, made in tries.items():
        time_of_slot = slot_time(slot)
        assert time_of_slot is not None
        assert policy.schedule is not None
        assert policy.schedule.latest(time_of_slot) == time_of_slot
        # Tries are numbered on; only one that was stopped, or vanished, is made again under its number.
        expected = 1
        for n, (number, outcome) in enumerate(made):
            assert number == expected, (slot, made)
            final = (
                outcome == "done" or outcome == "failedC010" or (outcome == "failedI301" and number > policy.retries)
            )
            assert not final or n == len(made) - 1, f"{slot} was run again after its end: {made}"
            expected += outcome.startswith("failed")
    order = list(dict.fromkeys(slot for slot, _, _ in feedstock.runs))
    if not jumps:
        assert order == sorted(order)
    _check_selection(feedstock, set(tries), jumps)
    return len(tries)


def _check_selection(feedstock: Feedstock, run: set[str], jumps: bool) -> None:
    """Which slots are run at all: told from the ticks alone."""
    policy, schedule = feedstock.policy, feedstock.policy.schedule
    assert schedule is not None
    if policy.catch_up == "all":
        if not jumps and run:
            first = slot_time(min(run))
            last = slot_time(max(run))
            assert first is not None
            assert last is not None
            wanted = {slot_name(s) for s in [first, *schedule.since(first, last, 10**6)]}
            # 366 slots at once is all that is made up for; a run of 60 hours with tries does not come near it.
            assert run == wanted
        return
    seen = {slot_name(slot): now for slot, now in {schedule.latest(n): n for n in reversed(feedstock.idle)}.items()}
    if policy.catch_up == "latest":
        assert run <= set(seen)
        assert set(seen) <= run or jumps
        if jumps:
            # The clock was put back: a slot that is the latest again is older than one that was run already.
            assert all(any(r > s for r in run) for s in set(seen) - run)
        return
    first_slot = feedstock.runs[0][0]
    in_time = {s for s, now in seen.items() if now - (slot_time(s) or now) <= policy.grace or s == first_slot}
    if jumps:
        in_time |= set(
            map(slot_name, {schedule.latest(n) for n in feedstock.idle if n - schedule.latest(n) <= policy.grace})
        )
    assert run <= in_time
    assert in_time <= run or jumps


def test_a_quiet_year_runs_each_slot_once() -> None:
    """Nothing goes wrong but the ticks: each slot is run once, or passed over as declared."""
    for feedstock in _simulate(9, 365, jumps=False, trouble=0.0):
        assert all(number == 1 and outcome == "done" for _, number, outcome in feedstock.runs)
        assert len(feedstock.runs) == len({s for s, _, _ in feedstock.runs}) == _check(feedstock, jumps=False)


@pytest.mark.parametrize("jumps", [False, True], ids=["clocks-right", "clocks-jump"])
def test_a_month_of_troubles(jumps: bool) -> None:
    assert sum(_check(f, jumps=jumps) for f in _simulate(63, 31, jumps=jumps, trouble=0.3)) > 1000


@pytest.mark.long
@pytest.mark.parametrize("jumps", [False, True], ids=["clocks-right", "clocks-jump"])
def test_a_year_of_five_hundred(jumps: bool) -> None:
    began = time.process_time()
    feedstocks = _simulate(500, 365, jumps=jumps, trouble=0.3)
    seconds = time.process_time() - began
    assert sum(_check(f, jumps=jumps) for f in feedstocks) > 200_000
    assert seconds < 150, f"{seconds:.0f} s of CPU"


def test_local_time_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two months about the change to summer time, in a zone that has it: the same runs as in UTC."""
    plain = [f.runs for f in _simulate(5, 100, jumps=True, trouble=0.3)]
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert [f.runs for f in _simulate(5, 100, jumps=True, trouble=0.3)] == plain
    finally:
        monkeypatch.undo()
        time.tzset()
