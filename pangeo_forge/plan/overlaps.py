"""Which slices of which inputs a region of the target needs.

Inputs sit on a grid: one position per concat dimension, slabs of any length, starting anywhere (inputs may have been
sorted),
some missing, some trimmed because they duplicate others. All look-ups are binary searches, so a task of a dataset
with a
million inputs costs what its own inputs cost.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pangeo_forge.dataset.model import Index, Template
from pangeo_forge.plan.compact import Json, integers_from_json, integers_to_json

Region = tuple[slice, ...]


class Placed(Protocol):
    """What is needed of an array (ArrayTemplate and ArrayPlan both are)."""

    @property
    def dims(self) -> tuple[str, ...]: ...
    @property
    def merge(self) -> tuple[Index, ...] | None: ...


@dataclass(frozen=True)
class Overlap:
    """A piece of a region that one input holds."""

    index: Index
    """Position of the input."""
    ordinal: int
    """Number of that input in ``Template.positions``."""
    source: Region
    """What to read: one slice per dim of the array, in the input's own coordinates."""
    block: Region
    """Where to put it: one slice per dim, relative to the start of the region."""


@dataclass(frozen=True, eq=False)
class Slabs:
    """The inputs along one concat dimension, in the order of the target."""

    starts: np.ndarray
    """Where each slab's used part starts in the target, ascending (int64)."""
    stops: np.ndarray
    offsets: np.ndarray
    """Where the used part starts within its input."""
    positions: np.ndarray
    """Position of each slab along the concat key."""

    @property
    def longest(self) -> int:
        """Length of the longest slab."""
        return int((self.stops - self.starts).max(initial=0))

    def between(self, start: int, stop: int) -> Iterator[tuple[int, slice, slice]]:
        """(position, slice within the input, slice relative to ``start``) of all that [start, stop) needs."""
        first = int(np.searchsorted(self.stops, start, side="right"))
        for i in range(first, len(self.starts)):
            low, high = int(self.starts[i]), int(self.stops[i])
            if low >= stop:
                return
            a, b = max(low, start), min(high, stop)
            offset = int(self.offsets[i]) - low
            yield int(self.positions[i]), slice(a + offset, b + offset), slice(a - start, b - start)


