"""Who holds a variable, and the checks that all who hold it agree on its layout and on values that they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pangeo_forge.dataset.combine import Combination, Content, Layout
from pangeo_forge.dataset.conflicts import Conflict, conflict
from pangeo_forge.dataset.model import Index
from pangeo_forge.dataset.packing import decoded_dtype
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.dataset.time import REAL_CALENDARS, format_tick
from pangeo_forge.dataset.values import meaning, same

__all__ = ["Member", "along", "check_contents", "check_layouts", "check_presence", "groups", "members_by_name"]

CALENDAR_HINT = "mend a wrong attribute with the transform attrs; dates of different calendars cannot be mixed"


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One input's part of a variable."""

    index: Index
    label: str
    layout: Layout
    content: Content | None


def members_by_name(combination: Combination) -> dict[str, list[Member]]:
    """Members of each variable, in the order of the index; variables in the order of their first input."""
    found: dict[str, list[Member]] = {}
    for index in sorted(combination.inputs):
        record = combination.inputs[index]
        for layout, content in zip(record.layouts, record.contents, strict=True):
            found.setdefault(layout.name, []).append(Member(index, record.label, layout, content))
    return found


def check_presence(combination: Combination, members: dict[str, list[Member]]) -> list[Conflict]:
    """``variables: exact``: inputs of one merge position hold the same; ``intersection`` drops the others."""
    n = len(combination.settings.concat_dims)
    by_merge: dict[Index, list[Index]] = {}
    for index in sorted(combination.inputs):
        by_merge.setdefault(index[n:], []).append(index)
    conflicts: list[Conflict] = []
    for name in list(members):
        holders = {m.index for m in members[name]}
        merges = {i[n:] for i in holders}
        absent = [i for merge in merges for i in by_merge[merge] if i not in holders]
        if not absent or combination.settings.variables == "union":
            continue
        if combination.settings.variables == "intersection":
            del members[name]
            continue
        said = [
            ("present" if i in holders else "absent", combination.inputs[i].label)
            for merge in sorted(merges)
            for i in by_merge[merge]
        ]
        found = conflict(
            "C010",
            name,
            "presence",
            said,
            "drop or rename it (transforms), or say combine: {variables: intersection} or union",
        )
        conflicts += [found] if found else []
    return conflicts


def check_layouts(members: dict[str, list[Member]]) -> list[Conflict]:
    """Dims, lengths of dims that are not concatenated, and dtypes must agree; packing and time units may differ."""
    conflicts: list[Conflict | None] = []
    for name, found in members.items():
        if len({id(m.layout) for m in found}) == 1:
            continue
        conflicts.append(
            conflict(
                "C004",
                name,
                "dims",
                ((str(m.layout.dims), m.label) for m in found),
                "mend it with the transforms transpose, squeeze, expand_dims or rename",
            )
        )
        conflicts.append(
            conflict(
                "C006",
                name,
                "shape",
                ((_shape(m), m.label) for m in found),
                "cut to the same region with the transforms select or isel",
            )
        )
        conflicts.append(_dtypes(name, found))
        conflicts.append(_calendars(name, found))
    conflicts += _dimensions(members)
    return [c for c in conflicts if c is not None]


def _shape(member: Member) -> str:
    return ", ".join(f"{d}: {n}" for d, n in member.layout.inner) or "-"


def _dtypes(name: str, found: Sequence[Member]) -> Conflict | None:
    """dtypes may differ where values are decoded anyway: strings of other lengths, times, other packings of floats."""
    layouts = {id(m.layout): m.layout for m in found}.values()
    if all(x.time is not None for x in layouts) or all(x.dtype == "str" or x.dtype.startswith("|S") for x in layouts):
        return None
    if any(x.time is not None for x in layouts):
        hint = "mend the units with the transform attrs, or say decode_times: false"
        return conflict("C007", name, "units", (("time" if m.layout.time else "no time", m.label) for m in found), hint)
    # Of plain floats, one may have been written wider by mistake; integers that decode to floats are no mistake.
    whole = any(np.dtype(x.dtype).kind in "iu" for x in layouts) or all(not x.packing.is_none for x in layouts)
    packed = whole and len({repr(x.packing) for x in layouts}) > 1
    if packed and all(decoded_dtype(x.dtype, x.packing).kind == "f" for x in layouts):
        return None
    hint = "make them one with the transform cast"
    return conflict("C005", name, "dtype", ((m.layout.dtype, m.label) for m in found), hint)


