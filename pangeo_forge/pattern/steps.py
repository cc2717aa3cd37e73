"""Steps of time: ``1D``, ``6h``, ``30min``, ``1MS``, ``1YS``, as recipes write them.

A step is either a fixed number of microseconds or a whole number of months, never both, so that everything built on it
is exact integer arithmetic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from pangeo_forge.errors import PlanError

_SECOND = 1_000_000
_MICROSECONDS = {
    "s": _SECOND,
    "min": 60 * _SECOND,
    "h": 3600 * _SECOND,
    "D": 86400 * _SECOND,
    "W": 7 * 86400 * _SECOND,
}
_MONTHS = {"MS": 1, "YS": 12}
_MISTAKEN = {
    "S": "s", "sec": "s", "second": "s", "seconds": "s", "T": "min", "m": "min", "minute": "min", "minutes": "min",
    "H": "h", "hour": "h", "hours": "h", "hr": "h", "d": "D", "day": "D", "days": "D", "w": "W", "week": "W",
    "weeks": "W", "M": "MS", "ME": "MS", "month": "MS", "months": "MS", "mon": "MS", "Y": "YS", "YE": "YS", "y": "YS",
    "A": "YS", "AS": "YS", "year": "YS", "years": "YS",
}  # fmt: skip
_PATTERN = re.compile(r"\s*([0-9]*)([A-Za-z]+)\s*\Z")
_LONGEST_MICROSECONDS = 10_000 * 366 * 86400 * _SECOND

STEP_HINT = "write a number and a unit: 1D (day), 8D, 6h, 30min, 10s, 1W, 1MS (month), 1YS (year)"


@dataclass(frozen=True)
class Step:
    """A distance in time: ``months`` or ``microseconds`` is positive, the other is 0."""

    text: str
    months: int = 0
    microseconds: int = 0

    @property
    def delta(self) -> timedelta:
        """The fixed part as a timedelta."""
        return timedelta(microseconds=self.microseconds)

    @property
    def is_yearly(self) -> bool:
        """Whether the step is made of whole years."""
        return self.months > 0 and self.months % 12 == 0


def parse_step(text: str, *, where: str | None = None) -> Step:
    """Read a step such as ``1D``.

    Raises
    ------
    PlanError (P112): the text is not a step, or is zero or longer than ten thousand years. The hint names the unit
    that was meant.
    """
    match = _PATTERN.match(text) if len(text) <= 40 else None
    if match is None:
        raise PlanError(f"{text[:40]!r} is not a step", code="P112", where=where, hint=STEP_HINT)
    digits, unit = match.groups()
    count = int(digits) if digits else 1
    if unit not in _MICROSECONDS and unit not in _MONTHS:
        meant = _MISTAKEN.get(unit)
        hint = f"write {count}{meant}" if meant else STEP_HINT
        raise PlanError(f"{text!r} is not a step: unknown unit {unit!r}", code="P112", where=where, hint=hint)
    months, microseconds = count * _MONTHS.get(unit, 0), count * _MICROSECONDS.get(unit, 0)
    if not months + microseconds > 0 or months > 120_000 or microseconds > _LONGEST_MICROSECONDS:
        raise PlanError(f"the step {text!r} is zero or too long", code="P112", where=where, hint=STEP_HINT)
    return Step(f"{count}{unit}", months, microseconds)
