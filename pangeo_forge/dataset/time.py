"""Exact times: stored numbers with CF units and a calendar, and integer ticks on the calendar's own axis.

*Ticks* are ``timedelta64`` since 1970-01-01 00:00 of their calendar: nanoseconds where xarray would decode to
nanoseconds (the real-world calendars, 1678 to 2262), microseconds elsewhere. They are 64-bit integers, so they compare,
sort and re-encode without rounding. Integers are decoded exactly, whatever their size. Floating-point numbers
are rounded where xarray rounds them: cut to nanoseconds where pandas decodes, rounded to microseconds by cftime.
Units are those of cftime (CF conventions, section 4.4), and "months since" and "years since" in the 360_day calendar,
the only one in which they have a fixed length.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from pangeo_forge.dataset.model import TimeUnits
from pangeo_forge.errors import CombineError

NAT = np.iinfo(np.int64).min

_SECOND = 10**9
_DAY = 86400 * _SECOND
_LONG_NAMES = {
    "nanosecond": 1,
    "microsecond": 10**3,
    "millisecond": 10**6,
    "second": _SECOND,
    "minute": 60 * _SECOND,
    "hour": 3600 * _SECOND,
    "day": _DAY,
}
_SHORT_NAMES = {
    "microsec": 10**3,
    "millisec": 10**6,
    "msec": 10**6,
    "sec": _SECOND,
    "s": _SECOND,
    "min": 60 * _SECOND,
    "hr": 3600 * _SECOND,
    "h": 3600 * _SECOND,
    "d": _DAY,
}
_REFERENCE = re.compile(
    r"(?P<year>[+-]?\d{1,6})-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?"
    r"(?:[T\s]\s*(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,](?P<fraction>\d*))?)?)?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]?\d{1,2}(?::?\d{2})?)?",
    re.IGNORECASE,
)
_SHORT_ZONE = re.compile(r"(:\d{1,2}(?:\.\d*)?\s*[+-])(\d(?::\d{2})?)$")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})$")
_CALENDARS = {
    "": "standard",
    "gregorian": "standard",
    "standard": "standard",
    "proleptic_gregorian": "proleptic_gregorian",
    "noleap": "noleap",
    "365_day": "noleap",
    "all_leap": "all_leap",
    "366_day": "all_leap",
    "360_day": "360_day",
    "julian": "julian",
}
REAL_CALENDARS = ("standard", "proleptic_gregorian")
"""Calendars whose axes are the same from 1582-10-15 on."""

REFORM = -12219292800 * _SECOND
"""1582-10-15 in nanoseconds: before it, the standard calendar is Julian."""

_NS_RANGE = (-(2**63) + 1, 2**63 - 1)


def is_time_units(units: Any) -> bool:
    """Whether a ``units`` attribute speaks of times: "UNIT since DATE"."""
    return isinstance(units, str) and re.match(r"\s*[A-Za-z_]+\s+since\s+\S", units, re.I) is not None


def normal_calendar(calendar: str | None) -> str:
    """One name for each calendar: "gregorian" and none are "standard", "365_day" is "noleap"...

    Raises
    ------
    CombineError: C011, a calendar that CF does not know.
    """
    name = _CALENDARS.get((calendar or "").strip().lower())
    if name is None:
        raise CombineError(
            f"calendar {calendar!r} is not one of CF: {', '.join(sorted(filter(None, _CALENDARS)))}",
            code="C011",
            hint="mend it with the transform attrs: {variables: {time: {set: {calendar: ...}}}}",
        )
    return name


@lru_cache(maxsize=65536)
def axis(units: str, calendar: str) -> tuple[int, int, bool]:
    """The reference date and the unit's length in nanoseconds (the date since 1970), and whether pandas knows the unit.

    Raises
    ------
    CombineError: C012, units that have no exact meaning.
    """
    words = re.match(r"\s*([A-Za-z_]+)\s+since\s+(.*?)\s*$", units, re.IGNORECASE)
    if words is None:
        raise _bad_units(units, calendar, "is not UNIT since DATE")
    name = words[1].lower()
    length, exact = _unit_length(name, calendar, units)
    return _reference(words[2], units, calendar), length, exact


def _unit_length(name: str, calendar: str, units: str) -> tuple[int, bool]:
    singular = name[:-1] if name.endswith("s") and len(name) > 1 else name
    if singular in _LONG_NAMES:
        return _LONG_NAMES[singular], True
    if singular in _SHORT_NAMES:
        return _SHORT_NAMES[singular], False
    if singular in ("month", "year") and calendar == "360_day":
        return (30 if singular == "month" else 360) * _DAY, False
    if singular == "common_year" and calendar == "noleap":
        return 365 * _DAY, False
    if singular in ("month", "year"):
        raise _bad_units(units, calendar, f"has no fixed length of a {singular} in the {calendar} calendar")
    raise _bad_units(units, calendar, f"names no unit of time: {name!r}")


def _bad_units(units: str, calendar: str, why: str) -> CombineError:
    return CombineError(
        f"time units {units!r} ({calendar}): this {why}",
        code="C012",
        hint="mend the attributes with the transform attrs, use assign_coords, or say decode_times: false",
    )


def _reference(text: str, units: str, calendar: str) -> int:
    compact = _COMPACT.match(text)
    match = _REFERENCE.fullmatch("-".join(compact.groups()) if compact else text)
    if match is None:
        raise _bad_units(units, calendar, f"has a reference date that is not YEAR-MONTH-DAY: {text!r}")
    parts = match.groupdict()
    try:
        day = _day_number(int(parts["year"]), int(parts["month"]), int(parts["day"] or 1), calendar)
    except ValueError as error:
        raise _bad_units(units, calendar, f"has a reference date that its calendar lacks ({error})") from None
    hour, minute, second = (int(parts[k] or 0) for k in ("hour", "minute", "second"))
    if hour > 24 or minute > 59 or second > 60:
        raise _bad_units(units, calendar, f"has a time of day that does not exist: {text!r}")
    digits = parts["fraction"] or ""
    if digits[9:].strip("0"):
        raise _bad_units(units, calendar, "has a reference finer than a nanosecond")
    fraction = int(digits[:9].ljust(9, "0"))
    return day * _DAY + (hour * 3600 + minute * 60 + second - _offset(parts["zone"])) * _SECOND + fraction


def clear_units(units: str) -> str:
    """The same units as every reader knows them: "since" in lower case, and two digits for the hours of a time zone.

    Of ``+5:00`` pandas makes five hours, and cftime none; "Days Since" is a time to cftime, and none to xarray.
    """
    return _SHORT_ZONE.sub(r"\g<1>0\g<2>", re.sub(r"\bsince\b", "since", units, count=1, flags=re.I))


def _offset(zone: str | None) -> int:
    """Seconds east of Greenwich."""
    if zone is None or zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    sign = -1 if zone.startswith("-") else 1
    digits = zone.lstrip("+-")
    hours, _, minutes = digits.partition(":")
    if not minutes and len(digits) > 2:
        hours, minutes = digits[:-2], digits[-2:]
    return sign * (int(hours) * 3600 + int(minutes or 0) * 60)


def _day_number(year: int, month: int, day: int, calendar: str) -> int:
    import cftime

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # year 0 is warned about; the calendars that lack it raise
        date = cftime.datetime(year, month, day, calendar=calendar)
        return int(cftime.date2num(date, "days since 1970-01-01", calendar=calendar))


def decode(values: np.ndarray, units: str, calendar: str) -> np.ndarray:
    """Ticks of stored numbers.

    Parameters
    ----------
    values: integers (the least int64 is "not a time") or floats (NaN is "not a time").
    units: CF units, "days since 1950-01-01".
    calendar: a CF calendar; any spelling.

    Returns
    -------
    ``timedelta64[ns]`` or ``timedelta64[us]`` of the same shape; NaT where there is no time.

    Raises
    ------
    CombineError: C011 or C012 for the units; C013 when a time is beyond +-292,000 years.
    """
    calendar = normal_calendar(calendar)
    reference, unit, pandas_knows = axis(units, calendar)
    numbers = np.atleast_1d(values)
    return _decoded(numbers, reference, unit, calendar, pandas_knows, units).reshape(np.shape(values))


def _decoded(
    numbers: np.ndarray, reference: int, unit: int, calendar: str, pandas_knows: bool, units: str
) -> np.ndarray:
    if numbers.dtype.kind in "iu":
        missing = numbers == NAT if numbers.dtype == np.int64 else np.zeros(numbers.shape, bool)
        return _decode_integers(numbers, missing, reference, unit, calendar)
    if numbers.dtype.kind != "f":
        raise CombineError(f"times with units {units!r} are stored as {numbers.dtype}, not as numbers", code="C014")
    return _decode_floats(numbers, reference, unit, calendar, pandas_knows)


def _decode_integers(numbers: np.ndarray, missing: np.ndarray, reference: int, unit: int, calendar: str) -> np.ndarray:
    present = numbers[~missing]
    if not present.size:
        return np.full(numbers.shape, np.timedelta64("NaT", "ns"), dtype="m8[ns]")
    low, high = reference + int(present.min()) * unit, reference + int(present.max()) * unit
    tick = 1 if _fits_nanoseconds(low, high, calendar) else 1000
    if reference % tick or (unit % tick and np.any(present.astype(object) * unit % tick)):
        raise _beyond("is finer than a microsecond outside the years 1678 to 2262")
    _check_range(low // tick, high // tick)
    if (
        unit % tick == 0
        and abs(int(present.min())) * (unit // tick) < 2**63 > abs(int(present.max())) * (unit // tick)
        and (abs(reference // tick) < 2**63)
    ):
        with np.errstate(over="ignore"):  # two's complement: the sum is in range, as the check of low and high says
            ticks = numbers.astype(np.int64) * np.int64(unit // tick) + np.int64(reference // tick)
    else:
        ticks = ((numbers.astype(object) * unit + reference) // tick * ~missing).astype(np.int64)
    ticks[missing] = NAT
    return ticks.view("m8[ns]" if tick == 1 else "m8[us]")


def _decode_floats(numbers: np.ndarray, reference: int, unit: int, calendar: str, pandas_knows: bool) -> np.ndarray:
    numbers = numbers.astype(np.float64)
    missing = np.isnan(numbers)
    present = numbers[~missing]
    if not present.size:
        return np.full(numbers.shape, np.timedelta64("NaT", "ns"), dtype="m8[ns]")
    if not np.isfinite(present).all():
        raise _beyond("is infinite")
    low, high = reference + int(float(present.min()) * unit), reference + int(float(present.max()) * unit)
    filled = np.where(missing, 0.0, numbers)
    offsets = np.abs(filled).max() * unit
    if _fits_nanoseconds(min(low, reference), high, calendar) and pandas_knows and offsets < 2**63:
        ticks = (filled * np.float64(unit)).astype(np.int64) + np.int64(reference)
        kind = "m8[ns]"
    else:
        _check_range(low // 1000, high // 1000)
        ticks = _round_to_microseconds(filled, unit) + np.int64(reference // 1000)
        kind = "m8[us]"
        if _fits_nanoseconds(low, high, calendar):
            ticks, kind = ticks * 1000, "m8[ns]"
    ticks = np.asarray(ticks)
    ticks[missing] = NAT
    return ticks.view(kind)


def _round_to_microseconds(numbers: np.ndarray, unit: int) -> np.ndarray:
    """As cftime does: in extended precision, to the nearest, but a microsecond beside a full second goes towards it."""
    wide = numbers.astype(np.longdouble) * np.longdouble(unit) / np.longdouble(1000)
    rounded: np.ndarray = np.rint(wide).astype(np.int64)
    if unit > 10**6:
        rounded = np.where(rounded % 10**6 == 1, np.floor(wide).astype(np.int64), rounded)
        rounded = np.where(rounded % 10**6 == 10**6 - 1, np.ceil(wide).astype(np.int64), rounded)
    return rounded


def _fits_nanoseconds(low: int, high: int, calendar: str) -> bool:
    if calendar not in REAL_CALENDARS or low < _NS_RANGE[0] or high > _NS_RANGE[1]:
        return False
    return calendar == "proleptic_gregorian" or low >= REFORM


def _check_range(low: int, high: int) -> None:
    if low <= NAT or high >= 2**63:
        raise _beyond("is beyond +-292,000 years")


def _beyond(why: str) -> CombineError:
    return CombineError(
        f"a time {why}",
        code="C013",
        hint="if these values mean 'missing', declare them with the transform mask or set _FillValue with attrs",
    )


def from_datetime64(values: np.ndarray) -> np.ndarray:
    """Ticks of ``datetime64`` values of any resolution, as a transform makes them."""
    seconds = values.astype("M8[s]").view(np.int64)
    seconds = seconds[seconds != NAT]
    fits = not seconds.size or (abs(int(seconds.min())) < 9_223_372_000 and abs(int(seconds.max())) < 9_223_372_000)
    tick = "ns" if fits else "us"
    return values.astype(f"M8[{tick}]").view(f"m8[{tick}]")


def from_cftime(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Ticks and the calendar of an array of ``cftime.datetime``."""
    import cftime

    calendar = normal_calendar(values.flat[0].calendar)
    origin = cftime.datetime(1970, 1, 1, calendar=calendar)
    flat = [(d - origin) for d in values.flat]
    micro = np.array([(t.days * 86400 + t.seconds) * 10**6 + t.microseconds for t in flat], dtype=np.int64)
    return unify([micro.reshape(values.shape).view("m8[us]")], calendar)[0], calendar


