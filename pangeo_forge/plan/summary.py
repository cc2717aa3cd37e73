"""A plan in words and rows, for the command line, the report and ``--json``."""

from __future__ import annotations

import math
from typing import Any

from pangeo_forge.plan.grid import itemsize
from pangeo_forge.plan.layout import format_bytes
from pangeo_forge.plan.plan import ArrayPlan, Plan, Stage, TaskGroup


def summarise(plan: Plan) -> dict[str, Any]:
    """All numbers of a plan, JSON-able; ``arrays`` and ``stages`` are rows of tables."""
    read = sum(g.bytes_read for s in plan.stages for g in s.groups)
    written = sum(g.bytes_written for s in plan.stages for g in s.groups)
    return {
        "recipe": dict(plan.recipe),
        "zarr_format": plan.zarr_format,
        "sizes": dict(plan.sizes),
        "inputs": len(plan.inputs),
        "bytes": plan.nbytes,
        "passes": 2 if plan.intermediate else 1,
        "tasks": sum(s.n_tasks for s in plan.stages),
        "bytes_read": read,
        "bytes_written": written + sum(a.nbytes for a in plan.arrays if a.values is not None),
        "memory_per_task": plan.memory,
        "memory_per_worker": plan.memory * plan.concurrency,
        "max_memory": plan.max_memory,
        "arrays": [_array_row(a) for a in plan.arrays],
        "stages": [_group_row(s, g) for s in plan.stages for g in s.groups],
        "warnings": list(plan.warnings),
        "text": describe(plan),
    }


def describe(plan: Plan) -> str:
    """One sentence that says how it will be done and why."""
    tasks = sum(s.n_tasks for s in plan.stages)
    worst = max((g.amplification for s in plan.stages for g in s.groups if s.reads_inputs), default=1.0)
    memory = f"{format_bytes(plan.memory)} of {format_bytes(plan.max_memory // plan.concurrency)} allowed per task"
    if plan.intermediate:
        return (
            "two passes through intermediate chunks, because one pass within the memory allowed would read too much of "
            f"the inputs again: {tasks} tasks, {memory}"
        )
    return f"one pass: {tasks} tasks, {memory}, inputs read {worst:.2g} times"


def _array_row(array: ArrayPlan) -> dict[str, Any]:
    return {
        "name": array.name,
        "dims": list(array.dims),
        "shape": list(array.shape),
        "dtype": array.dtype,
        "chunks": list(array.chunks),
        "shards": None if array.shards is None else list(array.shards),
        "n_chunks": array.n_chunks,
        "chunk_bytes": math.prod(array.chunks) * itemsize(array.dtype),
        "bytes": array.nbytes,
        "compressor": _codec(array),
        "coordinate": array.is_coord,
        "recoded": array.recode,
        "written_by": "driver" if array.values is not None else "tasks",
    }


def _codec(array: ArrayPlan) -> str:
    return " ".join(str(v) for k, v in array.compressor.items() if k != "blocksize")


def _group_row(stage: Stage, group: TaskGroup) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "arrays": list(group.arrays),
        "block": dict(zip(group.dims, group.block, strict=True)),
        "tasks": group.n_tasks,
        "memory": group.memory,
        "amplification": group.amplification,
        "bytes_read": group.bytes_read,
        "bytes_written": group.bytes_written,
    }
