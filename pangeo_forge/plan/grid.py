"""Chunk grids: how long the chunks and shards of an array are along each dimension. Pure functions over integers."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pangeo_forge.errors import PlanError
from pangeo_forge.plan.layout import Layout, VariableLayout, format_bytes
from pangeo_forge.plan.misfits import Misfit

STRING_BYTES = 64
"""Bytes reckoned for one variable-length string in memory (pointer, object header, a short text)."""
SMALL = 1_000_000
"""An array of at most this many bytes that no input divides is one chunk."""
COORDINATE_LIMIT = 128_000_000
"""A dimension coordinate is one chunk up to this many bytes."""
APPEND_COORDINATE_CHUNK = 16_384
"""Least chunk length of a coordinate along the dimension that is appended to: it stays one chunk for years of
appends."""


@dataclass(frozen=True)
class Grid:
    """Chunk and shard lengths of one array. ``shards`` is None when a chunk is an object of its own."""

    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None = None

    @property
    def granule(self) -> tuple[int, ...]:
        """What is one object in the store, so the least that a task may write: the shard, else the chunk."""
        return self.shards or self.chunks


def itemsize(dtype: str) -> int:
    """Bytes of one element in memory; a guess for variable-length strings."""
    return STRING_BYTES if dtype == "str" else np.dtype(dtype).itemsize


def make_grid(
    name: str,
    dims: Sequence[str],
    shape: Sequence[int],
    dtype: str,
    layout: Layout,
    *,
    concat_dims: Sequence[str] = (),
    one_chunk: bool = False,
) -> Grid:
    """The grid of one array as the recipe asks.

    Parameters
    ----------
    concat_dims: dims of the array along which inputs are concatenated; ``auto`` divides them first.
    one_chunk: it is a coordinate whose values are known, so one chunk is written once, whatever the recipe's chunks.

    Raises
    ------
    PlanError: P202 unknown dimension, P203 impossible length, P204 shard no multiple of its chunk, P205 shards in
    Zarr v2.
    """
    own = layout.of(name)
    if own.chunks is None and is_single(name, dims, shape, dtype, one_chunk=one_chunk, concat_dims=concat_dims):
        return Grid(_single_chunk(dims, shape, layout.append))
    if own.chunks is not None:
        chunks = explicit_chunks(dims, shape, own.chunks, where=f"target.variables.{name}.chunks", append=layout.append)
    elif layout.chunks == "auto":
        chunks = auto_chunks(dims, shape, itemsize(dtype), layout.chunk_bytes, layout.chunk_ratio, concat_dims)
    else:
        chunks = explicit_chunks(dims, shape, layout.chunks, where="target.chunks", append=layout.append)
    return Grid(chunks, make_shards(name, dims, shape, chunks, itemsize(dtype), layout, own))


def is_single(
    name: str,
    dims: Sequence[str],
    shape: Sequence[int],
    dtype: str,
    *,
    one_chunk: bool = False,
    concat_dims: Sequence[str] = (),
) -> bool:
    """Whether an array is one chunk whatever the recipe's chunks: scalars, coordinates that are read on every open,
    small ones."""
    size = math.prod(shape) * itemsize(dtype)
    if not dims:
        return True
    if (tuple(dims) == (name,) or one_chunk) and size <= COORDINATE_LIMIT:
        return True
    return not concat_dims and size <= SMALL


def _single_chunk(dims: Sequence[str], shape: Sequence[int], append: str | None) -> tuple[int, ...]:
    return tuple(
        max(APPEND_COORDINATE_CHUNK, 2 ** (2 * n - 1).bit_length()) if d == append else max(1, n)
        for d, n in zip(dims, shape, strict=True)
    )


def explicit_chunks(
    dims: Sequence[str], shape: Sequence[int], chunks: Mapping[str, int], *, where: str, append: str | None = None
) -> tuple[int, ...]:
    """Chunk lengths of ``{dim: n}``; -1 and absent dims are whole. Longer than the dimension is cut, but not along
    ``append``."""
    result = []
    for dim, size in zip(dims, shape, strict=True):
        n = chunks.get(dim, -1)
        if n == 0 or n < -1:
            raise PlanError(
                f"{where}.{dim}: {n} is not a chunk length",
                code="P203",
                hint="write a number of 1 or more, or -1 for all",
            )
        whole = max(1, size)
        result.append(whole if n == -1 else n if dim == append else min(n, whole))
    return tuple(result)


def unknown_dims(named: Mapping[str, object], known: Sequence[str], where: tuple[str, ...]) -> list[Misfit]:
    """Dimensions that are named at a place of the recipe, and that the dataset does not have."""
    found = []
    for dim in named:
        if dim not in known:
            near = difflib.get_close_matches(dim, list(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "take it out"
            found.append(Misfit("P202", (*where, dim), f"the dataset has no dimension {dim!r}", hint))
    return found


def auto_chunks(
    dims: Sequence[str],
    shape: Sequence[int],
    item: int,
    chunk_bytes: int,
    ratio: Mapping[str, float],
    concat_dims: Sequence[str] = (),
) -> tuple[int, ...]:
    """Largest chunks of at most ``chunk_bytes``, dividing dimensions in proportion to ``ratio``.

    The number of chunks along each dimension is proportional to its weight (the "aspect ratio of the number of
    chunks" of
    the dynamic chunking in pangeo-forge-recipes 0.10). Without a ratio the concat dims are divided first, which
    keeps what is one input in one piece, and the others only when one slab is still too large.
    """
    weights = {d: ratio.get(d, -1.0) for d in dims}
    if not any(w > 0 for w in weights.values()):
        weights = {d: (1.0 if d in concat_dims else -1.0) for d in dims}
    chunks = _divide(dims, shape, item, chunk_bytes, weights)
    if math.prod(chunks) * item > chunk_bytes and not any(d in ratio for d in dims):
        rest = {d: (-1.0 if weights[d] > 0 else 1.0) for d in dims}
        chunks = _divide(dims, chunks, item, chunk_bytes, rest)
    return chunks


def _divide(
    dims: Sequence[str], shape: Sequence[int], item: int, limit: int, weights: Mapping[str, float]
) -> tuple[int, ...]:
    def lengths(k: float) -> tuple[int, ...]:
        return tuple(
            math.ceil(max(1, n) / min(max(1, n), max(1, math.floor(k * weights[d])))) if weights[d] > 0 else max(1, n)
            for d, n in zip(dims, shape, strict=True)
        )

    low, high = 0.0, max([n / weights[d] for d, n in zip(dims, shape, strict=True) if weights[d] > 0], default=0.0) + 1
    if math.prod(lengths(low)) * item <= limit or math.prod(lengths(high)) * item > limit:
        return lengths(low) if math.prod(lengths(low)) * item <= limit else lengths(high)
    for _ in range(64):
        middle = (low + high) / 2
        if math.prod(lengths(middle)) * item <= limit:
            high = middle
        else:
            low = middle
    return lengths(high)


def make_shards(
    name: str,
    dims: Sequence[str],
    shape: Sequence[int],
    chunks: tuple[int, ...],
    item: int,
    layout: Layout,
    own: VariableLayout,
) -> tuple[int, ...] | None:
    """Shard lengths, or None when the recipe asks for none or a shard would hold one chunk."""
    asked = own.shards if own.shards is not None else layout.shards
    if not asked and layout.shard_bytes is None:
        return None
    if layout.zarr_format != 3:
        raise PlanError(
            "target.shards: Zarr v2 has no shards", code="P205", hint="take shards out, or set target.zarr_format: 3"
        )
    counts = [math.ceil(max(1, n) / c) for n, c in zip(shape, chunks, strict=True)]
    shards = (
        _asked_shards(name, dims, chunks, counts, asked) if asked else _shards_of_bytes(chunks, counts, item, layout)
    )
    return None if shards == chunks else shards


def _asked_shards(
    name: str, dims: Sequence[str], chunks: tuple[int, ...], counts: Sequence[int], asked: Mapping[str, int]
) -> tuple[int, ...]:
    shards = []
    for dim, chunk, count in zip(dims, chunks, counts, strict=True):
        n = asked.get(dim, chunk)
        if n != -1 and (n < chunk or n % chunk) and n < chunk * count:
            low = max(chunk, n // chunk * chunk)
            raise PlanError(
                f"target.shards.{dim}: {n} is not a multiple of the chunk length {chunk} of {name}",
                code="P204",
                hint=f"write {dim}: {low} or {low + chunk}",
            )
        shards.append(chunk * count if n == -1 else min(n // chunk, count) * chunk or chunk)
    return tuple(shards)


def _shards_of_bytes(chunks: tuple[int, ...], counts: Sequence[int], item: int, layout: Layout) -> tuple[int, ...]:
    limit = layout.shard_bytes or 0
    chunk_bytes = math.prod(chunks) * item
    if limit < chunk_bytes:
        raise PlanError(
            f"target.shard_bytes: {format_bytes(limit)} is less than one chunk ({format_bytes(chunk_bytes)})",
            code="P204",
            hint="ask for larger shards or smaller chunks",
        )
    room, shards = limit // chunk_bytes, list(chunks)
    # From the last dimension to the first, so that a shard is as contiguous as can be in C order.
    for axis in reversed(range(len(chunks))):
        take = min(room, counts[axis])
        shards[axis], room = chunks[axis] * take, room // take
    return tuple(shards)
