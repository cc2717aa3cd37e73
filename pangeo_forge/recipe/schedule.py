"""When a feedstock runs: cron in UTC, as a sequence of slots.

A *slot* is one moment that the schedule names. Local time plays no part, so no slot is skipped or doubled when clocks change
to or from summer time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
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


class Schedule:
    """A cron expression. Made by :func:`schedule_of`, which keeps them: looking up the same interval again is cheap."""

    __slots__ = ("_known", "text")

    def __init__(self, text: str) -> None:
        self.text = WORDS.get(text, text)
        self._known = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))

    def latest(self, now: datetime) -> datetime:
        """The latest slot that is not after ``now``."""
        return self._around(now)[0]

    def next(self, now: datetime) -> datetime:
        """The first slot after ``now``."""
        return self._around(now)[1]

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Slots after ``after`` and not after ``until``, in order."""
        for slot in CronSim(self.text, after):
            if slot > until:
                return
            yield slot

    def back(self, now: datetime) -> Iterator[datetime]:
        """Slots that are not after ``now``, the latest first."""
        return CronSim(self.text, now.replace(microsecond=0) + timedelta(seconds=1), reverse=True)

    def _around(self, now: datetime) -> tuple[datetime, datetime]:
        before, after = self._known
        if not before <= now < after:
            before, after = next(self.back(now)), next(CronSim(self.text, now))
            self._known = before, after
        return before, after


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
    for number, (field, what) in enumerate(zip(fields, _FIELDS, strict=True)):
        alone = ["*"] * 5
        alone[number] = field
        if not _parses(" ".join(alone)):
            raise problem("R090", f"{field!r} is no {what}", _HINT)
    try:
        next(CronSim(value, _EPOCH))
    except (CronSimError, StopIteration):
        raise problem(
            "R090", f"{value!r} never happens: no month has such a day", "correct the day or the month"
        ) from None
    return value


def _parses(text: str) -> bool:
    try:
        CronSim(text, _EPOCH)
    except (CronSimError, AssertionError):
        return False
    return True
