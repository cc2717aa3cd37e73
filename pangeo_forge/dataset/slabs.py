"""Where each input lies along a concat dimension: order, duplicates, gaps; found from the coordinate's values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from pangeo_forge.dataset import time
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.errors import CombineError


@dataclass(frozen=True)
class Slab:
    """What one position along a concat dimension holds."""

    position: int
    label: str
    length: int
    values: np.ndarray | None
    """Of the dimension's coordinate: ticks, numbers or strings; None: the dimension has no coordinate."""


@dataclass(frozen=True)
class Axis:
    """Order and extent of all positions along a concat dimension."""

    lengths: np.ndarray
    starts: np.ndarray
    trims: dict[int, tuple[int, int]]
    order: tuple[int, ...]
    """Positions in the order of the target."""
    made: Mapping[str, Mapping[int, np.ndarray]] = field(default_factory=dict)
    """Values of the coordinate and its bounds (ticks, numbers, strings) where inputs are absent (``on_missing: fill``)."""


def make_axis(dim: str, slabs: Sequence[Slab], count: int, settings: CombineSettings, calendar: str | None) -> Axis:
    """Lay out the slabs of one concat dimension.

    Parameters
    ----------
    slabs: one per position that holds an input, in the order of positions.
    count: number of positions; those without a slab get length 0.
    calendar: set when values are ticks.

    Raises
    ------
    CombineError: C030 the same value twice, C031 not in order, C032 overlapping inputs whose values differ, C033 gaps,
        C034 missing values in the coordinate, C035 a length other than items_per_file.
    """
    _check_lengths(dim, slabs, settings)
    parts = {s.position: (0, s.length) for s in slabs}
    ordered = list(slabs)
    if slabs and slabs[0].values is not None:
        _check_missing(dim, slabs)
        if slabs[0].values.dtype.kind in "OUST":
            _check_labels(dim, slabs)
        else:
            ordered, parts = _ordered(dim, list(slabs), settings, calendar)
            if settings.gaps == "fail" and settings.regular and dim == settings.concat_dims[0]:
                _check_gaps(dim, ordered, parts, settings.regular, calendar)
    lengths, starts = np.zeros(count, np.int64), np.zeros(count, np.int64)
    at = 0
    for slab in ordered:
        start, stop = parts[slab.position]
        lengths[slab.position], starts[slab.position] = stop - start, at
        at += stop - start
    if [s.position for s in ordered] == [s.position for s in slabs]:
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    trims = {s.position: parts[s.position] for s in slabs if parts[s.position] != (0, s.length)}
    return Axis(lengths, starts, trims, tuple(s.position for s in ordered))


def _check_lengths(dim: str, slabs: Sequence[Slab], settings: CombineSettings) -> None:
    expected = settings.items_per_file.get(dim)
    odd = [s for s in slabs if expected is not None and s.length != expected]
    if odd:
        raise CombineError(
            f"{len(odd)} of {len(slabs)} inputs do not hold items_per_file = {expected} along {dim!r}, for example "
            + ", ".join(f"{s.label} holds {s.length}" for s in odd[:3]),
            code="C035",
            hint="leave items_per_file out: lengths are found by the scan",
        )


def _check_missing(dim: str, slabs: Sequence[Slab]) -> None:
    for s in slabs:
        assert s.values is not None
        if s.values.dtype.kind in "fm" and np.isnan(s.values).any():
            raise CombineError(
                f"the coordinate {dim!r} has missing values",
                code="C034",
                where=s.label,
                hint="exclude the input, or make the coordinate with assign_coords",
            )


def _check_labels(dim: str, slabs: Sequence[Slab]) -> None:
    seen: dict[str, str] = {}
    for s in slabs:
        for value in s.values if s.values is not None else ():
            if str(value) in seen:
                raise _duplicate(dim, repr(value), seen[str(value)], s.label)
            seen[str(value)] = s.label


