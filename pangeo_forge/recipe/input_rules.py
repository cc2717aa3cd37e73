"""Rules of the ``inputs`` section: templates against keys, sources against keys, missing values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pangeo_forge.recipe.inputs import Catalog, ConcatKey, Inputs, MergeKey
from pangeo_forge.recipe.problems import Problem
from pangeo_forge.recipe.scalars import date_parts
from pangeo_forge.recipe.section import suggestion
from pangeo_forge.recipe.source import YamlPath
from pangeo_forge.recipe.template_keys import TemplateError, Use, uses
from pangeo_forge.recipe.values import BOUNDS, DateValues, EmptyValues, ListValues, RangeValues, TableValues

DATE_FIELDS = (
    "year", "month", "day", "hour", "minute", "second", "microsecond", "day_of_year", "minute_of_day", "second_of_day",
    "days_in_month", "days_in_year", "decade",
)  # fmt: skip
"""Fields that every date has in a template."""


def check_inputs(inputs: Inputs, names: set[str]) -> Iterator[Problem]:
    """All rules of the section. ``names`` are parameters and matrix keys, which were filled in already."""
    yield from _names(inputs, names)
    yield from _source(inputs)
    yield from _templates(inputs)
    yield from _missing(inputs)


def _names(inputs: Inputs, names: set[str]) -> Iterator[Problem]:
    for key in inputs.merge:
        if key in inputs.concat:
            yield Problem(
                ("inputs", "merge", key), "R038", f"{key!r} is a concat key too", "give one of them another name"
            )
    for kind in ("concat", "merge"):
        for key in getattr(inputs, kind):
            if key in names:
                yield Problem(
                    ("inputs", kind, key),
                    "R038",
                    f"{key!r} is a parameter or matrix name too",
                    "give one of them another name",
                )
    dims: dict[str, str] = {}
    for key, entry in inputs.concat.items():
        if entry.dim in dims:
            what = f"{key!r} and {dims[entry.dim]!r} concatenate along the same dimension {entry.dim!r}"
            yield Problem(("inputs", "concat", key), "R038", what, "give each its own dim")
        dims[entry.dim] = key


def _source(inputs: Inputs) -> Iterator[Problem]:
    """Sources that list files want one concat entry without values; a URL wants keys with values."""
    empty = [k for k, entry in inputs.concat.items() if isinstance(entry.values, EmptyValues)]
    for kind, keys in (("concat", inputs.concat), ("merge", inputs.merge)):
        for key, entry in keys.items():
            if isinstance(entry.values, EmptyValues) and entry.values.when:
                yield Problem(
                    ("inputs", kind, key, "when"), "R033", "there are no values to switch on", "give the values"
                )
    if inputs.kind == "url":
        for key in empty:
            yield Problem(
                ("inputs", "concat", key),
                "R033",
                f"{key!r} has no values",
                "a url needs them: {start, end, step} or a list",
            )
    elif len(empty) != 1:
        what = f"{inputs.kind} needs exactly one concat entry, without values"
        where: YamlPath = ("inputs", "concat") if inputs.concat else ("inputs", inputs.kind)
        if inputs.kind != "files" or len(inputs.files or []) > 1 or inputs.concat:
            yield Problem(
                where, "R033", what, "write concat: {time: {}}; the order of the files is the order of the data"
            )
    for key, entry in inputs.merge.items():
        if isinstance(entry.values, EmptyValues):
            yield Problem(("inputs", "merge", key), "R033", f"{key!r} has no values", "list them: [tmin, tmax]")
    if inputs.sort is not None and inputs.kind == "url":
        yield Problem(
            ("inputs", "sort"), "R060", "a url takes its order from the keys; sort has no effect", "remove sort"
        )
    if inputs.on_missing == "fill" and inputs.items_per_file is None:
        yield Problem(
            ("inputs", "on_missing"),
            "R034",
            "fill needs to know how long a missing input would be",
            "add `items_per_file:`",
        )
    yield from _patterns(inputs)


def _patterns(inputs: Inputs) -> Iterator[Problem]:
    listing, sort = inputs.listing, inputs.sort
    for path, pattern in (
        (("inputs", "listing", "match"), listing.match if listing else None),
        (("inputs", "sort", "match"), getattr(sort, "match", None)),
    ):
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                yield Problem(
                    path, "R053", f"is not a regular expression: {error}", "escape special characters with a backslash"
                )


def _templates(inputs: Inputs) -> Iterator[Problem]:
    keys: dict[str, ConcatKey | MergeKey] = {**inputs.concat, **inputs.merge}
    used: set[str] = set()
    broken = False
    for path, text, known in _texts(inputs, keys):
        try:
            found = uses(text)
        except TemplateError as error:
            broken = True
            yield Problem(path, "R037", str(error), error.hint)
            continue
        used |= {u.key for u in found}
        for use in found:
            yield from _use(use, path, known)
    listed = any(isinstance(entry.values, EmptyValues) for entry in inputs.concat.values())
    if broken or (inputs.kind != "url" and not listed):
        return
    for kind in ("concat", "merge"):
        for key, entry in getattr(inputs, kind).items():
            if key not in used and not isinstance(entry.values, EmptyValues):
                what = f"{key!r} is not used in the {inputs.kind}"
                hint = (
                    f"put {{{key}}} into the {inputs.kind}, or remove the key: every position would read the same file"
                )
                yield Problem(("inputs", kind, key), "R032", what, hint)


def _texts(inputs: Inputs, keys: dict[str, Any]) -> Iterator[tuple[YamlPath, str, dict[str, Any]]]:
    if inputs.url is not None:
        yield ("inputs", "url"), inputs.url, keys
    if inputs.listing is not None:
        yield ("inputs", "listing", "url"), inputs.listing.url, {**inputs.listing.keys, **_valued(keys)}
    if inputs.glob is not None:
        yield ("inputs", "glob"), inputs.glob, _valued(keys)
    for i, text in enumerate(inputs.files or []):
        yield ("inputs", "files", i), text, _valued(keys)
    if inputs.csv is not None:
        yield ("inputs", "csv", "path"), inputs.csv.path, _valued(keys)
        yield ("inputs", "csv", "url"), inputs.csv.url, _valued(keys)
    if inputs.catalog is not None:
        yield from _catalog_texts(inputs.catalog, _valued(keys))
    if inputs.member is not None:
        yield ("inputs", "member"), inputs.member, keys


def _valued(keys: dict[str, Any]) -> dict[str, Any]:
    """Keys that a source may use: those whose values do not come from the source itself."""
    return {name: key for name, key in keys.items() if not isinstance(key.values, EmptyValues)}


def _catalog_texts(catalog: Catalog, keys: dict[str, Any]) -> Iterator[tuple[YamlPath, str, dict[str, Any]]]:
    for kind in ("stac", "cmr"):
        search = getattr(catalog, kind)
        for name in type(search).model_fields if search is not None else ():
            value = getattr(search, name)
            if isinstance(value, str) and name != "match":
                yield ("inputs", "catalog", kind, name), value, keys


def _use(use: Use, path: YamlPath, keys: dict[str, Any]) -> Iterator[Problem]:
    if use.key not in keys:
        hint = suggestion(use.key, keys) if keys else "declare it under concat, merge or parameters"
        yield Problem(path, "R031", f"{use.text} is not a key of this recipe", hint)
        return
    values = keys[use.key].values
    dated = _dated(values)
    fields = _fields(values) | (set(DATE_FIELDS) if dated or isinstance(values, (RangeValues, ListValues)) else set())
    if use.fields and use.fields[0] not in fields:
        own = sorted(_fields(values)) or (list(DATE_FIELDS) if dated else [])
        hint = (
            suggestion(use.fields[0], own)
            if own
            else f"{use.key} has no fields; write a look-up table {{value: {{field: text}}}}"
        )
        yield Problem(path, "R031", f"{use.text}: {use.key} has no field {use.fields[0]!r}", hint)
    elif use.format and "%" in use.format and not use.fields and not dated:
        hint = "give the key dates ({start: 1981-09-01, ...}), or write {key:02d} for numbers"
        yield Problem(path, "R037", f"{use.text} formats a date, and {use.key} has none", hint)
    elif use.format and use.format[-1] == "d" and "%" not in use.format and dated and not use.fields:
        yield Problem(path, "R037", f"{use.text} formats a number, and {use.key} is a date", "write {key:%Y%m%d}")


def _dated(values: Any) -> bool:
    if isinstance(values, ListValues):
        return all(isinstance(v, str) and date_parts(v) is not None for v in values.values)
    if isinstance(values, TableValues):
        return all(isinstance(v, str) and date_parts(v) is not None for v in values.rows)
    return isinstance(values, DateValues)


def _fields(values: Any) -> set[str]:
    own = set(next(iter(values.rows.values()))) if isinstance(values, TableValues) else set()
    if isinstance(values, DateValues) and values.restart:
        own.add("last_day")
    return own | {str(k) for entry in values.when for k in entry if k not in BOUNDS}


def _missing(inputs: Inputs) -> Iterator[Problem]:
    """Values known to be absent must be values of a key, or the list says something else than was meant."""
    keys: dict[str, Any] = {**inputs.concat, **inputs.merge}
    for i, entry in enumerate(inputs.missing):
        path: YamlPath = ("inputs", "missing", i)
        pairs = entry if isinstance(entry, dict) else {next(iter(inputs.concat), ""): entry}
        if not isinstance(entry, dict) and len(inputs.concat) != 1:
            yield Problem(path, "R036", "it is not clear which key this is a value of", "write {KEY: value}")
            continue
        for key, value in pairs.items():
            if key not in keys:
                yield Problem(path, "R036", f"{key!r} is not a key", suggestion(key, keys))
            elif not _holds(keys[key].values, value):
                yield Problem(
                    path,
                    "R036",
                    f"{value!r} is not a value of {key}",
                    "write it as the key's values are written, or remove it",
                )


def _holds(values: Any, value: Any) -> bool:
    """Whether a key has that value; for dates only that they are dates in the range, which is exact enough for a
    lint."""
    if isinstance(values, EmptyValues):
        return True
    if isinstance(values, ListValues):
        return value in values.values
    if isinstance(values, TableValues):
        return value in values.rows
    if isinstance(values, RangeValues):
        inside = isinstance(value, int) and values.start <= value <= values.end
        return inside and (value - values.start) % values.step == 0 and value not in values.exclude
    parts, start, end = (date_parts(str(v)) for v in (value, values.start, values.end))
    return parts is not None and (start is None or parts >= start) and (end is None or parts <= _last(end, values.end))


def _last(parts: tuple[int, ...], written: str) -> tuple[int, ...]:
    """The last moment that an end means: `1999` means all of 1999."""
    given = len(re.split(r"[-T: ]", written))
    return (*parts[:given], *(9999,) * (6 - given))
