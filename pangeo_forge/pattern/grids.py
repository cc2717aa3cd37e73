"""Regular series of dates that are indexed, not listed: position -> date and date -> position.

Ten million half-hours cost as much as ten: a grid holds its start, its step and its length.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Protocol

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.dates import (
    Date,
    add,
    calendar_of,
    days_in_year,
    iso,
    make_date,
    normal_calendar,
    parse_date,
    precision,
    steps_between,
)
from pangeo_forge.pattern.steps import Step

_DAY = dt.timedelta(days=1)


class DateGrid(Protocol):
    """A series of dates."""

    @property
    def count(self) -> int:
        """Number of dates."""
        ...

    @property
    def step(self) -> Step:
        """Distance of two dates."""
        ...

    def at(self, position: int) -> Date:
        """The date at ``position`` (0 <= position < count)."""
        ...

    def position(self, date: Date) -> int | None:
        """Where ``date`` stands; None when it lies between or beyond the dates of the grid."""
        ...

    def last_day(self, position: int) -> Date | None:
        """The last day of the period that begins at ``position``, where periods are cut short; else None."""
        ...

    def describe(self) -> dict[str, str | int]:
        """What tells this grid from others."""
        ...


@dataclass(frozen=True)
class RegularGrid:
    """``count`` dates from ``start``, one ``step`` apart. Both directions are O(1)."""

    start: Date
    step: Step
    count: int

    def at(self, position: int) -> Date:
        return add(self.start, self.step, position)

    def position(self, date: Date) -> int | None:
        if date < self.start:
            return None
        position, exact = steps_between(self.start, date, self.step)
        return position if exact and position < self.count else None

    def last_day(self, position: int) -> Date | None:
        return None

    def describe(self) -> dict[str, str | int]:
        return {
            "start": iso(self.start),
            "step": self.step.text,
            "count": self.count,
            "calendar": calendar_of(self.start),
        }


@dataclass(frozen=True)
class YearlyGrid:
    """Dates one ``step`` apart that begin anew on each 1 January, as 8-day satellite composites do.

    The number of dates before each year is summed up once (a few thousand years at most); access is a bisection.
    """

    start: Date
    step: Step
    count: int
    _before: list[int] = field(repr=False)
    """_before[i]: dates from 1 January of the first year to that of year first + i."""
    _offset: int
    """Position of ``start`` in its year."""

    def at(self, position: int) -> Date:
        index = bisect_right(self._before, position + self._offset) - 1
        within = position + self._offset - self._before[index]
        return add(_new_year(self.start, self.start.year + index), self.step, within)

    def position(self, date: Date) -> int | None:
        index = date.year - self.start.year
        if not 0 <= index < len(self._before):
            return None
        within, exact = steps_between(_new_year(self.start, date.year), date, self.step)
        position = self._before[index] + within - self._offset
        return position if exact and 0 <= position < self.count else None

    def last_day(self, position: int) -> Date | None:
        date = self.at(position)
        following = add(date, self.step)
        return min(following, _new_year(date, date.year + 1)) - _DAY

    def describe(self) -> dict[str, str | int]:
        return {
            "start": iso(self.start), "step": self.step.text, "count": self.count, "calendar": calendar_of(self.start),
            "restart": "yearly",
        }  # fmt: skip


def make_grid(
    start: str,
    end: str,
    step: Step,
    *,
    calendar: str = "standard",
    restart: str | None = None,
    now: dt.date | None = None,
    where: str | None = None,
) -> DateGrid:
    """A grid from ``start`` to ``end``, both inclusive.

    Parameters
    ----------
    end: a date that lies on the grid, or ``latest``: the last one that is not after ``now``.
    restart: ``yearly`` for a series that begins anew on each 1 January.
    now: the run's date; today's in UTC when left out.

    Raises
    ------
    PlanError: P111 (no date), P113 (a start that some months lack), P114, P115 (``end`` off the grid, with the
    neighbours that are on it), P116 (start after end), P121 (restart).
    """
    calendar = normal_calendar(calendar, where=where)
    first = parse_date(start, calendar, where=where)
    if step.months and first.day > (30 if calendar == "360_day" else 28):
        message = f"start {iso(first)}: not every month has a day {first.day}, so {step.text} is not defined"
        raise PlanError(message, code="P113", where=where, hint="start on one of the days 1 to 28")
    latest = end == "latest"
    last = _run_date(now, calendar) if latest else _read_end(end, step, calendar, where)
    if last < first:
        raise PlanError(f"start {iso(first)} is after end {iso(last)}", code="P116", where=where, hint="swap them")
    if restart is not None:
        return _yearly(first, last, step, restart, latest, where)
    count, exact = steps_between(first, last, step)
    if not (exact or latest):
        raise _off_grid(last, add(first, step, count), add(first, step, count + 1), step, where)
    return RegularGrid(first, step, count + 1)


def _read_end(end: str, step: Step, calendar: str, where: str | None) -> Date:
    written = precision(end)
    if (written == "year" and not step.is_yearly) or (written == "month" and not step.months):
        message = f"end {end!r} may mean the first or the last moment of that {written}"
        raise PlanError(message, code="P111", where=where, hint="write the date of the last value in full")
    return parse_date(end, calendar, where=where)


def _off_grid(end: Date, below: Date, above: Date, step: Step, where: str | None) -> PlanError:
    message = f"steps of {step.text} do not arrive at end {iso(end)}"
    return PlanError(message, code="P115", where=where, hint=f"write end: {iso(below)} or end: {iso(above)}")


def _run_date(now: dt.date | None, calendar: str) -> Date:
    now = now or dt.datetime.now(dt.UTC).date()
    if isinstance(now, dt.datetime) and now.tzinfo is not None:
        now = now.astimezone(dt.UTC).replace(tzinfo=None)
    clock = (now.hour, now.minute, now.second) if isinstance(now, dt.datetime) else (0, 0, 0)
    for day in range(now.day, now.day - 4, -1):
        try:
            return make_date(calendar, now.year, now.month, day, *clock, 0)
        except ValueError:  # this calendar's month is shorter
            continue
    raise PlanError(f"{now} is not a date of the {calendar} calendar", code="P111")


def _yearly(first: Date, last: Date, step: Step, restart: str, latest: bool, where: str | None) -> YearlyGrid:
    if restart != "yearly" or step.months:
        message = f"restart {restart!r} with step {step.text}" if step.months else f"restart {restart!r}"
        raise PlanError(message, code="P121", where=where, hint="restart: yearly, with a step of days, hours or less")
    before = [0]
    for year in range(first.year, last.year + 1):
        length = dt.timedelta(days=days_in_year(_new_year(first, year)))
        before.append(before[-1] - (-length // step.delta))
    offset, exact = steps_between(_new_year(first, first.year), first, step)
    if not exact:
        below = add(_new_year(first, first.year), step, offset)
        hint = f"the nearest before is {iso(below)}"
        message = f"start {iso(first)} is not a step of {step.text} from 1 January"
        raise PlanError(message, code="P115", where=where, hint=hint)
    within, exact = steps_between(_new_year(last, last.year), last, step)
    if not (exact or latest):
        below = add(_new_year(last, last.year), step, within)
        raise _off_grid(last, below, min(add(below, step), _new_year(last, last.year + 1)), step, where)
    count = before[last.year - first.year] + within - offset + 1
    return YearlyGrid(first, step, count, before, offset)


def _new_year(like: Date, year: int) -> Date:
    return make_date(calendar_of(like), year, 1, 1, 0, 0, 0, 0)