def _ordered(
    dim: str, slabs: list[Slab], settings: CombineSettings, calendar: str | None
) -> tuple[list[Slab], dict[int, tuple[int, int]]]:
    """Slabs in the order of the target, and the part of each that is used."""
    filled = [s for s in slabs if s.length]
    sign = _direction(filled)
    for s in filled:
        _check_inside(dim, s, sign, calendar)
    if settings.order == "sort":
        filled.sort(key=lambda s: (_first(s) if sign > 0 else -_first(s), s.position))
    parts = {s.position: (0, s.length) for s in slabs}
    for one, two in pairwise(filled):
        if _after(one, two, sign):
            continue
        overlapping = _overlap(one, two)
        if not overlapping.size and settings.order == "check" and sign * (_first(two) - _first(one)) < 0:
            raise _unsorted(dim, one, two, calendar)
        if settings.duplicates == "fail":
            if overlapping.size:
                raise _duplicate(dim, _show(overlapping[0], one, calendar), one.label, two.label, overlapping.size)
            raise _interleaved(dim, one, two, calendar)
    if settings.duplicates != "fail":
        _trim(dim, filled, parts, sign, settings.duplicates, calendar)
    empty = [s for s in slabs if not s.length]
    return [*filled, *empty] if empty else filled, parts


def _raw(s: Slab) -> np.ndarray:
    """Values that subtract and compare: integers of ticks."""
    assert s.values is not None
    return s.values.view(np.int64) if s.values.dtype.kind == "m" else s.values


def _first(s: Slab) -> int | float:
    return _raw(s)[0].item()  # type: ignore[no-any-return]


def _last(s: Slab) -> int | float:
    return _raw(s)[-1].item()  # type: ignore[no-any-return]


def _direction(slabs: list[Slab]) -> int:
    """1 when values rise, -1 when they fall: what the longest input says, else the first and last input."""
    for s in sorted(slabs, key=lambda s: -s.length):
        if s.length > 1 and _first(s) != _last(s):
            return 1 if _last(s) > _first(s) else -1
    return -1 if len(slabs) > 1 and _first(slabs[-1]) < _first(slabs[0]) else 1


def _after(one: Slab, two: Slab, sign: int) -> bool:
    return sign * _first(two) > sign * _last(one)


def _overlap(one: Slab, two: Slab) -> np.ndarray:
    return np.intersect1d(_raw(one), _raw(two))


def _check_inside(dim: str, s: Slab, sign: int, calendar: str | None) -> None:
    raw = _raw(s)
    if sign < 0:
        raw = raw[::-1]
    wrong = np.flatnonzero(raw[1:] <= raw[:-1])
    if wrong.size:
        at = raw[wrong[0] + 1]
        what = "the same value twice" if (raw[1:] == raw[:-1])[wrong].all() else "values out of order"
        raise CombineError(
            f"the coordinate {dim!r} of one input has {what}, at {_show(at, s, calendar)}",
            code="C030" if "twice" in what else "C031",
            where=s.label,
            hint=f"mend it with the transform sort: {dim} or isel, or make the coordinate with assign_coords",
        )


def _show(raw: Any, s: Slab, calendar: str | None) -> str:
    if calendar is None or s.values is None or s.values.dtype.kind != "m":
        return str(raw)
    return time.format_tick(np.int64(raw).view(s.values.dtype), calendar)


def _unsorted(dim: str, one: Slab, two: Slab, calendar: str | None) -> CombineError:
    return CombineError(
        f"the coordinate {dim!r} is not in order: {one.label} ends at {_show(_last(one), one, calendar)}, "
        f"the next, {two.label}, begins at {_show(_first(two), two, calendar)}",
        code="C031",
        hint="order the inputs (inputs: sort), or say combine: {order: sort}",
    )


def _interleaved(dim: str, one: Slab, two: Slab, calendar: str | None) -> CombineError:
    return CombineError(
        f"inputs overlap along {dim!r} with different values: {one.label} holds {_show(_first(one), one, calendar)} to "
        f"{_show(_last(one), one, calendar)}, {two.label} holds {_show(_first(two), two, calendar)} to "
        f"{_show(_last(two), two, calendar)}",
        code="C032",
        hint="cut them with the transform select or isel, or exclude one of them",
    )