def unify(arrays: list[np.ndarray], calendar: str) -> list[np.ndarray]:
    """The same ticks in one resolution: nanoseconds when all fit (real-world calendars), else microseconds.

    Raises
    ------
    CombineError: C013, when some are finer than a microsecond and others out of the range of nanoseconds.
    """
    if calendar in REAL_CALENDARS and all(a.dtype == "m8[ns]" or _us_fit(a) for a in arrays):
        return [a.astype("m8[ns]") for a in arrays]
    for a in arrays:
        if a.dtype == "m8[ns]" and np.any((a.view(np.int64) % 1000 != 0) & ~np.isnat(a)):
            raise _beyond("is finer than a microsecond while others lie outside the years 1678 to 2262")
    return [a.astype("m8[us]") for a in arrays]


def _us_fit(ticks: np.ndarray) -> bool:
    present = ticks[~np.isnat(ticks)].view(np.int64)
    if not present.size:
        return True
    return int(present.min()) * 1000 >= max(_NS_RANGE[0], REFORM) and int(present.max()) * 1000 <= _NS_RANGE[1]


def encode(ticks: np.ndarray, units: str, calendar: str, dtype: str = "<i8", missing: Any = None) -> np.ndarray:
    """Stored numbers of ticks; :func:`decode` gives the same ticks back.

    Parameters
    ----------
    ticks: as from :func:`decode`.
    units, calendar: of the numbers; the calendar must share the ticks' axis (see :func:`check_calendar`).
    dtype: integer or floating-point.
    missing: the number for NaT in an integer dtype; None: NaT is an error.

    Raises
    ------
    CombineError: C020 when a time has no exact number, C021 when NaT has none.
    """
    if np.ndim(ticks) == 0:
        return encode(np.atleast_1d(ticks), units, calendar, dtype, missing).reshape(())
    kind = np.dtype(dtype)
    reference, unit, _ = axis(units, normal_calendar(calendar))
    nat = np.isnat(ticks)
    if nat.any() and kind.kind in "iu" and missing is None:
        raise CombineError(
            "times are missing, and integers have no number for that", code="C021", hint="declare a fill_value"
        )
    numbers = _exact_numbers(ticks, nat, reference, unit, units) if kind.kind in "iu" else None
    if numbers is None:
        return _encode_floats(ticks, nat, reference, unit, units, calendar, kind)
    info = np.iinfo(kind)
    if numbers.size and (int(numbers.min()) < info.min or int(numbers.max()) > info.max):
        raise _lossy(units, f"do not fit {kind}")
    result = numbers.astype(kind)
    if nat.any():
        if not info.min <= missing <= info.max:
            raise _lossy(units, f"are missing in places, and {kind} does not hold {missing}, which says so")
        if (result[~nat] == missing).any():
            raise _lossy(units, f"hold {missing}, the number that says missing,")
        result[nat] = missing
    return result


