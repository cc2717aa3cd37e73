"""Whether a feedstock is due: a pure function of its policy, of how things stand, and of the time.

Every slot of a schedule meets exactly one end: it is run until it succeeds, until its tries are used up or until a later slot
takes its place; or it is passed over, as the feedstock's ``catch_up`` says. What has met its end is never started again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from pangeo_forge.recipe.feedstock import Feedstock
from pangeo_forge.recipe.scalars import duration_in_seconds
from pangeo_forge.recipe.schedule import ONCE, Schedule, schedule_of

LONGEST_DELAY = timedelta(days=1)
MOST_CAUGHT_UP = 366
"""Slots that ``catch_up: all`` makes up for; of a longer outage, the latest so many."""

Outcome = Literal["done", "failed", "stopped"]


@dataclass(frozen=True)
class Policy:
    """What a feedstock declares of its runs."""

    schedule: Schedule | None
    once: str | None = None
    """For ``@once``: names what the recipe says of the data. One run for each such name."""
    catch_up: Literal["latest", "all", "none"] = "latest"
    grace: timedelta = timedelta(hours=2)
    retries: int = 2
    retry_delay: timedelta = timedelta(hours=1)

    @classmethod
    def of(cls, feedstock: Feedstock, fingerprint: str = "") -> Policy:
        """The policy of a feedstock; ``fingerprint`` is that of its recipe, which ``@once`` needs."""
        text = feedstock.schedule
        return cls(
            schedule_of(text) if text is not None and text != ONCE else None,
            f"once-{fingerprint[:12]}" if text == ONCE else None,
            feedstock.catch_up,
            timedelta(seconds=duration_in_seconds(feedstock.grace)),
            feedstock.retries,
            timedelta(seconds=duration_in_seconds(feedstock.retry_delay)),
        )

    def delay(self, number: int) -> timedelta:
        """Wait after the try of that number."""
        # Doubled 30 times is longer than any limit, and still a number that a timedelta takes.
        return min(self.retry_delay * 2 ** min(number - 1, 30), LONGEST_DELAY) if self.retry_delay else timedelta()


@dataclass(frozen=True)
class Attempt:
    """The latest try of a slot."""

    slot: str
    """Its name: the time of a schedule, or the name of what ``@once`` builds."""
    number: int
    outcome: Outcome
    ended: datetime
    may_pass: bool = True
    """Of a failure: whether the same run may succeed later."""

    def is_final(self, retries: int) -> bool:
        """Whether the slot has met its end by it."""
        if self.outcome == "failed":
            return not self.may_pass or self.number > retries
        return self.outcome == "done"


@dataclass(frozen=True)
class Standing:
    """How things stand with one dataset."""

    last: Attempt | None = None
    """Of the latest slot that was tried."""
    by_hand: datetime | None = None
    """When the latest run began that was no slot's and succeeded: it counts for all slots before it."""
    running: str | None = None
    """Who works on the dataset now."""


class Decision(NamedTuple):
    """What is to be done now."""

    due: bool
    why: str
    slot: str | None = None
    """The slot that is due, or that waits to be tried again."""
    attempt: int = 1
    missed: int = 0
    """Slots that are passed over by it."""
    next: datetime | None = None
    """When something may be due next, as far as is known."""

    def to_json(self) -> dict[str, Any]:
        """What ``ci due --json`` prints."""
        return {
            "due": self.due,
            "why": self.why,
            "slot": self.slot,
            "attempt": self.attempt,
            "missed": self.missed,
            "next": None if self.next is None else slot_name(self.next),
        }


def slot_name(slot: datetime) -> str:
    """``2026-11-25T06:00Z``."""
    # Several times as fast as a format.
    return slot.isoformat(timespec="minutes")[:16] + "Z"


def slot_time(name: str) -> datetime | None:
    """The time that a slot's name tells; None: it is no slot of a schedule."""
    try:
        found = datetime.fromisoformat(name)
    except ValueError:
        return None
    return found if len(name) == 17 and found.tzinfo is UTC else None


def decide(policy: Policy, standing: Standing, now: datetime) -> Decision:
    """What is to be done with a dataset at ``now`` (UTC). See ``docs/feedstocks.md`` for the policies in words."""
    if standing.running is not None:
        return Decision(False, f"is being worked on: {standing.running}")
    if policy.once is not None:
        return _once(policy, policy.once, standing, now)
    schedule = policy.schedule
    if schedule is None:
        return Decision(False, "has no schedule: runs by hand only")
    latest, following = schedule.around(now)
    tried = None if standing.last is None else slot_time(standing.last.slot)
    by_hand = standing.by_hand
    if standing.last is not None and tried is not None and (by_hand is None or by_hand < tried):
        # A later slot takes the place of one that waits, unless all are to be made up for.
        if (
            tried <= now
            and (policy.catch_up == "all" or latest <= tried)
            and not standing.last.is_final(policy.retries)
        ):
            return _again(policy, standing.last, now)
        settled = tried
    elif by_hand is not None:
        settled = by_hand
    else:
        return Decision(True, "first run", slot_name(latest), next=following)
    if latest <= settled:
        failed = standing.last is not None and settled == tried and standing.last.outcome != "done"
        why = "failed and waits for its next slot" if failed else "is up to date"
        return Decision(False, why, next=following)
    return _after(policy, schedule, settled, now)


def _after(policy: Policy, schedule: Schedule, settled: datetime, now: datetime) -> Decision:
    """What is due of the slots after ``settled``, of which there is one at least."""
    latest, after = schedule.around(now)
    open_slots = schedule.since(settled, now, MOST_CAUGHT_UP)
    if policy.catch_up == "all":
        behind = len(open_slots) - 1
        why = f"{behind} more to make up for" if behind else "its time has come"
        return Decision(True, why, slot_name(open_slots[0]), next=after)
    missed = len(open_slots) - 1
    if policy.catch_up == "none" and now - latest > policy.grace:
        return Decision(False, "its time was missed", missed=missed + 1, next=after)
    why = "its time has come" if not missed else f"its time has come; {missed} before it were missed"
    return Decision(True, why, slot_name(latest), missed=missed, next=after)


def _again(policy: Policy, last: Attempt, now: datetime) -> Decision:
    """A slot that was tried and has not met its end."""
    if last.outcome == "stopped":
        return Decision(True, "was stopped before its end", last.slot, last.number)
    number = last.number + 1
    ready = last.ended + policy.delay(last.number)
    # An end that is still to come says that the clock was put back: nobody knows how long ago it was.
    if last.ended <= now < ready:
        return Decision(False, f"failed; try {number} waits until {slot_name(ready)}", last.slot, number, next=ready)
    return Decision(True, f"failed; try {number} of {policy.retries + 1}", last.slot, number)


def _once(policy: Policy, name: str, standing: Standing, now: datetime) -> Decision:
    last = standing.last
    if last is None or last.slot != name:
        return Decision(True, "is not built yet as the recipe stands", name)
    if last.outcome == "done":
        return Decision(False, "is built")
    if last.is_final(policy.retries):
        return Decision(False, "could not be built; runs again when the recipe changes, or by hand", name, last.number)
    return _again(policy, last, now)