def _duplicate(dim: str, value: str, one: str, two: str, count: int = 1) -> CombineError:
    more = f" and {count - 1} more values" if count > 1 else ""
    return CombineError(
        f"the coordinate {dim!r} has {value}{more} twice: in {one} and in {two}",
        code="C030",
        hint="say which one to keep, combine: {duplicates: first} or last, or exclude one of the inputs; when the coordinate "
        f"is not the real one, make it from that: assign_coords: {{{dim}: {{coord: NAME}}}}",
    )


def _trim(
    dim: str, slabs: list[Slab], parts: dict[int, tuple[int, int]], sign: int, keep: str, calendar: str | None
) -> None:
    """Cut what an input shares with the part kept before it (first) or after it (last)."""
    sequence = slabs if keep == "first" else slabs[::-1]
    kept: list[np.ndarray] = []
    edge: int | float | None = None
    previous = sequence[0] if sequence else None
    for s in sequence:
        raw = sign * _raw(s)
        if edge is not None:
            free = raw > edge if keep == "first" else raw < edge
            dropped = raw[~free]
            if not np.isin(dropped, np.concatenate(kept)).all():
                assert previous is not None
                raise _interleaved(dim, *((previous, s) if keep == "first" else (s, previous)), calendar)
            n = int(free.sum())
            parts[s.position] = (s.length - n, s.length) if keep == "first" else (0, n)
            raw = raw[free]
        if raw.size:
            kept.append(raw)
            edge = raw[-1].item() if keep == "first" else raw[0].item()
            previous = s


_STEP = re.compile(r"(\d*)\s*(D|h|H|min|s|MS|M|YS|Y)")
_SECONDS = {"D": 86400, "h": 3600, "H": 3600, "min": 60, "s": 1}


def _check_gaps(
    dim: str, slabs: list[Slab], parts: dict[int, tuple[int, int]], step: str, calendar: str | None
) -> None:
    used = [(s, _raw(s)[slice(*parts[s.position])]) for s in slabs if s.length]
    raw = np.concatenate([r for _, r in used])
    owners = np.concatenate([np.full(r.size, i) for i, (_, r) in enumerate(used)])
    match = _STEP.fullmatch(step)
    if match is None or (calendar is None and match[2]):
        raise CombineError(
            f"{step!r} is not a step of the coordinate {dim!r}", code="C033", hint="write 1D, 6h, 30min, 1MS, 1YS"
        )
    count = int(match[1] or 1)
    if match[2] in _SECONDS:
        assert used[0][0].values is not None
        scale = 10**9 if used[0][0].values.dtype == "m8[ns]" else 10**6
        numbers, expected = raw, count * _SECONDS[match[2]] * scale
    else:
        numbers = _months(raw, used[0][0], calendar or "standard")
        expected = count * (1 if match[2].startswith("M") else 12)
    wrong = np.flatnonzero(np.abs(np.diff(numbers)) != expected)
    if wrong.size:
        i = int(wrong[0])
        one, two = used[int(owners[i])][0], used[int(owners[i + 1])][0]
        raise CombineError(
            f"the coordinate {dim!r} is not regular at {step}: {wrong.size} odd steps, the first from "
            f"{_show(raw[i], one, calendar)} in {one.label} to {_show(raw[i + 1], two, calendar)} in {two.label}",
            code="C033",
            hint="add the inputs that are absent, or say combine: {gaps: allow}",
        )


def _months(raw: np.ndarray, s: Slab, calendar: str) -> np.ndarray:
    import cftime

    assert s.values is not None
    seconds = raw // (10**9 if s.values.dtype == "m8[ns]" else 10**6)
    dates = cftime.num2date(seconds, "seconds since 1970-01-01", calendar=calendar, only_use_cftime_datetimes=True)
    return np.array([d.year * 12 + d.month for d in np.atleast_1d(dates)], dtype=np.int64)
