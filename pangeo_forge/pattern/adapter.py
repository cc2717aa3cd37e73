"""From the ``inputs`` section of a recipe, as models or as plain data, to a FilePattern."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pangeo_forge.errors import InputError, PlanError
from pangeo_forge.pattern.keys import KeySequence, KeyValue, ListSequence, iterate
from pangeo_forge.pattern.locations import ListedLocations, Locations, TemplateLocations, file_name
from pangeo_forge.pattern.pattern import FilePattern, Index, PatternKey
from pangeo_forge.pattern.redaction import redact_url
from pangeo_forge.pattern.sources import SOURCES, SourceContext, expand
from pangeo_forge.pattern.template import parse_template
from pangeo_forge.pattern.values import build_values, without

_P = TypeVar("_P", bound=FilePattern)
_Keys = list[tuple[str, str | None, KeySequence | None]]
"""Name, dim (None for merge keys) and values (None: the order of a source) of each key."""
_Expanded = tuple[tuple[PatternKey, ...], tuple[PatternKey, ...], Locations]


def build_pattern(
    cls: type[_P],
    inputs: Any,
    folder: Path | None,
    parameters: Mapping[str, Any],
    now: dt.date | None,
    context: SourceContext | None,
    where: str,
) -> _P:
    """What :meth:`FilePattern.from_inputs` does."""
    data = plain(inputs)
    today = now or dt.datetime.now(dt.UTC).date()
    builder = _Builder(data, folder, parameters, today, context or SourceContext(), where)
    concat, merge, locations = builder.expanded()
    member = parse_template(data["member"], f"{where}.member") if data.get("member") else None
    absent: Mapping[tuple[int, ...], frozenset[Index]] = {}
    if data.get("missing"):
        concat, absent = _absences(data, concat, merge, f"{where}.missing")
    pattern = cls(concat, merge, locations, member, parameters, absent)
    for template in [
        *([locations.template] if isinstance(locations, TemplateLocations) else []),
        *([member] if member else []),
    ]:
        template.check_names([*(k.name for k in pattern.keys), *parameters])
    _refuse_equal_neighbours(pattern, where)
    return pattern


def plain(model: Any) -> Any:
    """A recipe's models as the plain data that this package reads; plain data as it is."""
    if hasattr(model, "model_dump"):
        if hasattr(model, "rows"):  # a look-up table
            return {**model.rows, **_when(model)}
        found = {name: plain(getattr(model, name)) for name in type(model).model_fields}
        return {k: v for k, v in found.items() if v is not None and not (k == "when" and not v)}
    if isinstance(model, Mapping):
        return {k: plain(v) for k, v in model.items()}
    return [plain(v) for v in model] if isinstance(model, (list, tuple)) else model


def _when(model: Any) -> dict[str, Any]:
    return {"when": model.when} if getattr(model, "when", None) else {}


MOST_INPUTS = 10**12
"""Of a pattern; Python counts no sequence of more than 2**63."""


