"""From the values of a key as a recipe writes them (plain data) to a sequence that computes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.dates import iso, normal_calendar, parse_date
from pangeo_forge.pattern.grids import make_grid
from pangeo_forge.pattern.keys import (
    BOUNDS,
    DateSequence,
    IntegerSequence,
    KeySequence,
    KeyValue,
    ListSequence,
    Rule,
    Switched,
    Without,
    is_name,
    written_value,
)
from pangeo_forge.pattern.steps import parse_step
from pangeo_forge.pattern.template import parse_template

_RANGE_KEYS = ("start", "end", "step", "calendar", "exclude", "restart")


def build_values(
    spec: Any,
    *,
    parameters: Mapping[str, Any] | None = None,
    now: dt.date | None = None,
    where: str | None = None,
) -> KeySequence | None:
    """The values that ``spec`` describes; None for ``{}``, which stands for the order of a source.

    Parameters
    ----------
    spec: a list, ``{start, end, step}``, a look-up table ``{value: {field: text}}``, each mapping with ``when`` if
        wanted.
    parameters: values for ``{NAME}`` in texts of a range or a list.
    now: the run's date, which ``end: latest`` means.
    where: what to name in errors, e.g. ``inputs.concat.time``.

    Raises
    ------
    PlanError: P121 (not values), P122 (none), P125 (``exclude``), and those of
    :func:`~pangeo_forge.pattern.grids.make_grid`.
    """
    if isinstance(spec, (list, tuple)):
        return _list(_filled(spec, parameters or {}, where), where)
    if not isinstance(spec, Mapping):
        hint = "a list, {start, end, step}, or {value: {field: text}}"
        raise PlanError(f"{spec!r} are not values", code="P121", where=where, hint=hint)
    rest = {k: v for k, v in spec.items() if k != "when"}
    if not rest:
        if "when" in spec:
            raise PlanError("`when` needs values to switch on", code="P123", where=where)
        return None
    values: KeySequence
    calendar = "standard"
    if "start" in rest or "end" in rest:
        rest = _filled(rest, parameters or {}, where)
        calendar = normal_calendar(str(rest.get("calendar") or "standard"), where=where)
        values = _range(rest, calendar, now, where)
    else:
        values = (
            _list(_filled(rest["values"], parameters or {}, where), where) if "values" in rest else _table(rest, where)
        )
    rules = spec.get("when")
    return Switched(values, _rules(rules, values[0], calendar, where)) if rules else values


def without(values: KeySequence, absent: Sequence[Any], *, what: str, where: str | None) -> KeySequence:
    """``values`` less those that are written in ``absent``.

    Dates outside of the range are passed over, so that a shorter range needs no shorter list of exceptions.

    Raises
    ------
    PlanError: P125 when one of them lies in the range but is not a value; P122 when nothing is left.
    """
    positions = []
    for written in absent:
        try:
            found = values.find(written)
        except PlanError as error:
            raise PlanError(f"{what} {error.message}", code=error.code, where=where, hint=error.hint) from None
        if found is None and values.covers(written):
            hint = "write it as the values are; a date of a series of hours or minutes needs its time of day"
            raise PlanError(f"{what} {written!s} is not one of the values", code="P125", where=where, hint=hint)
        positions += [] if found is None else [found]
    left = Without(values, positions) if positions else values
    if not len(left):
        raise PlanError(f"{what} leaves no value", code="P122", where=where)
    return left


def _range(spec: Mapping[str, Any], calendar: str, now: dt.date | None, where: str | None) -> KeySequence:
    for name in spec:
        if name not in _RANGE_KEYS:
            close = get_close_matches(str(name), _RANGE_KEYS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_RANGE_KEYS)}"
            raise PlanError(f"a range has no {name!r}", code="P121", where=where, hint=hint)
    if "start" not in spec or "end" not in spec:
        absent = "start" if "start" not in spec else "end"
        raise PlanError(f"a range needs {absent!r}", code="P121", where=where, hint="{start: ..., end: ..., step: ...}")
    numbers = [_whole(spec.get(name, 1)) for name in ("start", "end", "step")]
    start, end, step = numbers
    values: KeySequence
    if start is None or end is None or step is None:
        values = _dates(spec, calendar, now, where)
    else:
        values = _integers(start, end, step, where)
    exclude = spec.get("exclude") or []
    return without(values, exclude, what="exclude:", where=where) if exclude else values


def _integers(start: int, end: int, step: int, where: str | None) -> IntegerSequence:
    if step == 0:
        raise PlanError("step 0 never arrives", code="P112", where=where)
    if (end - start) * step < 0:
        hint = "swap them, or write a negative step"
        raise PlanError(f"start {start} is after end {end}", code="P116", where=where, hint=hint)
    if (end - start) % step:
        below = start + (end - start) // step * step
        message = f"steps of {step} do not arrive at end {end}"
        raise PlanError(message, code="P115", where=where, hint=f"write end: {below} or end: {below + step}")
    return IntegerSequence(range(start, end + (1 if step > 0 else -1), step))


def _dates(spec: Mapping[str, Any], calendar: str, now: dt.date | None, where: str | None) -> KeySequence:
    if "step" not in spec:
        raise PlanError("a range of dates needs a step", code="P112", where=where, hint="e.g. step: 1D")
    step = parse_step(_text(spec["step"]), where=where)
    restart = spec.get("restart")
    grid = make_grid(
        _text(spec["start"]), _text(spec["end"]), step, calendar=calendar, restart=restart, now=now, where=where
    )
    return DateSequence(grid, calendar)


def _list(written: Sequence[Any], where: str | None) -> ListSequence:
    if not written:
        raise PlanError("an empty list of values", code="P122", where=where, hint="write at least one value")
    values = [written_value(v, where=where) for v in written]
    if not all(v.is_date for v in values):  # text among dates: all of it is text
        values = [KeyValue(v.text, v.text) if v.is_date else v for v in values]
    _refuse_twice(values, where)
    return ListSequence(values)


def _table(rows: Mapping[Any, Any], where: str | None) -> ListSequence:
    values = []
    for written, fields in rows.items():
        if not isinstance(fields, Mapping):
            close = get_close_matches(str(written), _RANGE_KEYS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "a look-up table is {value: {field: text}}"
            raise PlanError(f"{written!s}: {fields!r} is not a row of fields", code="P121", where=where, hint=hint)
        key = written_value(written, where=where)
        values.append(KeyValue(key.value, key.text, _fields(fields, where)))
    _refuse_twice(values, where)
    _refuse_uneven([set(v.fields) for v in values], [v.label for v in values], where)
    return ListSequence(values)


def _fields(fields: Mapping[Any, Any], where: str | None) -> dict[str, Any]:
    for name, text in fields.items():
        if not isinstance(name, str) or not is_name(name):
            hint = "letters, digits and underscores, no digit first"
            raise PlanError(f"{name!r} cannot be the name of a field", code="P121", where=where, hint=hint)
        if isinstance(text, bool) or not isinstance(text, (str, int, float, Mapping)):
            raise PlanError(f"field {name}: {text!r} is not text", code="P121", where=where, hint="quote it")
    return {k: _fields(v, where) if isinstance(v, Mapping) else v for k, v in fields.items()}


def _rules(rules: Any, first: KeyValue, calendar: str, where: str | None) -> list[Rule]:
    made = []
    for number, rule in enumerate(rules, 1):
        if not isinstance(rule, Mapping):
            hint = "when: [{before: 2017-01-01, org: STAR}, {org: OSPO}]"
            raise PlanError(f"rule {number} of `when` is not a mapping", code="P123", where=where, hint=hint)
        bounds = {k: _bound(v, first, calendar, where) for k, v in rule.items() if k in BOUNDS}
        made.append(Rule(bounds, _fields({k: v for k, v in rule.items() if k not in BOUNDS}, where)))
        if not bounds and number < len(rules):
            message = f"rule {number} of `when` has no condition, so those after it are never used"
            raise PlanError(message, code="P123", where=where, hint="put it last")
    _refuse_uneven([set(r.fields) for r in made], [f"rule {i}" for i in range(1, len(made) + 1)], where, "P123")
    return made


def _bound(written: Any, first: KeyValue, calendar: str, where: str | None) -> Any:
    if first.is_date:
        return parse_date(_text(written), calendar, where=where)
    if type(written) is not type(first.value) and not _numbers(written, first.value):
        message = f"`when` compares {written!r} with values such as {first.value!r}"
        raise PlanError(message, code="P123", where=where, hint="write the bound as the values are written")
    return written


def _numbers(*values: Any) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def _refuse_twice(values: Sequence[KeyValue], where: str | None) -> None:
    seen: set[str] = set()
    for value in values:
        label = iso(value.value) if value.is_date else value.label
        if label in seen:
            raise PlanError(f"the value {value.label!r} stands twice", code="P121", where=where, hint="drop one")
        seen.add(label)


def _refuse_uneven(sets: Sequence[set[str]], names: Sequence[str], where: str | None, code: str = "P121") -> None:
    for fields, name in zip(sets, names, strict=True):
        odd = fields ^ sets[0]
        if odd:
            message = f"{name} and {names[0]} do not have the same fields: {', '.join(sorted(odd))}"
            raise PlanError(message, code=code, where=where, hint="give each the same fields")


def _filled(spec: Any, parameters: Mapping[str, Any], where: str | None) -> Any:
    """``spec`` with parameters put into its texts."""
    if isinstance(spec, str) and "{" in spec:
        return parse_template(spec, where).render(parameters)
    if isinstance(spec, (list, tuple)):
        return [_filled(v, parameters, where) for v in spec]
    if isinstance(spec, Mapping):
        return {k: _filled(v, parameters, where) for k, v in spec.items()}
    return spec


def _whole(written: Any) -> int | None:
    """A whole number, also one that came as text from the command line."""
    if isinstance(written, bool):
        return None
    if isinstance(written, int):
        return written
    text = written if isinstance(written, str) else ""
    return int(text) if text.lstrip("-").isdigit() and len(text) < 19 and text.count("-") < 2 else None


def _text(written: Any) -> str:
    if isinstance(written, dt.date):
        return written.isoformat()
    return f"{written:04d}" if isinstance(written, int) else str(written)
