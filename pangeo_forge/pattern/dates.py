"""Dates of any CF calendar: reading, moving, writing, exactly and without a locale.

Dates of the real-world calendar are :class:`datetime.datetime` (no time zone, meaning UTC); those of other calendars
are :class:`cftime.datetime`, and cftime is imported only for them. Formatting does not use ``strftime``: the
platform's drops the zeros of years before 1000 and follows the locale.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.steps import Step

Date = Any
"""datetime.datetime or cftime.datetime. Any, because cftime has no types and must not be imported here."""

_CALENDARS = {
    "standard": "standard", "gregorian": "standard", "proleptic_gregorian": "proleptic_gregorian",
    "noleap": "noleap", "365_day": "noleap", "all_leap": "all_leap", "366_day": "all_leap",
    "360_day": "360_day", "julian": "julian",
}  # fmt: skip
_GREGORIAN_START = dt.datetime(1582, 10, 15)
_CLOCK = r"(?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?)?"
_DAY = rf"(?P<day>[0-9]{{2}})(?:[T ]{_CLOCK}(?:Z|\+00:?00)?)?"
_DATE = re.compile(rf"(?P<year>[0-9]{{4}})(?:-(?P<month>[0-9]{{2}})(?:-{_DAY})?)?\Z")
_MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DATE_HINT = "write YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SS (UTC)"

DIRECTIVES = {
    "Y": "four-digit year", "y": "two-digit year", "m": "month 01..12", "d": "day 01..31", "H": "hour 00..23",
    "M": "minute 00..59", "S": "second 00..59", "f": "microseconds, six digits", "j": "day of year 001..366",
    "b": "Jan..Dec", "B": "January..December", "%": "a percent sign",
}  # fmt: skip
"""What may stand behind ``%`` in a date format."""

DATE_FIELDS = (
    "year", "month", "day", "hour", "minute", "second", "microsecond", "day_of_year", "minute_of_day", "second_of_day",
    "days_in_month", "days_in_year", "decade",
)  # fmt: skip
"""Whole numbers that every date has, usable as ``{key.field}``."""


def normal_calendar(name: str, *, where: str | None = None) -> str:
    """The CF calendar that ``name`` means: aliases become one name.

    Raises
    ------
    PlanError (P114): no CF calendar has that name.
    """
    calendar = _CALENDARS.get(name.strip().lower())
    if calendar is None:
        known = ", ".join(sorted(_CALENDARS))
        raise PlanError(f"{name!r} is not a calendar", code="P114", where=where, hint=f"one of {known}")
    return calendar


def precision(text: str) -> str:
    """How exactly a date is written: ``year``, ``month``, ``day`` or ``time``. The text must be a date."""
    return {4: "year", 7: "month", 10: "day"}.get(len(text.strip()), "time")


def is_date(text: str) -> bool:
    """Whether the text has the form of a complete date (at least year, month and day)."""
    return len(text) >= 10 and _DATE.match(text) is not None


def parse_date(text: str | dt.date, calendar: str = "standard", *, where: str | None = None) -> Date:
    """Read a date; parts that are left out are the first moment of what is written.

    Parameters
    ----------
    text: ISO 8601 (``1981-09-01``, ``1981-09``, ``1981``, ``1981-09-01T06:00``), or a date object.
    calendar: a name that :func:`normal_calendar` returns.

    Raises
    ------
    PlanError (P111): not a date, or a date that the calendar does not have.
    """
    if isinstance(text, dt.date):
        text = text.replace(tzinfo=None).isoformat() if isinstance(text, dt.datetime) else text.isoformat()
    match = _DATE.match(text.strip()) if len(text) <= 40 else None
    if match is None:
        raise PlanError(f"{text[:40]!r} is not a date", code="P111", where=where, hint=_DATE_HINT)
    part = match.groupdict()
    numbers = [int(part[name] or least) for name, least in (("year", 1), ("month", 1), ("day", 1))]
    numbers += [int(part[name] or 0) for name in ("hour", "minute", "second")]
    numbers.append(int((part["fraction"] or "").ljust(6, "0")))
    try:
        return make_date(calendar, *numbers)
    except ValueError as error:
        message = f"{text!r} is not a date of the {calendar} calendar: {error}"
        raise PlanError(message, code="P111", where=where, hint=_DATE_HINT) from None


def make_date(calendar: str, *parts: int) -> Date:
    """A date from year, month, day, hour, minute, second, microsecond; ValueError when there is none."""
    if calendar in ("standard", "proleptic_gregorian"):
        date = dt.datetime(*parts)  # type: ignore[arg-type]
        if calendar == "standard" and date < _GREGORIAN_START:
            raise ValueError(
                "the standard calendar is mixed before 1582-10-15; name proleptic_gregorian, julian or another"
            )
        return date
    import cftime

    return cftime.datetime(*parts, calendar=calendar)


def calendar_of(date: Date) -> str:
    """The calendar of a date, as :func:`make_date` takes it."""
    return "proleptic_gregorian" if isinstance(date, dt.datetime) else str(date.calendar)


def days_in_month(date: Date) -> int:
    """Days in the month of ``date``, in its calendar."""
    year, month = (date.year + 1, 1) if date.month == 12 else (date.year, date.month + 1)
    if isinstance(date, dt.datetime) and year > dt.MAXYEAR:
        return 31
    first = make_date(calendar_of(date), date.year, date.month, 1, 0, 0, 0, 0)
    return int((make_date(calendar_of(date), year, month, 1, 0, 0, 0, 0) - first).days)


def day_of_year(date: Date) -> int:
    """1 for the first day of the year, in the date's calendar."""
    return int((date - make_date(calendar_of(date), date.year, 1, 1, 0, 0, 0, 0)).days) + 1


