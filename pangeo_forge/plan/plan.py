"""The Plan: all that will be done, as frozen data. Tasks are computed from it, never stored one by one.

::

    Plan ── arrays: ArrayPlan...            what is written, exactly
         ├─ intermediate: ArrayPlan...      only with two passes: arrays between them
         ├─ inputs: InputGrid               where the inputs lie in the target
         └─ stages: Stage...                one (direct) or two (gather, scatter)
              └─ groups: TaskGroup...       arrays that are written together, so that an input is opened once a task
                   └─ Task                  one block of the group's grid: a union of whole chunks (shards) of each
                   array
"""

from __future__ import annotations

import bisect
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from pangeo_forge.dataset.model import Index
from pangeo_forge.errors import PlanError
from pangeo_forge.plan.compact import (
    Json,
    array_from_json,
    array_to_json,
    attrs_from_json,
    attrs_to_json,
    scalar_from_json,
    scalar_to_json,
)
from pangeo_forge.plan.grid import itemsize
from pangeo_forge.plan.overlaps import InputGrid, Overlap, Region

SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class ArrayPlan:
    """One array of the store, exactly as it will be."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    """As stored, little-endian numpy string; 'str' for variable-length strings."""
    chunks: tuple[int, ...]
    shards: tuple[int, ...] | None
    compressor: Mapping[str, Any]
    """``{name: blosc | zstd | gzip | none, level, ...}`` with all parameters."""
    fill_value: Any
    """The CF _FillValue in the stored dtype (a Python scalar), or None."""
    attrs: Mapping[str, Any]
    """JSON-able attributes without _FillValue."""
    is_coord: bool = False
    recode: bool = False
    merge: tuple[Index, ...] | None = None
    values: np.ndarray | None = None
    """Stored values known already: the driver writes them and no task does."""

    @property
    def granule(self) -> tuple[int, ...]:
        """Shape of one object of the store: the shard, else the chunk."""
        return self.shards or self.chunks

    @property
    def nbytes(self) -> int:
        """Uncompressed bytes."""
        return math.prod(self.shape) * itemsize(self.dtype)

    @property
    def n_chunks(self) -> int:
        """Number of chunks."""
        return math.prod(-(-n // c) for n, c in zip(self.shape, self.chunks, strict=True))

    def to_json(self) -> Json:
        """All of it."""
        return {
            "name": self.name,
            "dims": list(self.dims),
            "shape": list(self.shape),
            "dtype": self.dtype,
            "chunks": list(self.chunks),
            "shards": None if self.shards is None else list(self.shards),
            "compressor": dict(self.compressor),
            "fill_value": scalar_to_json(self.fill_value),
            "attrs": attrs_to_json(dict(self.attrs)),
            "is_coord": self.is_coord,
            "recode": self.recode,
            "merge": None if self.merge is None else [list(m) for m in self.merge],
            "values": array_to_json(self.values),
        }

    @classmethod
    def from_json(cls, data: Json) -> ArrayPlan:
        """Inverse of :meth:`to_json`."""
        return cls(
            name=data["name"],
            dims=tuple(data["dims"]),
            shape=tuple(data["shape"]),
            dtype=data["dtype"],
            chunks=tuple(data["chunks"]),
            shards=None if data["shards"] is None else tuple(data["shards"]),
            compressor=data["compressor"],
            fill_value=scalar_from_json(data["fill_value"]),
            attrs=attrs_from_json(data["attrs"]),
            is_coord=data["is_coord"],
            recode=data["recode"],
            merge=None if data["merge"] is None else tuple(tuple(m) for m in data["merge"]),
            values=array_from_json(data["values"]),
        )


@dataclass(frozen=True)
class TaskGroup:
    """Arrays that are written by the same tasks, on one grid of blocks."""

    arrays: tuple[str, ...]
    dims: tuple[str, ...]
    """All dims of its arrays."""
    shape: tuple[int, ...]
    block: tuple[int, ...]
    """Block lengths along ``dims``: multiples of every array's granule, or the whole dimension."""
    memory: int
    """Projected peak of one task, in bytes."""
    amplification: float
    """Bytes decoded of the inputs over bytes needed."""
    bytes_read: int
    """Uncompressed bytes read by all its tasks, amplification included."""
    bytes_written: int
    """Uncompressed bytes written by all its tasks."""

    @cached_property
    def grid(self) -> tuple[int, ...]:
        """Number of blocks along ``dims``."""
        return tuple(-(-n // b) for n, b in zip(self.shape, self.block, strict=True))

    @property
    def n_tasks(self) -> int:
        """Number of blocks."""
        return math.prod(self.grid)

    def region(self, number: int, array: ArrayPlan) -> Region | None:
        """What task ``number`` writes of ``array``: one slice per dim of the array.

        An array without some dim of the group is written by the tasks at the start of that dim; others get None.
        """
        rest, at = number, {}
        for dim, count in zip(reversed(self.dims), reversed(self.grid), strict=True):
            rest, at[dim] = divmod(rest, count)
        if any(i for d, i in at.items() if d not in array.dims):
            return None
        lengths = dict(zip(self.dims, self.block, strict=True))
        return tuple(
            slice(at[d] * lengths[d], min(n, (at[d] + 1) * lengths[d]))
            for d, n in zip(array.dims, array.shape, strict=True)
        )


@dataclass(frozen=True)
class Task:
    """One block of one group. Small and picklable; its regions come from the plan (:meth:`Plan.regions`)."""

    stage: int
    number: int
    """Number within the stage; stable, so it names the task across runs of the same plan."""
    group: int
    block: int
    """Number within the group."""


@dataclass(frozen=True)
class Stage:
    """Tasks that may run in any order and at the same time."""

    name: str
    """``direct``: inputs to target; ``gather``: inputs to intermediate arrays; ``scatter``: intermediate arrays to
    target."""
    groups: tuple[TaskGroup, ...]

    @property
    def reads_inputs(self) -> bool:
        """Whether its tasks read inputs (else intermediate arrays)."""
        return self.name != "scatter"

    @property
    def writes_target(self) -> bool:
        """Whether its tasks write the target (else intermediate arrays)."""
        return self.name != "gather"

    @cached_property
    def first(self) -> tuple[int, ...]:
        """Number of the first task of each group, then the total."""
        totals = [0]
        for group in self.groups:
            totals.append(totals[-1] + group.n_tasks)
        return tuple(totals)

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return self.first[-1]


@dataclass(frozen=True, eq=False)
class Plan:
    """What will be written and how. Made by :func:`pangeo_forge.plan.planner.make_plan`."""

    recipe: Mapping[str, str]
    """``id``, ``title``, ``fingerprint`` of the recipe, as far as known."""
    zarr_format: int
    sizes: Mapping[str, int]
    attrs: Mapping[str, Any]
    arrays: tuple[ArrayPlan, ...]
    stages: tuple[Stage, ...]
    inputs: InputGrid
    max_memory: int
    """Bytes that one worker may use for data."""
    concurrency: int
    """Tasks that a worker runs at once."""
    threads: int
    """Codec threads of a worker."""
    intermediate: tuple[ArrayPlan, ...] = ()
    warnings: tuple[str, ...] = ()
    consolidated: bool = True
    """Whether the root holds a copy of all arrays' metadata."""
    schema_version: int = field(default=SCHEMA_VERSION)

    def array(self, name: str) -> ArrayPlan:
        """The array of that name in the target."""
        return self._arrays[name]

    def intermediate_array(self, name: str) -> ArrayPlan:
        """The intermediate array of that name."""
        return self._intermediate[name]

    @cached_property
    def _arrays(self) -> dict[str, ArrayPlan]:
        return {a.name: a for a in self.arrays}

    @cached_property
    def _intermediate(self) -> dict[str, ArrayPlan]:
        return {a.name: a for a in self.intermediate}

    # -- tasks -------------------------------------------------------------------------------------------------------

    def n_tasks(self, stage: int = 0) -> int:
        """Number of tasks of a stage."""
        return self.stages[stage].n_tasks

    def task(self, number: int, stage: int = 0) -> Task:
        """Task ``number`` of a stage, computed."""
        first = self.stages[stage].first
        if not 0 <= number < first[-1]:
            raise IndexError(f"stage {stage} has {first[-1]} tasks, not {number}")
        group = bisect.bisect_right(first, number) - 1
        return Task(stage, number, group, number - first[group])

    def tasks(self, stage: int = 0) -> Iterator[Task]:
        """All tasks of a stage, lazily, in an order that reads inputs one after the other."""
        return (self.task(i, stage) for i in range(self.n_tasks(stage)))

    def regions(self, task: Task) -> Iterator[tuple[ArrayPlan, Region]]:
        """What a task writes: arrays (of the target, or intermediate ones) and a region of each."""
        stage = self.stages[task.stage]
        group = stage.groups[task.group]
        for name in group.arrays:
            array = self.array(name) if stage.writes_target else self.intermediate_array(name)
            region = group.region(task.block, array)
            if region is not None:
                yield array, region

    def overlaps(self, array: ArrayPlan, region: Region) -> Iterator[Overlap]:
        """Which inputs hold the pieces of a region (see :meth:`InputGrid.overlaps`)."""
        return self.inputs.overlaps(array, region)

    # -- numbers -----------------------------------------------------------------------------------------------------

    @property
    def memory(self) -> int:
        """Projected peak of one task, in bytes."""
        return max((g.memory for s in self.stages for g in s.groups), default=0)

    @property
    def nbytes(self) -> int:
        """Uncompressed bytes of the dataset."""
        return sum(a.nbytes for a in self.arrays)

    def summary(self) -> dict[str, Any]:
        """Numbers and rows for people and for ``--json``."""
        from pangeo_forge.plan.summary import summarise

        return summarise(self)

    # -- JSON --------------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The whole plan; equal plans give equal text."""
        data = {
            "schema_version": self.schema_version,
            "recipe": dict(self.recipe),
            "zarr_format": self.zarr_format,
            "consolidated": self.consolidated,
            "sizes": dict(self.sizes),
            "attrs": attrs_to_json(dict(self.attrs)),
            "arrays": [a.to_json() for a in self.arrays],
            "intermediate": [a.to_json() for a in self.intermediate],
            "inputs": self.inputs.to_json(),
            "stages": [{"name": s.name, "groups": [_group_to_json(g) for g in s.groups]} for s in self.stages],
            "max_memory": self.max_memory,
            "concurrency": self.concurrency,
            "threads": self.threads,
            "warnings": list(self.warnings),
        }
        return json.dumps(data, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Inverse of :meth:`to_json`.

        Raises
        ------
        PlanError: P210 when another version of the program wrote it.
        """
        data = json.loads(text)
        if data.get("schema_version") != SCHEMA_VERSION:
            raise PlanError(
                f"the plan has schema version {data.get('schema_version')}; this program reads {SCHEMA_VERSION}",
                code="P210",
                hint="make the plan again with this version of pangeo-forge",
            )
        return cls(
            recipe=data["recipe"],
            zarr_format=data["zarr_format"],
            consolidated=data.get("consolidated", True),
            sizes=data["sizes"],
            attrs=attrs_from_json(data["attrs"]),
            arrays=tuple(ArrayPlan.from_json(a) for a in data["arrays"]),
            stages=tuple(Stage(s["name"], tuple(_group_from_json(g) for g in s["groups"])) for s in data["stages"]),
            inputs=InputGrid.from_json(data["inputs"]),
            max_memory=data["max_memory"],
            concurrency=data["concurrency"],
            threads=data["threads"],
            intermediate=tuple(ArrayPlan.from_json(a) for a in data["intermediate"]),
            warnings=tuple(data["warnings"]),
        )


_GROUP_FIELDS = ("arrays", "dims", "shape", "block", "memory", "amplification", "bytes_read", "bytes_written")


def _group_to_json(group: TaskGroup) -> dict[str, Any]:
    """Fields of a group for JSON."""
    return {name: getattr(group, name) for name in _GROUP_FIELDS}


def _group_from_json(data: Mapping[str, Any]) -> TaskGroup:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    return TaskGroup(**fields)
