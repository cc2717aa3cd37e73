"""Dates in names: one moment for each sample, and every column that is explained by it.

The columns of digits are read as dates in all the ways that archives write them (``%Y%m%d``, ``%Y/%m``, ``%Y%j``,
``%Y%m%dT%H%M%S`` ...). The reading that tells most samples apart is *the* time of the samples; other columns are then
explained by it: the same date in another format, a field such as the minute of the day, or the time moved by a constant
amount (the end of a period).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.inference.alignment import Column
from pangeo_forge.inference.offsets import Move, moves_between, moves_of_day
from pangeo_forge.pattern.dates import format_directive, make_date

_WHOLE = {
    14: "%Y%m%d%H%M%S", 13: "%Y%j%H%M%S", 12: "%Y%m%d%H%M", 11: "%Y%j%H%M", 10: "%Y%m%d%H", 8: "%Y%m%d", 7: "%Y%j",
    6: "%Y%m", 4: "%Y",
}  # fmt: skip
SECOND_OF_DAY = "%o"
"""Not a directive of templates: it stands here for ``{time.second_of_day:05d}``."""
_NEXT = {
    "Y": {2: "%m", 3: "%j", 4: "%m%d"},
    "m": {2: "%d"},
    "d": {2: "%H", 4: "%H%M", 5: SECOND_OF_DAY, 6: "%H%M%S"},
    "j": {2: "%H", 4: "%H%M", 6: "%H%M%S"},
    "H": {2: "%M", 4: "%M%S"},
    "M": {2: "%S"},
}
"""What may follow in the next column of digits, by the last letter read and the width."""
_GAPS = {
    "m": re.compile(r"[-_./: ]?[Mm]?\Z"), "d": re.compile(r"[-_./: ]?[Dd]?\Z"), "j": re.compile(r"[-_./: ]?[DdJj]?\Z"),
    "H": re.compile(r"[-_./: ]?[TtSsHhZz]?\Z"), "o": re.compile(r"[-_./: ]?[TtSs]?\Z"), "M": re.compile(r"[-_:]?[Mm]?\Z"),
    "S": re.compile(r"[-_:]?[Ss]?\Z"),
}  # fmt: skip
"""What may stand before a part of a date. Another letter says that a number is something else: ``_m03``, ``f06``."""
_REPEATS = {
    2: ("%m", "%d", "%H", "%M", "%S", "%y"), 3: ("%j",), 4: ("%Y", "%H%M", "%m%d"), 5: (), 6: ("%Y%m", "%H%M%S", "%y%m%d"),
    7: ("%Y%j",), 8: ("%Y%m%d",), 10: ("%Y%m%d%H",), 12: ("%Y%m%d%H%M",), 14: ("%Y%m%d%H%M%S",),
}  # fmt: skip
_FIELDS = ("minute_of_day", "second_of_day", "day_of_year", "hour", "month", "day")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""As ``%b`` writes them."""
_YEARS = range(1700, 2301)
_CLOCK = set("HMSo")


@dataclass(frozen=True)
class Part:
    """What one column is: a date format, and the literal text that follows it in the same run of digits."""

    column: int
    format: str
    tail: str = ""


@dataclass(frozen=True)
class Reading:
    """A date in each sample, read from one or several columns."""

    parts: tuple[Part, ...]
    dates: tuple[Any, ...]
    calendar: str = "standard"

    @property
    def letters(self) -> str:
        """Directives that were read, ``Ymd``."""
        letters = "".join(re.findall(r"%([A-Za-z])", "".join(p.format for p in self.parts)))
        return letters.replace("o", "HMS")

    @property
    def distinct(self) -> int:
        """Number of different dates."""
        return len(set(self.dates))


@dataclass
class Explained:
    """The time of the samples, and the template text of each column that it explains."""

    reading: Reading
    texts: dict[int, str] = field(default_factory=dict)
    formats: list[str] = field(default_factory=list)
    """How the date is written, in the order of the columns, for the table of evidence."""
    period: tuple[Move, ...] = ()
    """Distance from a first to a last date that the names hold."""
    notes: list[str] = field(default_factory=list)


def find_time(columns: Sequence[Column], key: str = "time") -> Explained | None:
    """The time of the samples; None when the names hold no date finer than a year that varies."""
    readings = [r for r in _readings(columns) if r.distinct > 1 and r.letters not in ("Y", "y")]
    if not readings:
        return None
    best = max(readings, key=lambda r: (r.distinct, len(r.letters), -r.parts[0].column))
    found = Explained(best)
    for part in best.parts:
        seconds = part.format == SECOND_OF_DAY
        found.texts[part.column] = f"{{{key}.second_of_day:05d}}" if seconds else f"{{{key}:{part.format}}}{part.tail}"
        found.formats.append("second_of_day" if seconds else part.format)
    for i in range(len(columns)):
        if i not in found.texts:
            _explain(columns, i, found, key)
    return found