class _Builder:
    """The parts of a pattern; holds what all of them need."""

    def __init__(
        self,
        data: Mapping[str, Any],
        folder: Path | None,
        parameters: Mapping[str, Any],
        now: dt.date,
        context: SourceContext,
        where: str,
    ) -> None:
        self.data, self.folder, self.parameters, self.now = data, folder, parameters, now
        self.context, self.where = context, where

    def expanded(self) -> _Expanded:
        kinds = [k for k in ("url", *SOURCES) if self.data.get(k) is not None]
        if len(kinds) != 1:
            given = " and ".join(kinds) or "none"
            hint = f"give one of url, {', '.join(SOURCES)}"
            raise PlanError(f"{given} of the sources is given", code="P126", where=self.where, hint=hint)
        concat = self.keys("concat")
        merge = self.keys("merge")
        twice = {n for n, *_ in concat} & {n for n, *_ in merge}
        if twice:
            message = f"{', '.join(sorted(twice))}: both a concat and a merge key"
            raise PlanError(message, code="P126", where=self.where, hint="rename one")
        empty = [n for n, _, values in [*concat, *merge] if values is None]
        if kinds[0] == "url":
            return self.templated(concat, merge, empty)
        return self.listed(kinds[0], concat, merge, empty)

    def keys(self, section: str) -> _Keys:
        found = []
        for name, written in (self.data.get(section) or {}).items():
            where = f"{self.where}.{section}.{name}"
            spec, dim = _key_parts(written)
            values = build_values(spec, parameters=self.parameters, now=self.now, where=where)
            found.append((name, (dim or name) if section == "concat" else None, values))
        return found

    def templated(self, concat: _Keys, merge: _Keys, empty: Sequence[str]) -> _Expanded:
        if empty:
            message = f"key {empty[0]!r} has no values, and a template lists no files"
            raise PlanError(message, code="P122", where=self.where, hint="write its values: a list or a range")
        template = parse_template(self.data["url"], f"{self.where}.url")
        keys = [tuple(PatternKey(n, v, d) for n, d, v in group if v is not None) for group in (concat, merge)]
        count = math.prod(len(key) for group in keys for key in group)
        if count > MOST_INPUTS:
            hint = "is each value of each key meant to meet all values of the others?"
            raise PlanError(f"the keys make {count:.3g} inputs, more than can be counted", code="P127", where=self.where, hint=hint)  # fmt: skip
        return keys[0], keys[1], TemplateLocations(template, self.folder)

    def listed(self, kind: str, concat: _Keys, merge: _Keys, empty: Sequence[str]) -> _Expanded:
        groups = [*concat, *merge]
        if not groups:
            return (), (), self._single(kind)
        if len(empty) != 1 or empty[0] not in [n for n, *_ in concat]:
            hint = "concat: {time: {}}"
            message = f"`{kind}` needs one concat key without values, whose order is that of the files"
            raise PlanError(message, code="P126", where=self.where, hint=hint)
        free = [n for n, *_ in groups].index(empty[0])
        others = [(n, v) for n, _, v in groups if v is not None]
        lists = []
        for combination in itertools.product(*(iterate(v) for _, v in others)):
            chosen = dict(zip([n for n, _ in others], combination, strict=True))
            lists.append(tuple(self.expand(kind, chosen)))
        _refuse_uneven(lists, others, self.where)
        names = [file_name(u) for u in lists[0]]
        numbered = ListSequence([KeyValue(i, str(i), {"name": n}) for i, n in enumerate(names)])
        keys = [tuple(PatternKey(n, numbered if v is None else v, d) for n, d, v in g) for g in (concat, merge)]
        sizes = tuple(len(k) for k in (*keys[0], *keys[1]))
        return keys[0], keys[1], ListedLocations(tuple(lists), free, sizes, kind, self.folder)

    def expand(self, kind: str, chosen: Mapping[str, Any]) -> list[str]:
        values = {**self.parameters, **chosen}
        spec = self.data[kind]
        if kind == "listing":
            spec = {**spec, "url": self.pages(spec, values), "match": spec["match"]}
        elif kind == "glob":
            spec = self.filled(spec, values, kind)
        elif kind == "files":
            spec = [self.filled(f, values, kind) for f in spec]
        else:
            spec = self.filled(spec, values, kind)
        return expand(kind, spec, folder=self.folder, sort=self.data.get("sort"), context=self.context)

    def pages(self, spec: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
        """Each index page of a listing: one for each combination of its own keys."""
        own = {}
        for name, written in (spec.get("keys") or {}).items():
            where = f"{self.where}.listing.keys.{name}"
            found = build_values(_key_parts(written)[0], parameters=self.parameters, now=self.now, where=where)
            if found is None:
                raise PlanError("the key of a page needs values", code="P122", where=where, hint="a list or a range")
            own[name] = found
        template = parse_template(spec["url"], f"{self.where}.listing.url")
        combinations = itertools.product(*(iterate(v) for v in own.values()))
        pages = [template.render({**values, **dict(zip(own, c, strict=True))}) for c in combinations]
        return list(dict.fromkeys(pages))

    def filled(self, spec: Any, values: Mapping[str, Any], kind: str) -> Any:
        if isinstance(spec, str):
            return parse_template(spec, f"{self.where}.{kind}").render(values) if "{" in spec else spec
        if isinstance(spec, Mapping):
            return {k: v if k == "match" else self.filled(v, values, kind) for k, v in spec.items()}
        return [self.filled(v, values, kind) for v in spec] if isinstance(spec, list) else spec

    def _single(self, kind: str) -> ListedLocations:
        found = self.expand(kind, {})
        if len(found) > 1:
            message = f"`{kind}` lists {len(found)} files, and no concat key orders them"
            raise PlanError(message, code="P126", where=self.where, hint="add concat: {time: {}}")
        return ListedLocations((tuple(found),), -1, (), kind, self.folder)


def _key_parts(written: Any) -> tuple[Any, str | None]:
    """VALUES and dim of ``VALUES``, ``{dim, values, when}`` or VALUES with ``dim`` beside them."""
    if not isinstance(written, Mapping):
        return written, None
    rest = dict(written)
    dim = rest.pop("dim") if isinstance(rest.get("dim"), str) else None
    values = rest.get("values")
    if isinstance(values, Mapping) and set(rest) <= {"values", "when"}:
        return {**values, **({"when": rest["when"]} if rest.get("when") else {})}, dim
    if isinstance(values, list) and set(rest) == {"values"}:
        return values, dim
    return rest, dim


def _absences(
    data: Mapping[str, Any], concat: tuple[PatternKey, ...], merge: tuple[PatternKey, ...], where: str
) -> tuple[tuple[PatternKey, ...], dict[tuple[int, ...], frozenset[Index]]]:
    """Concat keys less the values that are missing as a whole, and the combinations that stay as slots without a file.

    ``on_missing: fill`` keeps whole values as slots too: they will hold the fill value.
    """
    keys = (*concat, *merge)
    names = [k.name for k in keys]
    alone: dict[int, list[Any]] = {}
    combined: list[dict[str, Any]] = []
    for written in data["missing"]:
        if isinstance(written, Mapping):
            unknown = [n for n in written if n not in names]
            if unknown or not written:
                message = f"{unknown[0] if unknown else 'an empty mapping'!r} is no key"
                raise PlanError(message, code="P125", where=where, hint=f"keys: {', '.join(names) or 'none'}")
            combined.append(dict(written))
        elif len(concat) == 1:
            alone.setdefault(0, []).append(written)
        else:
            message = f"{written!s}: of which key?"
            raise PlanError(
                message, code="P125", where=where, hint="write {key: value} where there is not one concat key"
            )
    for written in [w for w in combined if len(w) == 1 and next(iter(w)) in [k.name for k in concat]]:
        ((name, value),) = written.items()
        alone.setdefault(names.index(name), []).append(value)
        combined.remove(written)
    fill = data.get("on_missing") == "fill"
    found: dict[tuple[int, ...], set[Index]] = {}
    for axis, values in alone.items():
        reduced = without(keys[axis].values, values, what="missing:", where=where)
        if fill:
            spots = (keys[axis].values.find(v) for v in values)
            found.setdefault((axis,), set()).update((p,) for p in spots if p is not None)
        else:
            concat = (*concat[:axis], PatternKey(concat[axis].name, reduced, concat[axis].dim), *concat[axis + 1 :])
    keys = (*concat, *merge)
    for written in combined:
        axes = tuple(sorted(names.index(n) for n in written))
        places = [keys[a].values.find(written[names[a]]) for a in axes]
        for axis, place in zip(axes, places, strict=True):
            if place is None:
                message = f"{written[names[axis]]!s} is not a value of {names[axis]!r}"
                raise PlanError(message, code="P125", where=where, hint="write it as the values are")
        found.setdefault(axes, set()).add(tuple(p for p in places if p is not None))
    return concat, {axes: frozenset(places) for axes, places in found.items()}


def _refuse_equal_neighbours(pattern: FilePattern, where: str) -> None:
    """Render the first, the second along each key, and the last: what cannot be filled in fails now, not at hour 9."""
    first = pattern[0]
    pattern[-1]
    for axis, key in enumerate(pattern.keys):
        if len(key) < 2:
            continue
        second = pattern.item(tuple(int(a == axis) for a in range(len(pattern.shape))))
        if (second.url, second.member) == (first.url, first.member):
            values = f"{key.values[0].label} and {key.values[1].label}"
            message = f"{key.name!r} does not tell files apart: {values} are both {redact_url(first.url)}"
            raise PlanError(message, code="P126", where=where, hint=f"use {{{key.name}}} in the template, fine enough")


def _refuse_uneven(lists: Sequence[Sequence[str]], others: Sequence[tuple[str, KeySequence]], where: str) -> None:
    sizes = {len(x) for x in lists}
    if len(sizes) > 1:
        combinations = itertools.product(*(iterate(v) for _, v in others))
        rows = [
            f"{', '.join(f'{n}={v.label}' for (n, _), v in zip(others, c, strict=True))}: {len(found)}"
            for c, found in zip(combinations, lists, strict=True)
        ]
        message = "the files do not form a grid: " + "; ".join(rows[:10])
        raise InputError(
            message, code="I609", where=where, hint="each combination of the other keys needs as many files"
        )
