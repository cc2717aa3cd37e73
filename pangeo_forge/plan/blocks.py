"""Which arrays are written together, and how large a block each task writes.

The choice weighs, in bytes decoded: what is read (storage chunks cut by block boundaries are read again), opening
inputs,
starting tasks, and workers without work. A block starts as one granule (chunk or shard) and grows where that
lowers the cost, within the memory allowed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pangeo_forge.dataset.model import ArrayTemplate
from pangeo_forge.errors import PlanError
from pangeo_forge.plan.grid import itemsize
from pangeo_forge.plan.layout import format_bytes
from pangeo_forge.plan.memory import Resources, Source, cut_length, task_memory
from pangeo_forge.plan.overlaps import InputGrid
from pangeo_forge.plan.plan import ArrayPlan, TaskGroup

OPEN_BYTES = 1_000_000
"""Opening an input costs about as much as decoding this many bytes (2 ms at 500 MB/s)."""
TASK_BYTES = 1_000_000
"""Starting a task costs about as much as decoding this many bytes."""
WORTH = 0.98
"""A larger block must lower the cost to this share of it."""


@dataclass(frozen=True)
class Cost:
    """What a choice of block costs."""

    memory: int
    read: int
    """Uncompressed bytes decoded, amplification included."""
    needed: int
    """Uncompressed bytes written."""
    opens: int
    n_tasks: int

    @property
    def amplification(self) -> float:
        """Bytes decoded over bytes needed."""
        return self.read / self.needed if self.needed else 1.0

    def weigh(self, parts: int, want: int) -> float:
        """Cost in bytes, with idle workers counted: ``parts`` such groups run together on ``want`` slots."""
        tasks = max(1, self.n_tasks * parts)
        idle = math.ceil(tasks / want) * want / tasks
        return (self.read + self.opens * OPEN_BYTES + self.n_tasks * TASK_BYTES) * idle


class Workload:
    """All that blocks are chosen from: arrays, how inputs store them, and where inputs lie."""

    def __init__(self, arrays: Sequence[ArrayPlan], templates: Mapping[str, ArrayTemplate], inputs: InputGrid) -> None:
        self.arrays: tuple[ArrayPlan, ...] = tuple(arrays)
        self.inputs = inputs
        self.sources = {
            a.name: Source(
                _clip(templates[a.name].storage_chunks, a.shape),
                {d: inputs.slabs[d] for d in inputs.concat_dims if d in a.dims},
                a.recode,
            )
            for a in arrays
        }

    @property
    def to_write(self) -> list[ArrayPlan]:
        """Arrays that tasks write: those whose values are not known yet."""
        return [a for a in self.arrays if a.values is None and 0 not in a.shape]

    def cost(self, arrays: Sequence[ArrayPlan], block: Mapping[str, int], resources: Resources) -> Cost:
        """Cost of writing ``arrays`` in blocks of ``block`` straight from the inputs."""
        return reading_cost(arrays, self.sources, block, resources.task_threads)


def _clip(chunks: tuple[int, ...] | None, shape: Sequence[int]) -> tuple[int, ...] | None:
    if chunks is None or len(chunks) != len(shape):
        return None
    return tuple(max(1, min(c, n)) for c, n in zip(chunks, shape, strict=True))


def reading_cost(
    arrays: Sequence[ArrayPlan], sources: Mapping[str, Source], block: Mapping[str, int], threads: int
) -> Cost:
    """Cost of writing ``arrays`` in blocks of ``block`` from ``sources``."""
    read, needed, opens = 0, 0, 0
    sizes: dict[str, int] = {}
    for array in arrays:
        source, elements, opened = sources[array.name], 1, 1
        for axis, (dim, size) in enumerate(zip(array.dims, array.shape, strict=True)):
            sizes[dim] = size
            chunk = None if source.chunks is None else source.chunks[axis]
            slabs = source.slabs.get(dim)
            more, again = cut_length(size, block[dim], chunk, slabs)
            elements *= size + more
            opened *= -(-size // block[dim]) if slabs is None else len(slabs.starts) + again
        read += elements * itemsize(array.dtype)
        needed += array.nbytes
        opens = max(opens, opened)
    n_tasks: int = math.prod(-(-n // block[d]) for d, n in sizes.items())
    return Cost(task_memory(arrays, sources, block, threads), read, needed, opens, n_tasks)


def group_arrays(arrays: Sequence[ArrayPlan]) -> list[list[ArrayPlan]]:
    """Arrays that tasks can write together: the same inputs hold them, and their granules agree along every shared dim.

    An array may bring dims of its own when it is not divided along them (``nv`` of ``time_bnds``).
    """
    groups: list[tuple[dict[str, int], list[ArrayPlan]]] = []
    for array in sorted(arrays, key=lambda a: -a.nbytes):
        own = dict(zip(array.dims, array.granule, strict=True))
        whole = {d for d, g, n in zip(array.dims, array.granule, array.shape, strict=True) if g >= n}
        for granules, members in groups:
            if (
                members[0].merge == array.merge
                and any(d in granules for d in own)
                and all(granules[d] == own[d] if d in granules else d in whole for d in own)
            ):
                granules.update(own)
                members.append(array)
                break
        else:
            groups.append((own, [array]))
    order = {a.name: i for i, a in enumerate(arrays)}
    return [sorted(members, key=lambda a: order[a.name]) for _, members in groups]


def choose_blocks(work: Workload, arrays: Sequence[ArrayPlan], resources: Resources) -> list[TaskGroup]:
    """Task groups that write ``arrays``: one, or one per array when that reads less within the memory allowed.

    Raises
    ------
    PlanError: P220 when a single chunk of an array does not fit.
    """
    want = resources.workers * resources.concurrency
    best: tuple[float, list[TaskGroup]] | None = None
    for parts in ([list(arrays)], [[a] for a in arrays]) if len(arrays) > 1 else ([list(arrays)],):
        chosen = [_grow(work, part, resources, len(parts), want) for part in parts]
        if any(c is None for c in chosen):
            continue
        total = sum(c[1].weigh(len(parts), want) for c in chosen if c is not None)
        if best is None or total < best[0] * WORTH:
            best = total, [make_group(p, c[0], c[1]) for p, c in zip(parts, chosen, strict=True) if c is not None]
    if best is None:
        raise _too_large(work, arrays, resources)
    return best[1]


def make_group(arrays: Sequence[ArrayPlan], block: Mapping[str, int], cost: Cost) -> TaskGroup:
    """The group of ``arrays`` in blocks of ``block``."""
    sizes = sizes_of(arrays)
    return TaskGroup(
        arrays=tuple(a.name for a in arrays),
        dims=tuple(sizes),
        shape=tuple(sizes.values()),
        block=tuple(block[d] for d in sizes),
        memory=cost.memory,
        amplification=round(cost.amplification, 4),
        bytes_read=cost.read,
        bytes_written=cost.needed,
    )


def sizes_of(arrays: Sequence[ArrayPlan]) -> dict[str, int]:
    """All dims of ``arrays``, those of the widest array first and in its order."""
    sizes: dict[str, int] = {}
    for array in sorted(arrays, key=lambda a: -len(a.dims)):
        sizes.update({d: n for d, n in zip(array.dims, array.shape, strict=True) if d not in sizes})
    return sizes


def granules_of(arrays: Sequence[ArrayPlan]) -> dict[str, int]:
    """Granule along every dim of ``arrays``."""
    return {d: g for a in arrays for d, g in zip(a.dims, a.granule, strict=True)}


def _grow(
    work: Workload, arrays: Sequence[ArrayPlan], resources: Resources, parts: int, want: int
) -> tuple[dict[str, int], Cost] | None:
    """Best block, grown from one granule; None when even that does not fit."""
    sizes, granules = sizes_of(arrays), granules_of(arrays)
    block, cost = dict(granules), work.cost(arrays, granules, resources)
    if cost.memory > resources.task_memory:
        return None
    while True:
        options = []
        for dim, size in sizes.items():
            for length in _longer(block[dim], granules[dim], size):
                option = {**block, dim: length}
                estimate = work.cost(arrays, option, resources)
                if estimate.memory <= resources.task_memory:
                    options.append((estimate.weigh(parts, want), estimate.memory, option, estimate))
        if not options:
            return block, cost
        weight, _, option, estimate = min(options, key=lambda o: o[:2])
        if weight > cost.weigh(parts, want) * WORTH:
            return block, cost
        block, cost = option, estimate


def _longer(length: int, granule: int, size: int) -> list[int]:
    """Lengths to try after ``length``: one granule more, twice, whole; all unions of whole granules."""
    if length >= size:
        return []
    whole = -(-size // granule) * granule
    return sorted({min(whole, n) for n in (length + granule, 2 * length, whole)})


def _too_large(work: Workload, arrays: Sequence[ArrayPlan], resources: Resources) -> PlanError:
    costs = {a.name: work.cost([a], granules_of([a]), resources).memory for a in arrays}
    name = max(costs, key=lambda n: costs[n])
    array = next(a for a in arrays if a.name == name)
    need, allowed = costs[name], resources.task_memory
    what = "shards" if array.shards else "chunks"
    lengths = ", ".join(f"{d}: {g}" for d, g in zip(array.dims, array.granule, strict=True))
    fitting = _fitting(work, array, resources)
    advice = f"write {what}: {{{', '.join(f'{d}: {n}' for d, n in fitting.items())}}}, or " if fitting else ""
    least = _round_up(need * resources.concurrency)
    tasks = (
        f" ({resources.concurrency} tasks at once of {format_bytes(resources.max_memory)})"
        if resources.concurrency > 1
        else ""
    )
    return PlanError(
        f"{what} {{{lengths}}} of {name} need {format_bytes(need)} per task, allowed {format_bytes(allowed)}{tasks}",
        code="P220",
        hint=f"{advice}--max-memory {least}",
    )


def _fitting(work: Workload, array: ArrayPlan, resources: Resources) -> dict[str, int] | None:
    """Chunk lengths that would fit: the longest divided lengths halved until they do."""
    from dataclasses import replace

    chunks, shards = list(array.chunks), list(array.granule)
    while True:
        trial = replace(array, chunks=tuple(chunks), shards=tuple(shards) if array.shards else None)
        if work.cost([trial], granules_of([trial]), resources).memory <= resources.task_memory:
            return dict(zip(array.dims, trial.granule, strict=True))
        axis = max(
            range(len(shards)), key=lambda i: shards[i] // chunks[i] if array.shards else chunks[i], default=None
        )
        if array.shards and axis is not None and shards[axis] > chunks[axis]:
            shards[axis] = max(1, shards[axis] // chunks[axis] // 2) * chunks[axis]
        elif not array.shards and axis is not None and chunks[axis] > 1:
            chunks[axis] = shards[axis] = -(-chunks[axis] // 2)
        else:
            return None


def _round_up(count: int) -> str:
    step = 10 ** max(6, len(str(count)) - 2)
    up = -(-count // step) * step
    return f"{up / 1e9:g}GB" if up >= 10**9 else f"{up // 10**6}MB"