def _readings(columns: Sequence[Column]) -> Iterator[Reading]:
    for i, column in enumerate(columns):
        for format_, tail in _first_formats(column):
            chain = _longest_chain(columns, Part(i, format_, tail))
            for length in range(len(chain), 0, -1):
                reading = _read(columns, chain[:length])
                if reading is not None:
                    yield reading
                    break
            if format_ == "%Y" and len(chain) == 1:
                yield from _months_elsewhere(columns, chain[0])


def _months_elsewhere(columns: Sequence[Column], year: Part) -> Iterator[Reading]:
    """A year in one place and its month in another: /1981/sst.month09.nc."""
    for i in range(year.column + 1, len(columns)):
        column = columns[i]
        if column.digits and column.width == 2 and not column.constant:
            reading = _read(columns, [year, Part(i, "%m")])
            if reading is not None:
                yield reading


def _first_formats(column: Column) -> Iterator[tuple[str, str]]:
    width = column.width
    if not column.digits or width is None:
        return
    if width >= 9:  # a clock that never changes stays text: 20020901000000
        tails = {t[8:] for t in column.texts}
        if len(tails) == 1:
            yield "%Y%m%d", tails.pop()
        tails = {t[12:] for t in column.texts}
        if width == 14 and len(tails) == 1:
            yield "%Y%m%d%H%M", tails.pop()
    if width in _WHOLE:
        yield _WHOLE[width], ""
    if width == 6:
        yield "%y%m%d", ""


def _longest_chain(columns: Sequence[Column], first: Part) -> list[Part]:
    chain = [first]
    while not chain[-1].tail:
        following, gap = _next_digits(columns, chain[-1].column)
        last = chain[-1].format[-1]
        if following is None or last not in _NEXT:
            break
        column = columns[following]
        format_ = _NEXT[last].get(column.width or 0)
        if format_ is None or not _GAPS[format_[1]].match(gap):
            break
        if format_ == "%H" and last in "dj" and not _is_hour(columns, following, gap):
            break
        tail = ""
        if format_ == "%H%M%S" and len({t[4:] for t in column.texts}) == 1:
            format_, tail = "%H%M", column.texts[0][4:]
        chain.append(Part(following, format_, tail))
    while len(chain) > 1 and columns[chain[-1].column].constant and set(chain[-1].format) & _CLOCK:
        chain.pop()  # a constant clock is text
    return chain


def _is_hour(columns: Sequence[Column], i: int, gap: str) -> bool:
    """Whether two digits after a day are the hour: said by a letter, or they include midnight or are synoptic hours."""
    after = columns[i + 1].texts[0][:1] if i + 1 < len(columns) else ""
    if gap == "" or gap[-1] in "TtHh" or after in ("z", "Z", "h", "H"):
        return True
    return any(t == "00" for t in columns[i].texts) or all(int(t) % 3 == 0 for t in columns[i].texts)


def _next_digits(columns: Sequence[Column], start: int) -> tuple[int | None, str]:
    """The next column of digits and the text before it; None when it is too far."""
    gap = ""
    for i in range(start + 1, len(columns)):
        column = columns[i]
        if column.digits:
            return i, gap
        if not column.constant:
            break
        gap += column.texts[0]
        if len(gap) > 2:
            break
    return None, gap


def _read(columns: Sequence[Column], chain: Sequence[Part]) -> Reading | None:
    samples = len(columns[0].texts)
    numbers = []
    for s in range(samples):
        text = "".join(columns[p.column].texts[s][: len(columns[p.column].texts[s]) - len(p.tail)] for p in chain)
        found = _numbers(text, "".join(p.format for p in chain))
        if found is None:
            return None
        numbers.append(found)
    split = len(chain) > 2 and len(columns[chain[0].column].texts[0]) == 4
    if not split and any(n[0] not in _YEARS for n in numbers):
        return None
    early = any(n[0] < 1583 for n in numbers)
    for calendar in ("noleap", "360_day") if early else ("standard", "360_day"):
        try:
            dates = tuple(_date(calendar, n) for n in numbers)
        except (ValueError, OverflowError):
            continue
        return Reading(tuple(chain), dates, calendar)
    return None


def _numbers(text: str, format_: str) -> tuple[int, ...] | None:
    """Year, month, day, hour, minute, second and day of the year (0: not read)."""
    found, at = {}, 0
    for letter in re.findall(r"%([A-Za-z])", format_):
        width = {"Y": 4, "j": 3, "o": 5}.get(letter, 2)
        found[letter] = int(text[at : at + width])
        at += width
    if "y" in found:
        found["Y"] = found["y"] + (1900 if found["y"] >= 70 else 2000)
    if "o" in found:
        found["H"], found["M"], found["S"] = found["o"] // 3600, found["o"] // 60 % 60, found["o"] % 60
    limits = (("m", 1, 12), ("d", 1, 31), ("H", 0, 23), ("M", 0, 59), ("S", 0, 59), ("j", 1, 366))
    if any(k in found and not low <= found[k] <= high for k, low, high in limits):
        return None
    return (
        *(found.get(k, least) for k, least in (("Y", 1), ("m", 1), ("d", 1), ("H", 0), ("M", 0), ("S", 0))),
        found.get("j", 0),
    )


