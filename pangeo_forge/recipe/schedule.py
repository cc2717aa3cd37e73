"""When a feedstock runs: cron in UTC, as a sequence of slots.

A *slot* is one moment that the schedule names. Local time plays no part, so no slot is skipped or doubled when clocks change
to or from summer time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from typing import Any

from cronsim import CronSim, CronSimError

from pangeo_forge.recipe.section import problem, shown

ONCE = "@once"
"""Instead of cron: built once, and again when what the recipe says of the data has changed."""
WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
SCHEDULE_SCHEMA = {"type": "string", "pattern": r"^(@(once|hourly|daily|weekly|monthly|yearly)|\S+(\s+\S+){4})$"}
_HINT = 'write five fields, minute hour day month weekday (UTC): "0 6 * * *", or "@once"'
_FIELDS = ("minute (0-59)", "hour (0-23)", "day of month (1-31)", "month (1-12)", "day of week (0-7, 0 is Sunday)")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_KEPT = 20_000
"""Slots of one schedule that are kept."""
_STEPS = 1000
"""Slots that are walked from those that are known to the time that is asked about; further away, it is begun anew."""


class Schedule:
    """A cron expression as a sequence of slots. Made by :func:`schedule_of`, which keeps them.

    Slots that were looked up are kept, in order and without gaps, so that another look at about the same time costs no more
    than a comparison or a binary search.
    """

    __slots__ = ("_known", "_slots", "text")

    def __init__(self, text: str) -> None:
        self.text = WORDS.get(text, text)
        self._slots: tuple[datetime, ...] = ()
        """Never changed, only replaced by a longer one: several threads may look."""
        self._known = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))
        """The slots around the moment that was asked about last."""

    def around(self, now: datetime) -> tuple[datetime, datetime]:
        """The latest slot that is not after ``now``, and the first after it."""
        before, after = self._known
        if not before <= now < after:
            slots = self._reach(now)
            at = bisect_right(slots, now)
            self._known = before, after = slots[at - 1], slots[at]
        return before, after

    def latest(self, now: datetime) -> datetime:
        """The latest slot that is not after ``now``."""
        return self.around(now)[0]

    def next(self, now: datetime) -> datetime:
        """The first slot after ``now``."""
        return self.around(now)[1]

    def since(self, after: datetime, now: datetime, most: int) -> tuple[datetime, ...]:
        """Slots after ``after`` and not after ``now``, in order; of more than ``most``, the latest so many."""
        slots = self._reach(now)
        end = bisect_right(slots, now)
        # Newest first, so that a long outage costs no more than a short one.
        if slots[0] > after and end < most:
            back = CronSim(self.text, slots[0], reverse=True)
            earlier = list(takewhile(lambda slot: slot > after, islice(back, most - end)))
            slots = self._keep((*reversed(earlier), *slots))
            end += len(earlier)
        return slots[max(bisect_right(slots, after), end - most) : end]

    def _reach(self, now: datetime) -> tuple[datetime, ...]:
        """Slots of which one is not after ``now``, and one is after it."""
        slots = self._slots
        if slots and slots[0] <= now < slots[-1]:
            return slots
        if slots and slots[-1] <= now:
            more = _walk(CronSim(self.text, slots[-1]), lambda slot: slot > now)
            slots = (*slots, *more)
        elif slots:
            more = _walk(CronSim(self.text, slots[0], reverse=True), lambda slot: slot <= now)
            slots = (*reversed(more), *slots)
        if not slots or not slots[0] <= now < slots[-1]:
            # Nothing is known, or what is known is far away.
            second = timedelta(seconds=1)
            before = next(CronSim(self.text, now.replace(microsecond=0) + second, reverse=True))
            slots = before, next(CronSim(self.text, now))
        return self._keep(slots)

    def _keep(self, slots: tuple[datetime, ...]) -> tuple[datetime, ...]:
        self._slots = slots if len(slots) <= _MOST_KEPT else ()
        return slots


def _walk(slots: Iterable[datetime], is_enough: Callable[[datetime], bool]) -> list[datetime]:
    """Slots up to the first that is enough, but not without end."""
    found: list[datetime] = []
    for slot in islice(slots, _STEPS):
        found.append(slot)
        if is_enough(slot):
            break
    return found


@lru_cache(maxsize=4096)
def schedule_of(text: str) -> Schedule:
    """The schedule of a cron expression that was checked."""
    return Schedule(text)


def check_schedule(value: Any) -> str:
    """A cron expression of five fields, a word such as ``@daily``, or ``@once``; raises R090."""
    if not isinstance(value, str):
        raise problem("R090", f"{shown(value)} is not a schedule", _HINT)
    if value == ONCE or value in WORDS:
        return value
    fields = value.split()
    if len(fields) != 5:
        near = f"@{value.lower().lstrip('@')}"
        hint = f'did you mean "{near}"?' if near in WORDS or near == ONCE else _HINT
        raise problem("R090", f"{shown(value)} is not a cron schedule", hint)
    with suppress(CronSimError, AssertionError, StopIteration):
        next(CronSim(value, _EPOCH))
        return value
    for number, (field, what) in enumerate(zip(fields, _FIELDS, strict=True)):
        alone = ["*"] * 5
        alone[number] = field
        if not _parses(" ".join(alone)):
            raise problem("R090", f"{field!r} is no {what}", _HINT)
    raise problem("R090", f"{value!r} never happens: no month has such a day", "correct the day or the month")


def _parses(text: str) -> bool:
    try:
        CronSim(text, _EPOCH)
    except (CronSimError, AssertionError):
        return False
    return True