def _resolution(ticks: np.ndarray) -> int:
    return 1 if ticks.dtype == "m8[ns]" else 1000


def _exact_numbers(ticks: np.ndarray, nat: np.ndarray, reference: int, unit: int, units: str) -> np.ndarray:
    tick = _resolution(ticks)
    raw = np.where(nat, 0, ticks.view(np.int64))
    present = raw[~nat]
    if not present.size:
        return np.zeros(ticks.shape, np.int64)
    low, high = int(present.min()) * tick - reference, int(present.max()) * tick - reference
    if low // unit <= NAT or high // unit >= 2**63:
        raise _lossy(units, "do not fit int64")
    if reference % tick == 0 and unit % tick == 0 and abs(low) // tick < 2**63 > abs(high) // tick:
        with np.errstate(over="ignore"):
            numbers, rest = np.divmod(raw - np.int64(reference // tick), np.int64(unit // tick))
    else:
        numbers, rest = np.divmod(raw.astype(object) * tick - reference, unit)
    if np.any((rest != 0) & ~nat):
        raise _lossy(units, "are no whole numbers")
    return np.where(nat, 0, numbers).astype(np.int64)


def _encode_floats(
    ticks: np.ndarray, nat: np.ndarray, reference: int, unit: int, units: str, calendar: str, kind: np.dtype[Any]
) -> np.ndarray:
    tick = _resolution(ticks)
    exact = np.where(nat, 0, ticks.view(np.int64)).astype(object) * tick - reference
    # Python's int / int is correctly rounded, whatever the size.
    numbers = np.array([e / unit for e in exact.flat], dtype=np.float64).reshape(ticks.shape).astype(kind)
    numbers[nat] = np.nan
    back = decode(numbers, units, calendar)
    one, two = (back, ticks) if back.dtype == ticks.dtype else unify([back, ticks], normal_calendar(calendar))
    if not np.array_equal(one.view(np.int64), two.view(np.int64)):
        raise _lossy(units, f"are not exact in {kind}")
    return numbers


def _lossy(units: str, why: str) -> CombineError:
    return CombineError(
        f"times in {units!r} {why}",
        code="C020",
        hint="give finer units in combine: {time: {units: ...}}, or none, to have exact ones chosen",
    )


def same_axis(one: str, two: str, ticks: np.ndarray | None = None) -> bool:
    """Whether the same ticks are the same dates in both (normalised) calendars; ``ticks``: those that matter."""
    if one == two:
        return True
    if one not in REAL_CALENDARS or two not in REAL_CALENDARS or ticks is None:
        return False
    present = ticks[~np.isnat(ticks)].view(np.int64)
    return not present.size or int(present.min()) * _resolution(ticks) >= REFORM


def format_tick(tick: np.timedelta64, calendar: str) -> str:
    """ISO date and time of one tick, for messages and reference dates."""
    import cftime

    if np.isnat(tick):
        return "NaT"
    step = 1 if tick.dtype == "m8[ns]" else 1000
    total = int(tick.view(np.int64)) * step
    days, rest = divmod(total, _DAY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # year 0 is warned about
        date = cftime.num2date(days, "days since 1970-01-01", calendar=calendar, only_use_cftime_datetimes=True)
    seconds, fraction = divmod(rest, _SECOND)
    text = f"{date.year:04d}-{date.month:02d}-{date.day:02d}"
    text += f" {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return text + (f".{fraction:09d}".rstrip("0") if fraction else "")


def coarsest(ticks: np.ndarray, calendar: str) -> TimeUnits:
    """The coarsest unit in which all ticks are whole numbers since midnight of the earliest day."""
    present = ticks[~np.isnat(ticks)]
    step = _resolution(ticks)
    first = int(present.view(np.int64).min()) * step // _DAY * _DAY if present.size else 0
    offsets = present.view(np.int64).astype(object) * step - first
    date = format_tick(np.timedelta64(first // 1000, "us"), calendar)[:-9]
    divisor = int(np.gcd.reduce(np.append(offsets, 0))) if present.size else _DAY
    return TimeUnits(f"{unit_name(divisor)} since {date}", calendar)


def unit_name(length: int) -> str:
    """The longest CF unit that divides a length in nanoseconds."""
    return next(f"{name}s" for name in reversed(_LONG_NAMES) if length % _LONG_NAMES[name] == 0)