def _date(calendar: str, n: tuple[int, ...]) -> Any:
    import datetime as dt

    if n[6]:
        first = make_date(calendar, n[0], 1, 1, *n[3:6], 0)
        date = first + dt.timedelta(days=n[6] - 1)
        if date.year != n[0]:
            raise ValueError("day of the year out of range")
        return date
    return make_date(calendar, *n[:6], 0)


# -- other columns ---------------------------------------------------------------------------------------------------


def _explain(columns: Sequence[Column], i: int, found: Explained, key: str) -> None:
    column, dates = columns[i], found.reading.dates
    if column.constant:
        if _is_folder_of_date(columns, i, found):
            repeated = _repeat(column, dates, key)
            if repeated:
                found.texts[i] = repeated
                found.formats.append(repeated[len(key) + 2 : -1])
                found.notes.append(f"all samples lie in the folder {column.texts[0]}: taken as {repeated}")
        return
    text = _repeat(column, dates, key) or (_field(column, dates, key) if column.digits else None)
    if text:
        found.texts[i] = text
        found.formats.append(text[len(key) + 1 : -1].lstrip(":."))
        return
    if column.digits:
        _explain_moved(columns, i, found, key)


def _repeat(column: Column, dates: Sequence[Any], key: str) -> str | None:
    if not column.digits:
        formats: tuple[str, ...] = ("%b", "%B") if column.texts[0][:3] in MONTHS else ()
    else:
        formats = _REPEATS.get(column.width or 0, ())
    for format_ in formats:
        if all(rendered(d, format_) == t for d, t in zip(dates, column.texts, strict=True)):
            return f"{{{key}:{format_}}}"
    tails = {t[4:] for t in column.texts}
    clock = column.digits and column.width == 6 and len(tails) == 1
    if clock and all(rendered(d, "%H%M") == t[:4] for d, t in zip(dates, column.texts, strict=True)):
        return f"{{{key}:%H%M}}{tails.pop()}"
    return None


def _field(column: Column, dates: Sequence[Any], key: str) -> str | None:
    from pangeo_forge.pattern.dates import date_field

    for name in _FIELDS:
        numbers = [date_field(d, name) for d in dates]
        if all(int(t) == n for t, n in zip(column.texts, numbers, strict=True)):
            if column.width is not None and (column.width > 1 and any(t[0] == "0" for t in column.texts)):
                return f"{{{key}.{name}:0{column.width}d}}"
            if all(str(n) == t for t, n in zip(column.texts, numbers, strict=True)):
                return f"{{{key}.{name}}}"
    return None


def rendered(date: Any, format_: str) -> str:
    """A date in a format of directives without text between them."""
    return "".join(format_directive(date, letter) for letter in re.findall(r"%([A-Za-z])", format_))


def _explain_moved(columns: Sequence[Column], i: int, found: Explained, key: str) -> None:
    dates = found.reading.dates
    for format_, tail in _first_formats(columns[i]):
        chain = [p for p in _longest_chain(columns, Part(i, format_, tail)) if p.column not in found.texts]
        for length in range(len(chain), 0, -1):
            reading = _read(columns, chain[:length])
            moves = moves_between(dates, reading.dates, reading.letters) if reading else None
            if reading is None or moves is None:
                continue
            shown = "".join(f" {m}" for m in moves)
            for part in reading.parts:
                found.texts[part.column] = f"{{{key}{shown}:{part.format}}}{part.tail}"
                found.formats.append(f"{shown[1:]}:{part.format}")
            found.period = found.period or moves
            return
    column = columns[i]
    for format_, width in (("%H%M%S", 6), ("%H%M", 4)):
        if column.width != width:
            continue
        tails = {t[4:] for t in column.texts}
        if width == 6 and len(tails) == 1:
            format_, width = "%H%M", 4
        tail = tails.pop() if len(tails) == 1 else ""
        moves = moves_of_day(dates, [t[:width] for t in column.texts])
        if moves is not None:
            found.texts[i] = f"{{{key}{''.join(f' {m}' for m in moves)}:{format_}}}{tail}"
            found.formats.append(f"{moves[0]}:{format_}")
            found.period = found.period or moves
            return


def _is_folder_of_date(columns: Sequence[Column], i: int, found: Explained) -> bool:
    """Whether a constant number is a folder that a date would name: /2003/, /Y2015/, and /07/ below such a one."""
    column = columns[i]
    if not column.digits or i + 1 >= len(columns) or columns[i + 1].texts[0] != "/":
        return False
    before = i - 1
    if before >= 0 and columns[before].constant and re.fullmatch("[A-Za-z]", columns[before].texts[0]):
        before -= 1
    if before < 0 or columns[before].texts[0] not in "/-":
        return False
    if column.width in (4, 6, 7, 8):
        return True
    parents = [text for c, text in found.texts.items() if c < i and i - c <= 3]
    return column.width in (2, 3) and any(p.endswith((":%Y}", ":%m}")) for p in parents)
