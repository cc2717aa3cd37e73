"""The template of the whole dataset, assembled from all records of a combination in the order of their index."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from pangeo_forge.dataset import filling
from pangeo_forge.dataset import members as who
from pangeo_forge.dataset.combine import Combination
from pangeo_forge.dataset.conflicts import conflict, raise_for
from pangeo_forge.dataset.encoding import NO_FILL, ArrayCoding, choose_coding, raise_without_fill
from pangeo_forge.dataset.members import Member
from pangeo_forge.dataset.merging import merged_attrs
from pangeo_forge.dataset.model import ArrayTemplate, Index, Template
from pangeo_forge.dataset.packing import encode
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.dataset.slabs import Axis, Slab, make_axis
from pangeo_forge.dataset.time import encode as encode_time
from pangeo_forge.dataset.time import unify
from pangeo_forge.dataset.timecoding import TimeCoding
from pangeo_forge.dataset.timecoding import choose_coding as choose_time
from pangeo_forge.dataset.values import meaning, strings, ticks_of
from pangeo_forge.errors import CombineError


def assemble(combination: Combination) -> Template:
    """See :meth:`pangeo_forge.dataset.combine.Combination.template`."""
    settings = combination.settings
    members = who.members_by_name(combination)
    raise_for(who.check_presence(combination, members))
    raise_for(who.check_layouts(members))
    axes = {d: _axis(combination, members, i) for i, d in enumerate(settings.concat_dims)}
    raise_for(who.check_contents(members, settings))
    attrs, warnings, problems = merged_attrs(combination, members)
    raise_for(problems)
    axes = {d: _with_bounds(d, axis, members, attrs.get(d, {}), combination) for d, axis in axes.items()}
    positions = tuple(sorted(combination.inputs))
    times = _times(members, settings, attrs)
    sizes = _sizes(members, axes)
    arrays: list[ArrayTemplate] = []
    refused: dict[str, CombineError] = {}
    for name, found in members.items():
        try:
            moment = times.get(name)
            arrays.append(_array(name, found, combination, positions, axes, sizes, attrs.get(name, {}), moment))
        except CombineError as error:
            if error.code != NO_FILL:
                raise
            refused[name] = error
    raise_without_fill(refused)
    return Template(
        sizes=sizes,
        concat_dims=settings.concat_dims,
        lengths={d: a.lengths for d, a in axes.items()},
        starts={d: a.starts for d, a in axes.items()},
        arrays=tuple(arrays),
        attrs=_with_coordinates(attrs.get("", {}), arrays),
        positions=positions,
        trims={d: a.trims for d, a in axes.items() if a.trims},
        warnings=(*warnings, *_unused(combination, axes)),
    )


def _unused(combination: Combination, axes: Mapping[str, Axis]) -> Iterator[str]:
    """Inputs of which ``duplicates`` leaves nothing: often it is not the real coordinate that repeats."""
    for i, (dim, axis) in enumerate(axes.items()):
        nothing = {position for position, (start, stop) in axis.trims.items() if start == stop}
        labels = [r.label for index, r in sorted(combination.inputs.items()) if index[i] in nothing]
        if labels:
            more = f" and {len(labels) - 3} more" if len(labels) > 3 else ""
            yield (
                f"nothing of {', '.join(labels[:3])}{more} is used: the values of {dim!r} are those of other inputs "
                f"(combine.duplicates); if {dim!r} is not the real coordinate, make it from that with assign_coords"
            )


def _axis(combination: Combination, members: Mapping[str, list[Member]], key: int) -> Axis:
    dim = combination.settings.concat_dims[key]
    held = _lengths(combination, dim, key)
    values: dict[int, np.ndarray] = {}
    calendar = None
    for m in members.get(dim, []):
        if m.layout.dims == (dim,) and m.content is not None and m.content.values is not None:
            if m.index[key] not in values:
                values[m.index[key]] = meaning(m.content.values, m.layout.packing, m.layout.time)
            calendar = m.layout.time.calendar if m.layout.time else None
    if calendar is not None:
        values = dict(zip(values, unify(list(values.values()), calendar), strict=True))
    made = _fill(combination, key, held, values, calendar)
    known = len(values) == len(held)
    slabs = [Slab(p, label, n, values[p] if known else None) for p, (n, label) in sorted(held.items())]
    count = max([*(i[key] for i in combination.inputs), *held], default=-1) + 1
    return replace(make_axis(dim, slabs, count, combination.settings, calendar), made={dim: made} if made else {})


def _fill(
    combination: Combination,
    key: int,
    held: dict[int, tuple[int, str]],
    values: dict[int, np.ndarray],
    calendar: str | None,
) -> dict[int, np.ndarray]:
    """Give positions without any input a length and, where the dim has a coordinate, its values, in place."""
    absent, dim = combination.absent, combination.settings.concat_dims[key]
    gone = {} if absent is None else {i[key]: label for i, label in absent.labels.items() if i[key] not in held}
    if absent is None or not gone:
        return {}
    length = filling.length_of(dim, held, combination.settings.items_per_file.get(dim))
    made: dict[int, np.ndarray] = {}
    if values and len(values) == len(held):
        present = {p: (v, held[p][1]) for p, v in values.items()}
        made = filling.coordinate_values(dim, present, sorted(gone), length, calendar, absent.key_of)
    held.update({p: (length, label) for p, label in gone.items()})
    values.update(made)
    return made


def _with_bounds(
    dim: str, axis: Axis, members: Mapping[str, list[Member]], attrs: Mapping[str, Any], combination: Combination
) -> Axis:
    """The axis with the bounds of its coordinate where inputs are absent, if they follow from the keys as well."""
    absent = combination.absent
    if absent is None or dim not in axis.made:
        return axis
    made = dict(axis.made)
    for name in (attrs.get("bounds"), attrs.get("climatology")):
        found = [m for m in members.get(str(name), []) if m.layout.dims[0] == dim]
        if not found or any(m.content is None or m.content.values is None for m in found):
            continue
        present = {
            m.index[combination.settings.concat_dims.index(dim)]: (
                meaning(m.content.values, m.layout.packing, m.layout.time), m.label
            )
            for m in found
            if m.content is not None and m.content.values is not None
        }  # fmt: skip
        calendar = found[0].layout.time.calendar if found[0].layout.time else None
        lengths = {len(v) for v in made[dim].values()}
        with suppress(CombineError):
            made[str(name)] = filling.coordinate_values(
                str(name), present, sorted(made[dim]), lengths.pop(), calendar, absent.key_of, dim
            )
    return replace(axis, made=made)


def _lengths(combination: Combination, dim: str, key: int) -> dict[int, tuple[int, str]]:
    """Length of each position along a concat dim, and an input that says so; all inputs there must agree."""
    held: dict[int, tuple[int, str]] = {}
    hint = "cut to the same region with the transforms select or isel, or correct the keys"
    for index in sorted(combination.inputs):
        record = combination.inputs[index]
        length = record.lengths[key]
        length = 1 if length is None else length
        known = held.setdefault(index[key], (length, record.label))
        if known[0] != length:
            said = [(str(known[0]), known[1]), (str(length), record.label)]
            problem = conflict("C006", "-", f"length of dim {dim}", said, hint)
            raise_for([problem] if problem else [])
    return held


def _times(
    members: Mapping[str, list[Member]], settings: CombineSettings, attrs: Mapping[str, Mapping[str, Any]]
) -> dict[str, TimeCoding]:
    """Codings of all time variables; bounds share that of the variable which they bound."""
    found: dict[str, TimeCoding] = {}
    is_time = {n for n, f in members.items() if all(m.layout.time is not None for m in f)}
    bounds = {
        n: [b for b in (attrs.get(n, {}).get("bounds"), attrs.get(n, {}).get("climatology")) if b in is_time]
        for n in is_time
    }
    children = {b for names in bounds.values() for b in names}
    for name in sorted(is_time - children):
        families = [members[name], *(members[b] for b in bounds[name])]
        coding = choose_time(families, settings, is_axis=name in settings.concat_dims)
        found[name] = coding
        for b in bounds[name]:
            own = members[b][0].layout
            units = replace(coding.units, inherited=own.time is not None and own.time.inherited)
            found[b] = TimeCoding(units, own.dtype if coding.passes else coding.dtype, coding.passes)
    for name in sorted(is_time - set(found)):
        found[name] = choose_time([members[name]], settings, is_axis=False)
    return found


def _sizes(members: Mapping[str, list[Member]], axes: Mapping[str, Axis]) -> dict[str, int]:
    sizes = {d: int(a.lengths.sum()) for d, a in axes.items()}
    for found in members.values():
        sizes.update(found[0].layout.inner)
    return sizes


def _array(
    name: str,
    found: Sequence[Member],
    combination: Combination,
    positions: Sequence[Index],
    axes: Mapping[str, Axis],
    sizes: Mapping[str, int],
    attrs: Mapping[str, Any],
    moment: TimeCoding | None,
) -> ArrayTemplate:
    settings = combination.settings
    first = found[0].layout
    merge = _merge(found, positions, len(settings.concat_dims))
    declared = settings.encoding_of(name)
    coding = choose_coding(name, found, attrs, moment, declared, needs_fill=_has_gap(name, found, axes, settings))
    accesses, access_of = ((), None) if coding.recode else _accesses(found, positions)
    return ArrayTemplate(
        name=name,
        dims=first.dims,
        shape=tuple(sizes[d] for d in first.dims),
        dtype=coding.dtype,
        attrs=coding.attrs,
        fill_value=coding.packing.fill_value,
        is_coord=first.is_coord,
        concat_dims=tuple(d for d in settings.concat_dims if d in first.dims),
        merge=merge,
        values=_values(name, found, axes, coding, settings),
        recode=coding.recode,
        storage_chunks=first.storage_chunks,
        accesses=accesses,
        packing=coding.packing,
        time=coding.time,
        access_of=access_of,
        lacking=_lacking(found, positions, merge, settings),
    )


def _lacking(
    found: Sequence[Member], positions: Sequence[Index], merge: Sequence[Index] | None, settings: CombineSettings
) -> dict[int, int]:
    n = len(settings.concat_dims)
    if len(found) == len(positions):
        return {}
    numbers = {p: i for i, p in enumerate(positions)}
    keys = who.along(found[0].layout, settings)
    first = {key: numbers[group[0].index] for key, group in who.groups(found, settings).items()}
    holders = {m.index for m in found}
    merges = None if merge is None else set(merge)
    return {
        i: first.get(tuple(p[k] for k in keys), -1)
        for i, p in enumerate(positions)
        if p not in holders and (merges is None or p[n:] in merges)
    }


def _merge(found: Sequence[Member], positions: Sequence[Index], n: int) -> tuple[Index, ...] | None:
    holders = {m.index[n:] for m in found}
    return None if holders == {p[n:] for p in positions} else tuple(sorted(holders))


def _has_gap(name: str, found: Sequence[Member], axes: Mapping[str, Axis], settings: CombineSettings) -> bool:
    """Whether some place of the array has no input: it was absent, or does not hold the variable."""
    keys = who.along(found[0].layout, settings)
    dims = [settings.concat_dims[k] for k in keys]
    if len(dims) == 1 and name in axes[dims[0]].made:
        return False
    return len({tuple(m.index[k] for k in keys) for m in found}) < math.prod(len(axes[d].order) for d in dims)


def _accesses(found: Sequence[Member], positions: Sequence[Index]) -> tuple[tuple[Any, ...], np.ndarray | None]:
    if any(m.layout.access is None for m in found):
        return (), None
    distinct = {m.layout.access: i for i, m in reversed(list(enumerate(found)))}
    accesses = tuple(sorted((a for a in distinct if a is not None), key=lambda a: distinct[a]))
    if len(accesses) == 1 and len(found) == len(positions):
        return accesses, None
    number = {a: i for i, a in enumerate(accesses)}
    held = {m.index: number[m.layout.access] for m in found if m.layout.access is not None}
    return accesses, np.array([held.get(p, -1) for p in positions], dtype=np.int32)


def _values(
    name: str, found: Sequence[Member], axes: Mapping[str, Axis], coding: ArrayCoding, settings: CombineSettings
) -> np.ndarray | None:
    """Stored values of the whole array, when the scans kept them all."""
    keys = who.along(found[0].layout, settings)
    if len(keys) > 1:
        return None
    grouped = {k: g[0] for k, g in who.groups(found, settings).items()}
    if any(m.content is None or m.content.values is None for m in grouped.values()):
        return None
    if not keys:
        return _encoded(name, found[0], coding)
    dim = settings.concat_dims[keys[0]]
    axis, at = axes[dim], found[0].layout.dims.index(dim)
    parts = []
    for position in axis.order:
        m = grouped.get((position,))
        if m is not None:
            values = _encoded(name, m, coding)
        elif name in axis.made:
            values = _stored(name, axis.made[name][position], coding)
        else:
            return None
        start, stop = axis.trims.get(position, (0, values.shape[at]))
        parts.append(values[(slice(None),) * at + (slice(start, stop),)])
    return np.concatenate(parts, axis=at)


def _encoded(name: str, m: Member, coding: ArrayCoding) -> np.ndarray:
    assert m.content is not None
    assert m.content.values is not None
    values = m.content.values
    if not coding.recode:
        return values
    try:
        if coding.time is not None and m.layout.time is not None:
            ticks = ticks_of(values, m.layout.packing, m.layout.time)
            return encode_time(ticks, coding.time.units, coding.time.calendar, coding.dtype, coding.missing_time)
        if coding.dtype == "str" or coding.dtype.startswith("|S"):
            return strings(values) if coding.dtype == "str" else values.astype(coding.dtype)
        return encode(meaning(values, m.layout.packing, None), coding.packing, coding.dtype, name)
    except Exception as error:
        if hasattr(error, "where"):
            error.where = error.where or m.label
        raise


def _stored(name: str, meant: np.ndarray, coding: ArrayCoding) -> np.ndarray:
    """Stored values of what they mean: ticks, numbers, strings."""
    if coding.time is not None:
        return encode_time(meant, coding.time.units, coding.time.calendar, coding.dtype, coding.missing_time)
    if coding.dtype == "str" or coding.dtype.startswith("|S"):
        return strings(meant) if coding.dtype == "str" else meant.astype(coding.dtype)
    return encode(meant, coding.packing, coding.dtype, name)


def _with_coordinates(attrs: Mapping[str, Any], arrays: Sequence[ArrayTemplate]) -> dict[str, Any]:
    """Name coordinates that no variable names in the dataset's ``coordinates`` attribute, as xarray writes them."""
    named = {n for a in arrays for n in str(a.attrs.get("coordinates", "")).split()}
    loose = [a.name for a in arrays if a.is_coord and a.dims != (a.name,) and a.name not in named]
    return {**attrs, "coordinates": " ".join(sorted(loose))} if loose else dict(attrs)
