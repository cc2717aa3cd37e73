"""Single values of a recipe: steps, dates, durations, rates, sizes, names. Each type validates and keeps what was
written."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from pangeo_forge.recipe.section import at, form, problem, shown

STEP_UNITS = ("s", "min", "h", "D", "W", "MS", "YS")
CALENDARS = (
    "standard", "gregorian", "proleptic_gregorian", "noleap", "365_day", "all_leap", "366_day", "360_day", "julian",
)  # fmt: skip
"""The calendars of the CF conventions, section 4.4.1."""

_STEP = re.compile(r"([1-9][0-9]*)(s|min|h|D|W|MS|YS)\Z")
_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[T ]([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,6})?)?)?Z?)?)?)?\Z"
)
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kKMGT]?i?)B\Z")
_DURATION = re.compile(r"[0-9]+(?:\.[0-9]+)?(ms|s|min|m|h|D|d)\Z")
_RATE = re.compile(r"[0-9]+(?:\.[0-9]+)?/(s|min|h)\Z")
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _text(check: Callable[[str], str], code: str, what: str, hint: str, pattern: str, examples: list[str]) -> Any:
    """A type that is text checked by ``check``; any other type is answered with the same hint."""

    def validate(value: Any) -> str:
        if not isinstance(value, str):
            raise problem(code, f"{shown(value)} is not {what}", hint)
        return check(value)

    return form(validate, {"type": "string", "pattern": pattern, "examples": examples})


def _step(value: str) -> str:
    if not _STEP.match(value):
        raise problem("R012", f"{value!r} is not a step", _step_hint(value))
    return value


def _step_hint(value: str) -> str:
    match = re.match(r"\s*([0-9]*)\s*([A-Za-z]+)\s*\Z", value)
    mistaken = {
        "hour": "h", "hours": "h", "H": "h", "m": "min", "T": "min", "minute": "min", "minutes": "min", "day": "D",
        "days": "D", "d": "D", "M": "MS", "ME": "MS", "month": "MS", "months": "MS", "Y": "YS", "YE": "YS", "A": "YS",
        "y": "YS", "year": "YS", "years": "YS", "week": "W", "weeks": "W", "S": "s", "sec": "s", "seconds": "s",
    }  # fmt: skip
    unit = match and (match[2] if match[2] in STEP_UNITS else mistaken.get(match[2]))
    meant = f"{match[1] or 1}{unit}" if match and unit and match[1] != "0" else None
    if meant:
        return f"write {meant}"
    return "write a number and a unit: 1D, 8D, 6h, 30min, 10s, 1W, 1MS (month) or 1YS (year)"


def date_parts(text: str) -> tuple[int, ...] | None:
    """(year, month, day, hour, minute, second) of an ISO date, those absent filled with the earliest; None: not a
    date."""
    match = _DATE.match(text)
    if match is None:
        return None
    parts = [int(g) if g else d for g, d in zip(match.groups(), (1, 1, 1, 0, 0, 0), strict=True)]
    if not (1 <= parts[1] <= 12 and 1 <= parts[2] <= 31 and parts[3] < 24 and parts[4] < 60 and parts[5] < 60):
        return None
    return tuple(parts)


def day_exists(parts: tuple[int, ...], calendar: str) -> bool:
    """Whether the calendar has that day."""
    year, month, day = parts[:3]
    if calendar == "360_day":
        return day <= 30
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if calendar in ("standard", "gregorian") and year < 1583:
        leap = year % 4 == 0
    leap = {"noleap": False, "365_day": False, "all_leap": True, "366_day": True, "julian": year % 4 == 0}.get(
        calendar, leap
    )
    return day <= _MONTH_DAYS[month - 1] + (leap and month == 2)


DATE_HINT = "write YYYY-MM-DD or YYYY-MM-DDTHH:MM"


def check_date(value: Any, *, words: tuple[str, ...] = (), calendar: str = "standard") -> str:
    """A date as text; a bare year may be written without quotes. ``words`` are allowed besides (``latest``)."""
    if isinstance(value, int) and not isinstance(value, bool) and 1000 <= value <= 9999:
        value = str(value)
    if isinstance(value, str) and value in words:
        return value
    parts = date_parts(value) if isinstance(value, str) else None
    hint = " or ".join([DATE_HINT, *words])
    if parts is None:
        raise problem("R017", f"{shown(value)} is not a date", hint)
    if not day_exists(parts, calendar):
        raise problem("R017", f"{shown(value)} does not exist in the {calendar} calendar", "correct the day")
    return str(value)


def size_in_bytes(text: str | int) -> int:
    """``50MB`` as 50000000, ``1GiB`` as 1073741824."""
    if isinstance(text, int):
        return text
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size")
    prefix = match[2]
    base = 1024 if prefix.endswith("i") else 1000
    return int(float(match[1]) * base ** " KMGT".index(prefix[:1].upper() or " "))


def duration_in_seconds(text: str | int | float) -> float:
    """``60s``, ``5min``, ``6h`` or a number of seconds, as seconds."""
    if not isinstance(text, str):
        return float(text)
    match = re.match(r"([0-9.]+)(ms|s|min|m|h|D|d)\Z", text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration")
    return float(match[1]) * {"ms": 0.001, "s": 1, "min": 60, "m": 60, "h": 3600, "D": 86400, "d": 86400}[match[2]]


def _size(value: Any) -> str | int:
    hint = "write a number and a unit: 50MB, 512KiB, 2GB"
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if not isinstance(value, str) or not _SIZE.match(value) or size_in_bytes(value) < 1:
        raise problem("R018", f"{shown(value)} is not a size", hint)
    return value


def _duration(value: Any) -> str | int | float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return value
    if not isinstance(value, str) or not _DURATION.match(value) or not float(re.split("[a-zD]", value)[0]):
        raise problem("R019", f"{shown(value)} is not a duration", "write a number and a unit: 60s, 5min, 6h")
    return value


def _rate(value: str) -> str:
    if not _RATE.match(value) or not float(value.split("/")[0]):
        raise problem("R019", f"{value!r} is not a rate", "write requests per time: 5/s, 60/min or 1000/h")
    return value


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, (dict, list, bool)):
        raise problem("R013", f"should be a number or text, not {shown(value)}", "write a single value")
    return value


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        raise problem("R013", f"should be a list of names, not {shown(value)}", f"write [{value}]")
    if not isinstance(value, list):
        raise problem("R013", f"should be a list of names, not {shown(value)}", "write [a, b]")
    if not value:
        raise problem("R015", "is an empty list", "name at least one or remove the key")
    for i, name in enumerate(value):
        if not isinstance(name, str) or not name:
            raise at(problem("R013", f"should be a name, not {shown(name)}", "put it in quotes"), i)
    return value


def _name(value: str) -> str:
    if not value or value != value.strip() or "\n" in value:
        raise problem("R015", f"{value!r} is not a name", "remove the spaces around it")
    return value


Step = Annotated[str, *_text(
    _step, "R012", "a step", "write 1D, 6h, 30min, 1MS, 1YS ...", _STEP.pattern.replace(r"\Z", "$"), ["1D", "6h", "1MS"]
)]  # fmt: skip
"""A step of time: ``1D``, ``8D``, ``6h``, ``30min``, ``10s``, ``1W``, ``1MS`` (month start), ``1YS`` (year start)."""
Size = Annotated[str | int, *form(_size, {"type": ["string", "integer"], "examples": ["50MB", "512KiB"]})]
"""Bytes: ``50MB`` (10^6), ``512KiB`` (2^10) or a whole number."""
Duration = Annotated[str | int | float, *form(_duration, {"type": ["string", "number"], "examples": ["60s", "6h"]})]
"""``60s``, ``5min``, ``6h``, or a number of seconds."""
Rate = Annotated[str, *_text(
    _rate, "R019", "a rate", "write requests per time: 5/s, 60/min or 1000/h",
    _RATE.pattern.replace(r"\Z", "$"), ["5/s", "60/min"],
)]  # fmt: skip
"""Requests per time: ``5/s``, ``60/min``."""
Scalar = Annotated[Any, *form(_scalar, {"type": ["string", "number"]})]
"""A number or text."""
Names = Annotated[list[str], *form(_names, {"type": "array", "items": {"type": "string"}, "minItems": 1})]
"""A non-empty list of names."""
Name = Annotated[str, Field(min_length=1), AfterValidator(_name)]
"""A name of a variable, dimension, group or the like."""