def _calendars(name: str, found: Sequence[Member]) -> Conflict | None:
    """Calendars may differ only where their dates may be the same: standard and proleptic_gregorian."""
    times = [(m.layout.time.calendar, m.label) for m in found if m.layout.time is not None]
    if {c for c, _ in times} <= set(REAL_CALENDARS):
        return None
    return conflict("C022", name, "calendar", times, CALENDAR_HINT)


def _dimensions(members: dict[str, list[Member]]) -> list[Conflict | None]:
    """A dimension has one length in all variables of all inputs."""
    said: dict[str, dict[int, list[tuple[str, str]]]] = {}
    for name, found in members.items():
        for layout, label in {id(m.layout): (m.layout, m.label) for m in found}.values():
            for dim, size in layout.inner:
                said.setdefault(dim, {}).setdefault(size, []).append((f"{size} ({name})", label))
    hint = "cut to the same region with the transforms select or isel, or rename one dimension"
    return [
        conflict("C006", "-", f"length of dim {dim}", [s for sides in sizes.values() for s in sides], hint)
        for dim, sizes in said.items()
        if len(sizes) > 1
    ]


def along(layout: Layout, settings: CombineSettings) -> tuple[int, ...]:
    """Which concat keys a variable varies with: positions in ``concat_dims``."""
    return tuple(i for i, d in enumerate(settings.concat_dims) if d in layout.dims)


def groups(found: Iterable[Member], settings: CombineSettings) -> dict[Index, list[Member]]:
    """Members that hold the same part of the target, by position along the variable's own concat dims."""
    result: dict[Index, list[Member]] = {}
    for m in found:
        result.setdefault(tuple(m.index[i] for i in along(m.layout, settings)), []).append(m)
    return result


def check_contents(members: dict[str, list[Member]], settings: CombineSettings) -> list[Conflict]:
    """What several inputs hold of the same part of the target must be equal."""
    if settings.coords == "first":
        shared = {
            n: f for n, f in members.items() if f and len(along(f[0].layout, settings)) == len(settings.concat_dims)
        }
    else:
        shared = members
    conflicts = []
    for name, found in shared.items():
        for group in groups(found, settings).values():
            if len(group) > 1 and (problem := _contents(name, group, settings)):
                conflicts.append(problem)
                break
    return conflicts


def _contents(name: str, group: list[Member], settings: CombineSettings) -> Conflict | None:
    if any(m.content is None for m in group):
        hint = f"drop {name!r} from all but one of the merged inputs, or give it the concat dim with expand_dims"
        return conflict(
            "C008",
            name,
            "values",
            ((f"in input {i + 1}, too large to compare", m.label) for i, m in enumerate(group)),
            hint,
        )
    first = group[0].content
    if all(m.content is first for m in group):
        return None
    names: dict[str, str] = {}
    said = []
    for m in group:
        assert m.content is not None
        key = str(m.content.digest)
        if key not in names:
            names[key] = _described(
                m, [g for g in group if g.content and str(g.content.digest) in names], settings, len(names)
            )
        said.append((names[key], m.label))
    dims = ", ".join(settings.concat_dims) or "the merge keys"
    hint = (
        f"{name!r} does not vary along {dims}, yet inputs differ: give it the dim with expand_dims, "
        "leave it out with drop, allow for noise with combine: {tolerance: ...}, or say combine: {coords: first}"
    )
    new = [
        d
        for d in settings.concat_dims
        if d not in dict(group[0].layout.inner) and all(d not in m.layout.dims for m in group)
    ]
    if group[0].layout.dims == (name,) and new:
        # The commonest slip: the key is named otherwise than the dimension that it runs along.
        hint = f"if inputs follow each other along {name!r}, say so: concat: {{{new[0]}: {{dim: {name}, values: ...}}}}; else {hint}"
    return conflict("C009", name, "values", said, hint)


def _described(m: Member, before: list[Member], settings: CombineSettings, number: int) -> str:
    """The value, or its first elements; within the tolerance of an earlier one: the same text as that."""
    content = m.content
    if content is None or content.values is None:
        return f"digest {content.digest[:12] if content and content.digest else number}"
    meant = meaning(content.values, m.layout.packing, m.layout.time)
    if settings.tolerance and before and before[0].content is not None and before[0].content.values is not None:
        reference = before[0]
        other = meaning(before[0].content.values, reference.layout.packing, reference.layout.time)
        if same(other, meant, settings.tolerance):
            return _described(reference, [], settings, 0)
    calendar = m.layout.time.calendar if m.layout.time else None
    shown = [str(v) if calendar is None else format_tick(v, calendar) for v in meant.reshape(-1)[:4]]
    text = ", ".join(shown) + (", ..." if meant.size > 4 else "")
    return text if meant.size <= 4 else f"{text} (digest {str(content.digest)[:8]})"
