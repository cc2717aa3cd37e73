"""Constant distances between two dates of a name: the start and the end of a period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.dates import add
from pangeo_forge.pattern.steps import parse_step

_UNITS = ((86400, "D"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Move:
    """One ``+ 7D`` or ``- 1D`` of a template."""

    sign: int
    step: str

    def __str__(self) -> str:
        return f"{'+' if self.sign > 0 else '-'} {self.step}"


def duration(seconds: int) -> str:
    """A number of seconds as a step: ``7D``, ``29min``."""
    for size, unit in _UNITS:
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    raise ValueError(seconds)


def moves_between(starts: Sequence[Any], ends: Sequence[Any], letters: str) -> tuple[Move, ...] | None:
    """The constant amount from each start to its end, if there is one; never zero.

    Parameters
    ----------
    letters: directives of the end's format. One that has no day is met by its month alone.
    """
    if not any(c in letters for c in "dj"):
        months = {(e.year - s.year) * 12 + e.month - s.month for s, e in zip(starts, ends, strict=True)}
        if len(months) != 1 or (n := months.pop()) == 0 or any(s.day > 28 for s in starts):
            return None
        return (Move(1 if n > 0 else -1, _months(abs(n))),)
    seconds = {round((e - s).total_seconds()) for s, e in zip(starts, ends, strict=True)}
    calendar = _by_months(starts, ends)
    if len(seconds) == 1:
        n = seconds.pop()
        # 31 days may be a month of which the samples show no shorter one.
        if calendar is not None and len(set(starts)) < 2:
            return calendar
        return (Move(1 if n > 0 else -1, duration(abs(n))),) if n else None
    return calendar


def _by_months(starts: Sequence[Any], ends: Sequence[Any]) -> tuple[Move, ...] | None:
    """``+ 1MS``, or ``+ 1MS - 1D`` for the last day of a month."""
    if any(s.day > 28 for s in starts):
        return None
    for back in (0, 1):
        day = dt.timedelta(days=back)
        months = {
            (e + day).year * 12 + (e + day).month - s.year * 12 - s.month for s, e in zip(starts, ends, strict=True)
        }
        if len(months) != 1 or (n := months.pop()) <= 0:
            continue
        step = parse_step(_months(n))
        try:
            fits = all(add(s, step) - day == e for s, e in zip(starts, ends, strict=True))
        except PlanError:
            continue
        if fits:
            return (Move(1, _months(n)), *([Move(-1, "1D")] if back else []))
    return None


def _months(n: int) -> str:
    return f"{n // 12}YS" if n % 12 == 0 else f"{n}MS"


def moves_of_day(starts: Sequence[Any], clocks: Sequence[str]) -> tuple[Move, ...] | None:
    """The constant amount (less than a day) from each start to a time of day, HHMM or HHMMSS."""
    found = set()
    for start, clock in zip(starts, clocks, strict=True):
        hour, minute, second = int(clock[:2]), int(clock[2:4]), int(clock[4:6] or 0)
        if hour > 23 or minute > 59 or second > 59:
            return None
        at = start.hour * 3600 + start.minute * 60 + (start.second if len(clock) == 6 else 0)
        found.add((hour * 3600 + minute * 60 + second - at) % 86400)
    if len(found) != 1 or (n := found.pop()) == 0:
        return None
    return (Move(1, duration(n)),)
