"""Projected memory and reading of a task: a model over integers, checked against measured peaks by a test.

The model, for one task that writes a block of several arrays:

- *buffers*: the block of every array is held at once, because an input is opened once and gives its part of each;
- *reading*: each codec thread holds one storage chunk twice (as stored and as decoded) and, where values are recoded,
the
  piece of one input twice in double precision;
- *encoding*: each codec thread that has an object to make holds one encoded chunk (as large as the raw one at worst)
  and a contiguous copy of the raw one unless it lies so in the block already; a shard is assembled from its chunks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pangeo_forge.plan.grid import itemsize
from pangeo_forge.plan.overlaps import Slabs
from pangeo_forge.plan.plan import ArrayPlan

MAX_BOUNDARIES = 100_000
"""Block boundaries that are looked at one by one; of more, evenly spread ones stand for all."""


@dataclass(frozen=True)
class Resources:
    """What the work may use."""

    max_memory: int = 2_000_000_000
    """Bytes that one worker process may use for data (beside some 350 MB of program)."""
    concurrency: int = 1
    """Tasks that one worker process runs at once."""
    threads: int = 2
    """Codec threads of one worker process, shared by its tasks."""
    workers: int = 1
    """Worker processes; together with ``concurrency`` it says how many tasks keep all busy."""
    max_amplification: float = 2.0
    """Read amplification above which a second pass is cheaper."""

    @property
    def task_memory(self) -> int:
        """Bytes allowed to one task."""
        return self.max_memory // self.concurrency

    @property
    def task_threads(self) -> int:
        """Codec threads that one task has at most when all tasks are busy."""
        return -(-self.threads // self.concurrency)


@dataclass(frozen=True)
class Source:
    """How an array is stored where a task reads it."""

    chunks: tuple[int, ...] | None
    """Storage chunks along the array's dims; None: any slice is read without its surroundings."""
    slabs: Mapping[str, Slabs]
    """Inputs along concat dims; empty for intermediate arrays."""
    recode: bool = False


def task_memory(
    arrays: Sequence[ArrayPlan], sources: Mapping[str, Source], block: Mapping[str, int], threads: int
) -> int:
    """Projected peak of one task in bytes (see the module's docstring)."""
    buffers, reading, encoding, objects = 0, 0, 0, 0
    for array in arrays:
        item = itemsize(array.dtype)
        extent = tuple(min(block[d], n) for d, n in zip(array.dims, array.shape, strict=True))
        buffers += math.prod(extent) * item
        reading = max(reading, _reading(array, sources[array.name], extent))
        encoding = max(encoding, _encoding(array, extent))
        objects += math.prod(-(-n // g) for n, g in zip(extent, array.granule, strict=True))
    return buffers + threads * reading + min(threads, objects) * encoding


def _reading(array: ArrayPlan, source: Source, extent: Sequence[int]) -> int:
    piece = [
        min(n, _longest(source.slabs[d])) if d in source.slabs else n for d, n in zip(array.dims, extent, strict=True)
    ]
    if source.chunks is None:
        stored = math.prod(piece)
    else:
        stored = math.prod(
            min(c, _longest(source.slabs[d]) if d in source.slabs else n)
            for d, c, n in zip(array.dims, source.chunks, array.shape, strict=True)
        )
    recoded = 2 * 8 * math.prod(piece) if source.recode else 0
    return 2 * stored * itemsize(array.dtype) + recoded


def _encoding(array: ArrayPlan, extent: Sequence[int]) -> int:
    item = itemsize(array.dtype)
    chunk, granule = math.prod(array.chunks) * item, math.prod(array.granule) * item
    # What reaches over the array's end is padded, so copied.
    padded = any(n % g for n, g in zip(array.shape, array.granule, strict=True))
    if array.shards is not None:
        return (2 if padded else 1) * granule + 2 * chunk
    return chunk if is_contiguous(array.chunks, extent) and not padded else 2 * chunk


def is_contiguous(chunk: Sequence[int], block: Sequence[int]) -> bool:
    """Whether a whole chunk lies contiguous in a C-order block."""
    axis = next((i for i, c in enumerate(chunk) if c > 1), len(chunk))
    return all(c == b for c, b in zip(chunk[axis + 1 :], block[axis + 1 :], strict=True)) and all(
        c <= b for c, b in zip(chunk, block, strict=True)
    )


def _longest(slabs: Slabs) -> int:
    return max(1, slabs.longest)


def cut_length(size: int, block: int, chunk: int | None, slabs: Slabs | None) -> tuple[int, int]:
    """What block boundaries along one dimension cost.

    Each boundary inside a storage chunk makes that chunk be read once more.

    Returns
    -------
    Elements read beyond ``size``, and number of inputs that are opened once more.
    """
    boundaries = np.arange(block, size, block, dtype=np.int64) if block < size else np.zeros(0, np.int64)
    if not len(boundaries):
        return 0, 0
    weight = 1.0
    if len(boundaries) > MAX_BOUNDARIES:
        weight = len(boundaries) / MAX_BOUNDARIES
        boundaries = boundaries[np.linspace(0, len(boundaries) - 1, MAX_BOUNDARIES).astype(np.int64)]
    if slabs is None:
        if chunk is None:
            return 0, 0
        inside = boundaries[boundaries % chunk != 0]
        lengths = np.minimum(chunk, size - inside // chunk * chunk)
        return int(lengths.sum() * weight), 0
    at = np.searchsorted(slabs.starts, boundaries, side="right") - 1
    held = (at >= 0) & (boundaries < slabs.stops[np.maximum(at, 0)])
    at, boundaries = at[held], boundaries[held]
    cut = boundaries > slabs.starts[at]
    at, boundaries = at[cut], boundaries[cut]
    opened = int(len(at) * weight)
    if chunk is None:
        return 0, opened
    within = boundaries - slabs.starts[at] + slabs.offsets[at]
    inside = within % chunk != 0
    at, within = at[inside], within[inside]
    lengths = np.minimum(chunk, slabs.stops[at] - slabs.starts[at] + slabs.offsets[at] - within // chunk * chunk)
    return int(lengths.sum() * weight), opened