def days_in_year(date: Date) -> int:
    """Days in the year of ``date``, in its calendar."""
    return day_of_year(make_date(calendar_of(date), date.year, 12, 1, 0, 0, 0, 0)) - 1 + _last_day_of_december(date)


def _last_day_of_december(date: Date) -> int:
    return 30 if calendar_of(date) == "360_day" else 31


def add(date: Date, step: Step, count: int = 1) -> Date:
    """``date`` moved by ``count`` steps (which may be negative).

    Raises
    ------
    PlanError (P113): the day does not exist in the month arrived at (31 January + 1MS), or the year is out of range.
    """
    try:
        if not step.months:
            return date + step.delta * count
        months = date.year * 12 + date.month - 1 + step.months * count
        clock = (date.hour, date.minute, date.second, date.microsecond)
        return make_date(calendar_of(date), months // 12, months % 12 + 1, date.day, *clock)
    except (ValueError, OverflowError):
        moved = f"{iso(date)} {'+' if count >= 0 else '-'} {abs(count)} x {step.text}"
        message = f"{moved} is not a date of the {calendar_of(date)} calendar"
        hint = "months and years are counted from a day that each month has: use days 1 to 28"
        raise PlanError(message, code="P113", hint=hint) from None


def steps_between(start: Date, end: Date, step: Step) -> tuple[int, bool]:
    """How many whole steps fit between two dates (start <= end), and whether they end exactly there."""
    if step.months:
        months = (end.year - start.year) * 12 + end.month - start.month
        count = months // step.months
        if count and add(start, step, count) > end:
            count -= 1
    else:
        count = (end - start) // step.delta
    return count, bool(add(start, step, count) == end)


def date_field(date: Date, name: str) -> int | None:
    """One of :data:`DATE_FIELDS`, or None when dates have no such field."""
    if name not in DATE_FIELDS:
        return None
    if name == "day_of_year":
        return day_of_year(date)
    if name == "minute_of_day":
        return int(date.hour * 60 + date.minute)
    if name == "second_of_day":
        return int(date.hour * 3600 + date.minute * 60 + date.second)
    if name == "days_in_month":
        return days_in_month(date)
    if name == "days_in_year":
        return days_in_year(date)
    return int(date.year // 10 * 10) if name == "decade" else int(getattr(date, name))


def iso(date: Date) -> str:
    """ISO 8601 text of a date; the time of day is left out at midnight."""
    day = f"{date.year:04d}-{date.month:02d}-{date.day:02d}"
    if not (date.hour or date.minute or date.second or date.microsecond):
        return day
    clock = f"{date.hour:02d}:{date.minute:02d}:{date.second:02d}"
    return f"{day}T{clock}" + (f".{date.microsecond:06d}" if date.microsecond else "")


def format_directive(date: Date, directive: str) -> str:
    """What one letter of :data:`DIRECTIVES` makes of a date."""
    if directive == "j":
        return f"{day_of_year(date):03d}"
    if directive in "bB":
        name = _MONTH_NAMES[date.month - 1]
        return name if directive == "B" else name[:3]
    if directive == "Y":
        return f"{date.year:04d}"
    if directive == "y":
        return f"{date.year % 100:02d}"
    if directive == "f":
        return f"{date.microsecond:06d}"
    if directive == "%":
        return "%"
    attribute = {"m": "month", "d": "day", "H": "hour", "M": "minute", "S": "second"}[directive]
    return f"{getattr(date, attribute):02d}"