class InputGrid:
    """Where the inputs lie in the target: all of a template that tasks need, small enough to be sent to workers.

    Attributes
    ----------
    concat_dims: one per concat key.
    shape: number of positions per concat key, then per merge key.
    flat: positions that hold an input, as C-order numbers in ``shape``, in the order of ``Template.positions``.
    slabs: per concat dim.
    """

    def __init__(
        self,
        concat_dims: Sequence[str],
        shape: Sequence[int],
        flat: np.ndarray,
        starts: Mapping[str, np.ndarray],
        lengths: Mapping[str, np.ndarray],
        trims: Mapping[str, Mapping[int, tuple[int, int]]] | None = None,
    ) -> None:
        self.concat_dims = tuple(concat_dims)
        self.shape = tuple(int(n) for n in shape)
        self.flat = np.asarray(flat, np.int64)
        self._starts = {d: np.asarray(starts[d], np.int64) for d in self.concat_dims}
        self._lengths = {d: np.asarray(lengths[d], np.int64) for d in self.concat_dims}
        self._trims = {d: {int(k): v for k, v in t.items()} for d, t in (trims or {}).items() if t}
        self.slabs = {d: _slabs(self._starts[d], self._lengths[d], self._trims.get(d, {})) for d in self.concat_dims}
        ordinals = np.full(int(np.prod(self.shape, dtype=np.int64)), -1, np.int32)
        ordinals[self.flat] = np.arange(len(self.flat), dtype=np.int32)
        self._ordinals = ordinals.reshape(self.shape)

    @classmethod
    def from_template(cls, template: Template) -> InputGrid:
        """The grid of ``template``."""
        lead = [len(template.lengths[d]) for d in template.concat_dims]
        positions = np.asarray(template.positions, np.int64).reshape(len(template.positions), -1)
        tail = (positions[:, len(lead) :].max(axis=0) + 1).tolist() if len(positions) else []
        shape = (*lead, *tail)
        flat = np.zeros(len(positions), np.int64)
        if shape:
            flat = np.asarray(np.ravel_multi_index(tuple(positions.T), shape), np.int64)
        return cls(template.concat_dims, shape, flat, template.starts, template.lengths, template.trims)

    def __len__(self) -> int:
        """Number of inputs."""
        return len(self.flat)

    def __reduce__(self) -> tuple[Any, ...]:
        return InputGrid, (self.concat_dims, self.shape, self.flat, self._starts, self._lengths, self._trims)

    def index(self, ordinal: int) -> Index:
        """Position of the input of that number."""
        return tuple(int(i) for i in np.unravel_index(int(self.flat[ordinal]), self.shape)) if self.shape else ()

    def overlaps(self, array: Placed, region: Region) -> Iterator[Overlap]:
        """All pieces of ``region`` (one slice per dim of ``array``) that inputs hold; missing inputs give none.

        Along concat dims that the array does not have, the first input that exists stands for all; likewise of
        several merge
        positions that hold the array.
        """
        axes = {d: array.dims.index(d) for d in self.concat_dims if d in array.dims}
        if any(s.stop <= s.start for s in region):
            return
        along = [list(self.slabs[d].between(region[a].start, region[a].stop)) for d, a in axes.items()]
        for parts in itertools.product(*along):
            found = self._find(dict(zip(axes, (p[0] for p in parts), strict=True)), array.merge)
            if found is None:
                continue
            source = [slice(s.start, s.stop) for s in region]
            block = [slice(0, s.stop - s.start) for s in region]
            for axis, (_, within, into) in zip(axes.values(), parts, strict=True):
                source[axis], block[axis] = within, into
            yield Overlap(found[0], found[1], tuple(source), tuple(block))

    def _find(self, at: Mapping[str, int], merge: tuple[Index, ...] | None) -> tuple[Index, int] | None:
        """The input to read: fixed along ``at``, the first that exists along the rest."""
        key = tuple(at.get(d, slice(None)) for d in self.concat_dims)
        n = len(self.concat_dims)
        tails: Sequence[Any] = [(slice(None),) * (len(self.shape) - n)] if merge is None else merge
        for tail in tails:
            if any(isinstance(i, int) and i >= size for i, size in zip(tail, self.shape[n:], strict=True)):
                continue
            part = self._ordinals[key + tuple(tail)]
            there = np.flatnonzero(np.ravel(part) >= 0) if np.ndim(part) else np.flatnonzero([part >= 0])
            if len(there):
                ordinal = int(np.ravel(part)[there[0]])
                return self.index(ordinal), ordinal
        return None

    def to_json(self) -> Json:
        """Compact: regular inputs of any number take a few hundred bytes."""
        return {
            "concat_dims": list(self.concat_dims),
            "shape": list(self.shape),
            "positions": integers_to_json(self.flat),
            "starts": {d: integers_to_json(v) for d, v in self._starts.items()},
            "lengths": {d: integers_to_json(v) for d, v in self._lengths.items()},
            "trims": {d: [[k, *v] for k, v in sorted(t.items())] for d, t in self._trims.items()},
        }

    @classmethod
    def from_json(cls, data: Json) -> InputGrid:
        """Inverse of :meth:`to_json`."""
        return cls(
            data["concat_dims"],
            data["shape"],
            integers_from_json(data["positions"]),
            {d: integers_from_json(v) for d, v in data["starts"].items()},
            {d: integers_from_json(v) for d, v in data["lengths"].items()},
            {d: {k: (a, b) for k, a, b in t} for d, t in data["trims"].items()},
        )


def _slabs(starts: np.ndarray, lengths: np.ndarray, trims: Mapping[int, tuple[int, int]]) -> Slabs:
    """Slabs in the order of the target.

    ``starts`` is where the *used* part of a position starts; a trim [a, b) cuts what is read of it, and so its extent.
    """
    offsets, counts = np.zeros_like(lengths), lengths.copy()
    for position, (a, b) in trims.items():
        offsets[position], counts[position] = a, b - a
    order = np.argsort(starts, kind="stable")
    order = order[counts[order] > 0]
    return Slabs(starts[order], starts[order] + counts[order], offsets[order], order)


_latest: tuple[weakref.ref[Template], InputGrid] | None = None


def input_grid(template: Template) -> InputGrid:
    """The grid of ``template``; the latest is remembered."""
    global _latest
    latest = _latest
    if latest is None or latest[0]() is not template:
        latest = _latest = (weakref.ref(template), InputGrid.from_template(template))
    return latest[1]


def overlaps(template: Template, array: Placed, region: Region) -> Iterator[Overlap]:
    """All pieces of ``region`` of ``array`` that the inputs of ``template`` hold (see :meth:`InputGrid.overlaps`)."""
    return input_grid(template).overlaps(array, region)
