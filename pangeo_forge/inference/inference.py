"""From names alone to the ``inputs`` section of a recipe, tested against the samples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pangeo_forge.errors import InputError, PlanError, UsageError
from pangeo_forge.inference.alignment import Column, align
from pangeo_forge.inference.cadence import Cadence, expected, find_cadence
from pangeo_forge.inference.guess import Guess, KeyGuess
from pangeo_forge.inference.keys import MOST_FIELDS, Workshop, add_number, add_switch, add_words, switches
from pangeo_forge.inference.moments import MONTHS, Explained, find_time
from pangeo_forge.pattern.dates import iso
from pangeo_forge.pattern.redaction import redact_url

MOST_EXCLUDED = 400
MOST_FILES = 200
_ENDINGS = re.compile(r"(\.[A-Za-z][A-Za-z0-9]{0,5})+$")


def infer(names: Sequence[str], *, complete: bool = False, listed: dict[str, Any] | None = None) -> Guess:
    """The source and keys of which the samples are inputs.

    Parameters
    ----------
    names: URLs or paths, each once.
    complete: the samples are all that there is (a folder, an index), so what is absent between them is absent.
    listed: the source that lists them (``{"glob": ...}``, ``{"listing": ...}``), for names that no template makes.

    Raises
    ------
    UsageError: U201 no sample, U202 samples with nothing in common.
    """
    names = list(dict.fromkeys(names))
    if not names:
        raise UsageError("no samples are given", code="U201", hint="name at least two URLs or files: --from A B")
    if len(names) == 1:
        return _single(names[0])
    refuse_strangers(names)
    columns = _joined(align(names))
    shop = Workshop(columns, places=[{} for _ in names])
    try:
        guess = _explained(shop, names, complete)
        unfit = check(guess, names)
        if unfit is None:
            return guess
        reason = f"the template found does not give back {redact_url(unfit)}"
    except (_NoTemplateError, PlanError, InputError) as error:
        code = getattr(error, "code", None)
        reason = f"the template found cannot be used ({code})" if code else str(error)
    return _as_list(names, reason, listed)


class _NoTemplateError(Exception):
    """The names follow no template; the text says why."""


def _single(name: str) -> Guess:
    note = "one sample: a recipe for a single file. Give a second one and init finds what varies"
    return Guess({"url": escaped(name)}, [], [{}], notes=[note])


def escaped(text: str) -> str:
    """Text as a template holds it."""
    return text.replace("{", "{{").replace("}", "}}")


def refuse_strangers(names: Sequence[str]) -> None:
    """Raise UsageError (U202) for samples that share neither host nor folder nor words."""
    hosts = {re.match(r"[a-z0-9+]+://[^/]*|", n).group() for n in names}  # type: ignore[union-attr]
    bodies = [_ENDINGS.sub("", n.rstrip("/").rsplit("/", 1)[-1]) for n in names]
    columns = align(bodies)
    shared = any(c.constant and re.search("[A-Za-z0-9]", c.texts[0]) for c in columns)
    # tas.nc beside pr.nc, 19810901.nc beside 19810902.nc: one word each, of one folder
    alike = len({n.count("/") for n in names}) == 1 and all(re.fullmatch("[A-Za-z0-9_-]{1,24}", b) for b in bodies)
    if len(hosts) > 1 or not (shared or alike):
        shown = ", ".join(redact_url(n) for n in names[:3]) + (" ..." if len(names) > 3 else "")
        raise UsageError(
            f"the samples have nothing in common: {shown}", code="U202",
            hint="give files of one series: the same host, names that differ in date, number or variable only",
        )  # fmt: skip


def _joined(columns: list[Column]) -> list[Column]:
    """Neighbours that change together become one word: ``CHL.chlor_a``, ``NO2``."""
    made: list[Column] = []
    i = 0
    while i < len(columns):
        current = columns[i]
        scenario = current.constant and current.texts[0].lower() in ("ssp", "rcp") and i + 1 < len(columns)
        if scenario and columns[i + 1].digits and not columns[i + 1].constant:
            current = Column(tuple(current.texts[0] + t for t in columns[i + 1].texts))
            i += 1
        while not current.constant and (following := _partner(columns, i, current)) is not None:
            current = Column(
                tuple(
                    "".join(t)
                    for t in zip(current.texts, *(c.texts for c in columns[i + 1 : following + 1]), strict=True)
                )
            )
            i = following
        made.append(current)
        i += 1
    return made


def _partner(columns: Sequence[Column], i: int, current: Column) -> int | None:
    """The next varying column, if it is part of the same word as ``current``."""
    gap = i + 1 < len(columns) and columns[i + 1].constant and columns[i + 1].texts[0] in (".", "_", "-")
    j = i + 2 if gap else i + 1
    if j >= len(columns) or columns[j].constant:
        return None
    other = columns[j]
    pairs = len(set(zip(current.texts, other.texts, strict=True)))
    if not pairs == len(set(current.texts)) == len(set(other.texts)):
        return None
    numbers = [c for c in (current, other) if c.digits]
    if len(numbers) == 2 or (numbers and gap):
        return None
    padded = any(len(t) > 3 or (len(t) > 1 and t[0] == "0") for c in numbers for t in c.texts)
    return None if padded or any(t[:3] in MONTHS for c in (current, other) for t in c.texts) else j


def _explained(shop: Workshop, names: Sequence[str], complete: bool) -> Guess:
    found = find_time(shop.columns)
    guess = Guess({}, shop.keys, shop.places)
    if found is not None:
        shop.texts.update(found.texts)
        guess.notes += found.notes
        _add_time(shop, found, names[0], complete)
    words = [i for i in shop.open if not shop.columns[i].digits]
    while numbers := [i for i in shop.open if shop.columns[i].digits]:
        _refuse_counters(shop, numbers)
        add_number(shop, numbers[0], complete=complete)
    if words:
        add_words(shop, words)
    guess.keys = [*guess.concat, *guess.merge]
    guess.source = {"url": "".join(shop.texts.get(i, escaped(c.texts[0])) for i, c in enumerate(shop.columns))}
    if complete:
        guess.missing = _absent(guess)
    return guess


def _add_time(shop: Workshop, found: Explained, name: str, complete: bool) -> None:
    times = found.reading.dates
    dates = sorted(set(times))
    cadence = find_cadence(dates, found.reading.letters, found.period, name.rsplit("/", 1)[-1])
    values, shown, evidence, notes = _time_values(dates, cadence, found, complete)
    how = " and ".join(dict.fromkeys(found.formats))
    key = KeyGuess("time", "concat", "dates", values, shown, f"{how} in the name; {evidence}", notes=notes)
    shop.keys.append(key)
    shop.place("time", [_written(d, found) for d in times])
    unruled = {i: shop.columns[i] for i in shop.open if _is_field(shop.columns[i], times)}
    switching = {i: starts for i in shop.open if (starts := switches(shop.columns[i], times)) is not None}
    if unruled or (switching and not isinstance(values, dict)):
        _tabulate(shop, key, times, unruled | {i: shop.columns[i] for i in switching}, found)
        return
    for i, starts in switching.items():
        if i not in shop.texts:
            add_switch(shop, i, key, starts)


def _is_field(column: Column, times: Sequence[Any]) -> bool:
    """Whether a column is different for each time in a way that nothing explains: a creation date, an orbit number."""
    distinct = len(set(column.texts))
    pairs = len(set(zip(times, column.texts, strict=True)))
    one_to_one = pairs == len(set(times)) == distinct
    return one_to_one and (column.digits or distinct > 2) and distinct == len(set(times))


def _tabulate(shop: Workshop, key: KeyGuess, times: Sequence[Any], fields: dict[int, Column], found: Explained) -> None:
    """The time becomes a look-up table: each date with the parts of the name that no rule gives."""
    if len(set(times)) > MOST_FIELDS or found.reading.calendar != "standard":
        raise _NoTemplateError(f"a part of the name ({next(iter(fields.values())).texts[0]}) follows no rule")
    rows: dict[str, dict[str, str]] = {_written(t, found): {} for t in sorted(set(times))}
    for n, (i, column) in enumerate(fields.items()):
        name = (
            "last"
            if n == 0 and column.digits and column.width in (6, 8, 10, 12, 14)
            else "part"
            if n == 0
            else f"part_{n + 1}"
        )
        shop.texts[i] = f"{{{key.name}.{name}}}"
        for t, text in zip(times, column.texts, strict=True):
            rows[_written(t, found)][name] = text
    key.values, key.kind = rows, "table"
    key.shown = f"{len(rows)} dates, {next(iter(rows))} ... {list(rows)[-1]}"
    ends = "last" in next(iter(rows.values()))
    why = "the end dates are not one distance from the start dates" if ends else "a part of the name follows no rule"
    key.evidence = f"{why}: a look-up table"
    key.notes = [f"the table holds the samples only: {why}, so other files cannot be foretold"]


def _time_values(
    dates: list[Any], cadence: Cadence, found: Explained, complete: bool
) -> tuple[Any, str, str, list[str]]:
    written = [_written(d, found) for d in dates]
    known_all = complete or (len(dates) >= 10 and cadence.count <= 2 * len(dates))
    absent: list[str] = []
    if known_all and cadence.count != len(dates):
        if cadence.count > 4 * len(dates) or cadence.count - len(dates) > MOST_EXCLUDED:
            if len(dates) > MOST_FIELDS:
                raise _NoTemplateError(
                    f"the dates are not regular: {len(dates)} of {cadence.count} at steps of {cadence.step}"
                )
            return {"values": written}, f"{len(dates)} dates", "irregular: each date is listed", []
        present = set(dates)
        absent = [_written(d, found) for d in expected(cadence) if d not in present]
    values: dict[str, Any] = {"start": written[0], "end": written[-1], "step": cadence.step}
    if found.reading.calendar != "standard":
        values["calendar"] = found.reading.calendar
    if cadence.restart:
        values["restart"] = "yearly"
    if absent:
        values["exclude"] = absent
    notes = [f"time: {n}" for n in cadence.notes]
    if found.reading.calendar == "noleap":
        notes.append(
            "time: years before 1583 are model years: the calendar noleap was chosen (or 360_day, proleptic_gregorian)"
        )
    shown = f"{written[0]} ... {written[-1]}, step {cadence.step}" + (f", {len(absent)} absent" if absent else "")
    return values, shown, cadence.evidence, notes


def _written(date: Any, found: Explained) -> str:
    """A date as a recipe writes it: with its clock when the names hold one."""
    text = iso(date)
    if "T" in text:
        return text.removesuffix(":00") if text.count(":") == 2 and date.second == 0 and not date.microsecond else text
    return f"{text}T00:00" if any(c in found.reading.letters for c in "HMS") else text


def _refuse_counters(shop: Workshop, numbers: Sequence[int]) -> None:
    """Two numbers that are one to one and not a constant apart cannot both be keys."""
    for a in numbers:
        for b in numbers:
            if a < b and shop.columns[a].texts != shop.columns[b].texts:
                one, two = ([int(t) for t in shop.columns[i].texts] for i in (a, b))
                pairs = len(set(zip(one, two, strict=True)))
                if (
                    pairs == len(set(one)) == len(set(two)) > 1
                    and len({y - x for x, y in zip(one, two, strict=True)}) > 1
                ):
                    raise _NoTemplateError(
                        f"two numbers ({shop.columns[a].texts[0]}, {shop.columns[b].texts[0]}) change together by no rule"
                    )


def _absent(guess: Guess) -> list[Any]:
    """Combinations of keys that the samples, being complete, lack."""
    if len(guess.keys) < 2:
        return []
    seen: dict[str, dict[str, Any]] = {k.name: {} for k in guess.keys}
    for place in guess.places:
        for name, value in place.items():
            seen[name][str(value)] = value
    import itertools

    present = {tuple(str(p[k.name]) for k in guess.keys) for p in guess.places}
    names = [k.name for k in guess.keys]
    total = 1
    for k in guess.keys:
        total *= len(seen[k.name])
    if total > 4 * len(present) + 100:
        raise _NoTemplateError(f"the files fill {len(present)} of {total} combinations of {', '.join(names)}")
    combinations = itertools.product(*(seen[n].items() for n in names))
    return [
        {n: v for n, (_, v) in zip(names, c, strict=True)}
        for c in combinations
        if tuple(t for t, _ in c) not in present
    ]


def check(guess: Guess, names: Sequence[str]) -> str | None:
    """A sample that the pattern does not give back; None when it gives back all."""
    from pangeo_forge.pattern.pattern import FilePattern

    pattern = FilePattern.from_inputs(guess.section())
    for name, place in zip(names, guess.places, strict=True):
        index = [k.values.find(place[k.name]) for k in pattern.keys]
        if any(i is None for i in index):
            return name
        item = pattern.item(tuple(i for i in index if i is not None))
        if pattern.locations.at(item.index, {**item.key}) != name:
            return name
    return None


def _as_list(names: Sequence[str], reason: str, listed: dict[str, Any] | None) -> Guess:
    key = KeyGuess("time", "concat", "order", {}, f"{len(names)} files in the order of their names", reason)
    notes = [f"no template: {reason}; the files are listed, in the order of their names"]
    if listed is not None:
        return Guess(dict(listed), [key], notes=notes)
    from pangeo_forge.pattern.sources import ordered

    return Guess({"files": [escaped(n) for n in ordered(names, "name")]}, [key], notes=notes)
