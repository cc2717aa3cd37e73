"""Two passes through intermediate chunks, for layouts whose chunks cut across the inputs' in every direction.

The method is rechunker's (R. Abernathey, T. Augspurger and others, "Rechunker: the missing link for chunked array
analytics", 2020, and its ``algorithm.py``): consolidate what is read and what is written up to the memory allowed, and
put between them chunks that are the smaller of both along each dimension. Then the first pass reads every input chunk
once and writes whole intermediate chunks; the second reads each of these once and writes whole target chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pangeo_forge.plan.blocks import OPEN_BYTES, Workload, granules_of, make_group, reading_cost, sizes_of
from pangeo_forge.plan.memory import Resources, Source
from pangeo_forge.plan.plan import ArrayPlan, TaskGroup

INTERMEDIATE_COMPRESSOR = {"name": "blosc", "cname": "lz4", "level": 1, "shuffle": "bitshuffle"}
"""Written and read once, so speed counts more than size."""

OBJECT_BYTES = 200_000
"""Writing and reading back one intermediate object costs about as much as decoding this many bytes (0.4 ms)."""

SECOND_PASS = 1.0
"""What writing and reading back costs, in times of decoding the inputs once: an estimate, on the careful side."""


@dataclass(frozen=True)
class Passes:
    """The two-pass way to write some arrays."""

    arrays: tuple[ArrayPlan, ...]
    """Intermediate arrays."""
    gather: tuple[TaskGroup, ...]
    scatter: tuple[TaskGroup, ...]

    @property
    def cost(self) -> float:
        """Bytes decoded and moved, to compare with a direct plan's bytes read."""
        moved = sum(g.bytes_read for g in self.gather) + SECOND_PASS * sum(s.bytes_read for s in self.scatter)
        return moved + OBJECT_BYTES * sum(a.n_chunks for a in self.arrays)


def two_passes(work: Workload, arrays: Sequence[ArrayPlan], resources: Resources) -> Passes | None:
    """The cheapest two-pass plan of ``arrays``: all together, or one by one; None when none fits in memory."""
    together = _passes(work, arrays, resources)
    alone = [_passes(work, [a], resources) for a in arrays] if len(arrays) > 1 else []
    if alone and all(p is not None for p in alone):
        parts = [p for p in alone if p is not None]
        apart = Passes(
            tuple(a for p in parts for a in p.arrays),
            tuple(g for p in parts for g in p.gather),
            tuple(s for p in parts for s in p.scatter),
        )
        # One by one opens every input once per array, but has longer intermediate chunks.
        again = (len(arrays) - 1) * len(work.inputs) * OPEN_BYTES
        if together is None or apart.cost + again < together.cost:
            return apart
    return together


def _passes(work: Workload, arrays: Sequence[ArrayPlan], resources: Resources) -> Passes | None:
    sizes, granules = sizes_of(arrays), granules_of(arrays)
    order = list(sizes)
    unit = _input_unit(work, arrays, sizes)

    def reads(block: Mapping[str, int]) -> int:
        return reading_cost(_with_chunks(arrays, block), work.sources, block, resources.task_threads).memory

    def writes(block: Mapping[str, int]) -> int:
        sources = {
            a.name: Source(tuple(min(block[d], n) for d, n in zip(a.dims, a.shape, strict=True)), {}) for a in arrays
        }
        return reading_cost(arrays, sources, block, resources.task_threads).memory

    read = consolidate(sizes, unit, _undivided_first(order, work), reads, resources.task_memory)
    write = consolidate(sizes, granules, _divided_first(order, work), writes, resources.task_memory)
    if read is None or write is None:
        return None
    read = align(sizes, read, write)
    between = {d: min(read[d], write[d]) for d in sizes}
    intermediate = _with_chunks(arrays, between)
    sources = {a.name: Source(a.chunks, {}) for a in intermediate}
    gather = reading_cost(intermediate, work.sources, read, resources.task_threads)
    scatter = reading_cost(arrays, sources, write, resources.task_threads)
    if max(gather.memory, scatter.memory) > resources.task_memory:
        return None
    return Passes(intermediate, (make_group(intermediate, read, gather),), (make_group(arrays, write, scatter),))


def consolidate(
    sizes: Mapping[str, int],
    unit: Mapping[str, int],
    order: Sequence[str],
    memory: Callable[[Mapping[str, int]], int],
    limit: int,
) -> dict[str, int] | None:
    """Grow ``unit`` by whole multiples, one dimension of ``order`` after the other, as far as ``memory`` stays within
    ``limit``.

    Returns None when one unit does not fit.
    """
    block = {d: min(unit[d], -(-sizes[d] // unit[d]) * unit[d]) for d in sizes}
    if memory(block) > limit:
        return None
    for dim in order:
        low, high = 1, -(-sizes[dim] // unit[dim])
        while low < high:
            middle = (low + high + 1) // 2
            if memory({**block, dim: middle * unit[dim]}) <= limit:
                low = middle
            else:
                high = middle - 1
        block[dim] = low * unit[dim]
    return block


def align(sizes: Mapping[str, int], read: Mapping[str, int], write: Mapping[str, int]) -> dict[str, int]:
    """Shorten the read block so that its blocks are unions of whole intermediate chunks, and write blocks too where
    possible."""
    result = {}
    for dim, size in sizes.items():
        r, w = read[dim], write[dim]
        if r >= w:
            result[dim] = r if r >= size else r // w * w
        elif w >= size:
            # Spread evenly over the dimension, so that the last block is not a sliver.
            result[dim] = -(-size // -(-size // r))
        else:
            result[dim] = next((n for n in range(r, r // 2, -1) if w % n == 0), r)
    return result


def _input_unit(work: Workload, arrays: Sequence[ArrayPlan], sizes: Mapping[str, int]) -> dict[str, int]:
    """Length along each dim that reads no storage chunk in part."""
    unit = dict.fromkeys(sizes, 1)
    for array in arrays:
        source = work.sources[array.name]
        for axis, dim in enumerate(array.dims):
            chunk = 1 if source.chunks is None else source.chunks[axis]
            if dim in source.slabs:
                chunk = min(chunk, max(1, source.slabs[dim].longest))
            unit[dim] = max(unit[dim], min(chunk, sizes[dim]))
    return unit


def _undivided_first(order: Sequence[str], work: Workload) -> list[str]:
    """Dims in which inputs are read whole first (innermost first), then the concat dims."""
    concat = set(work.inputs.concat_dims)
    return [d for d in reversed(order) if d not in concat] + [d for d in reversed(order) if d in concat]


def _divided_first(order: Sequence[str], work: Workload) -> list[str]:
    """Innermost dims first, then the concat dims: target chunks are long there already."""
    return _undivided_first(order, work)


def _with_chunks(arrays: Sequence[ArrayPlan], chunks: Mapping[str, int]) -> tuple[ArrayPlan, ...]:
    """``arrays`` as intermediate ones in those chunks."""
    return tuple(
        replace(
            a,
            chunks=tuple(min(chunks[d], max(1, n)) for d, n in zip(a.dims, a.shape, strict=True)),
            shards=None,
            compressor=INTERMEDIATE_COMPRESSOR if a.dtype != "str" else a.compressor,
            attrs={},
        )
        for a in arrays
    )
