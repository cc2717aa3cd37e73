"""Where the chunks of an input come to lie in the grid of the whole dataset, if they fit into it at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pangeo_forge.errors import TargetError
from pangeo_forge.inputs.lazy import Access
from pangeo_forge.plan.overlaps import InputGrid, Region
from pangeo_forge.targets.byte_ranges import ChunkForm, StoredArray, flat_chunks

REMEDY = "use `format: zarr`, which copies and rechunks"


@dataclass(frozen=True, eq=False)
class Piece:
    """Byte ranges of the chunks of one array that one input holds."""

    array: str
    url: str
    corner: tuple[int, ...]
    """Number of the first chunk in the target's grid."""
    offsets: np.ndarray
    """int64, shape of the part of the grid; -1: a chunk that was never written."""
    sizes: np.ndarray
    modified: datetime | None = None
    """When the input was last changed, as far as its server says."""


def steps_along(grid: InputGrid, dims: Sequence[str], shape: Sequence[int]) -> tuple[int, ...]:
    """Per dim: what chunk lengths must divide so that every input begins and ends at a chunk's edge."""
    steps = []
    for dim, size in zip(dims, shape, strict=True):
        slabs = grid.slabs.get(dim)
        edges = [size] if slabs is None else np.concatenate([slabs.starts, slabs.stops, slabs.offsets])
        steps.append(int(np.gcd.reduce(edges)) or 1)
    return tuple(steps)


def cut(stored: StoredArray, access: Access, steps: Sequence[int]) -> StoredArray:
    """Chunks for an array that lies in one piece, chosen so that they fit ``steps`` (per dim of the view)."""
    if stored.flat is None:
        return stored
    along = []
    for axis, pick in enumerate(access.picks):
        if isinstance(pick, int) or axis not in access.axes:
            along.append(1)
        else:
            along.append(math.gcd(steps[access.axes.index(axis)], pick[0]))
    return stored.cut(flat_chunks(stored.shape, stored.flat.strides, stored.flat.dtype.itemsize, tuple(along)))


def form_of(stored: StoredArray, access: Access) -> ChunkForm:
    """The form that chunks have along the view's dims.

    Raises
    ------
    TargetError: T070 the view changes what lies in a chunk (axes exchanged, steps, one position out of several).
    """
    chunks = stored.chunks or stored.shape
    taken = [a for a in access.axes if a is not None and chunks[a] > 1]
    if taken != sorted(taken):
        raise _changed("its dimensions are in another order than in the files")
    for axis, pick in enumerate(access.picks):
        if (axis not in access.axes or isinstance(pick, int)) and chunks[axis] != 1:
            raise _changed("one position of a dimension is taken out of chunks that hold several")
        if not isinstance(pick, int) and pick[2] != 1 and stored.shape[axis] > 1:
            raise _changed("it is reversed or thinned out")
    return ChunkForm.of(stored, tuple(1 if a is None else chunks[a] for a in access.axes))


def _changed(why: str) -> TargetError:
    return TargetError(why, code="T070", hint=REMEDY)


def place(
    name: str, url: str, stored: StoredArray, access: Access, source: Region, target: Region, shape: Sequence[int]
) -> Piece:
    """The chunks of an input that make ``target`` of the whole array.

    Parameters
    ----------
    source, target: one slice per dim, in the view's and in the whole array's coordinates.

    Raises
    ------
    TargetError: T072 a chunk would lie across an edge.
    """
    chunks = stored.chunks or stored.shape
    picked: list[slice] = []
    for axis, pick in enumerate(access.picks):
        if isinstance(pick, int) or axis not in access.axes:
            at = pick if isinstance(pick, int) else pick[0]
            picked.append(slice(at, at + 1))
            continue
        dim = access.axes.index(axis)
        first = source[dim].start + pick[0]
        last = first + source[dim].stop - source[dim].start
        picked.append(_whole(name, dim, chunks[axis], slice(first, last), target[dim], shape[dim]))
    if stored.offsets is None or stored.sizes is None:
        raise ValueError("a flat array has to be cut first")
    order = [a for a in access.axes if a is not None]
    key = tuple(picked)
    offsets, sizes = (_seen(part[key], order, access.axes) for part in (stored.offsets, stored.sizes))
    lengths = [1 if a is None else chunks[a] for a in access.axes]
    corner = tuple(t.start // c for t, c in zip(target, lengths, strict=True))
    return Piece(name, url, corner, np.ascontiguousarray(offsets), np.ascontiguousarray(sizes))


def _whole(name: str, dim: int, chunk: int, source: slice, target: slice, size: int) -> slice:
    """Numbers of the source's chunks, if they are the target's chunks too."""
    ends = source.stop % chunk == 0 or target.stop == size
    if source.start % chunk or target.start % chunk or not ends:
        raise TargetError(
            f"chunks of {chunk} along dimension {dim + 1} of {name} do not begin and end where the input does: it gives "
            f"{target.start} to {target.stop} of {size}",
            code="T072",
            hint=REMEDY,
        )
    return slice(source.start // chunk, -(-source.stop // chunk))


def _seen(part: np.ndarray, order: Sequence[int], axes: Sequence[int | None]) -> np.ndarray:
    """A part of a grid of chunks as the view has it: dropped axes dropped, the others in its order, new ones added."""
    dropped = tuple(a for a in range(part.ndim) if a not in order)
    kept = np.squeeze(part, axis=dropped) if dropped else part
    left = [a for a in range(part.ndim) if a in order]
    turned = kept.transpose([left.index(a) for a in order])
    return turned[(*(None if a is None else slice(None) for a in axes), ...)]


def check_fill(name: str, stored: StoredArray, fill: object) -> None:
    """Chunks that were never written must mean in Zarr what they mean in the file.

    Raises
    ------
    TargetError: T074.
    """
    offsets = stored.offsets
    if offsets is None or (offsets >= 0).all():
        return
    meant = np.frombuffer(stored.fill, stored.dtype)[0] if stored.fill else np.zeros((), stored.dtype)[()]
    same = fill is not None and np.array_equal(
        np.asarray(meant), np.asarray(fill).astype(meant.dtype), equal_nan=meant.dtype.kind in "fc"
    )
    if not same:
        raise TargetError(
            f"chunks of {name} that were never written mean {meant!r} in the file, and {fill!r} in Zarr",
            code="T074",
            hint=REMEDY,
        )


Forms = Mapping[str, ChunkForm]
"""By array."""
