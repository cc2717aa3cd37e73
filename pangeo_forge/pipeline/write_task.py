"""What a worker does for one write task: pull the slices that a block needs, put whole chunks. No Beam here.

A task names a block of the target that is a union of whole chunks. Its inputs are found by arithmetic
(``Plan.overlaps``), each is opened once for all arrays of the task, values go straight into the block's buffers, and
whole chunks are encoded and put. Doing a task twice writes the same bytes twice, so any engine may retry it.
"""

from __future__ import annotations

import os
import socket
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from pangeo_forge import progress
from pangeo_forge.dataset.archive import Archive
from pangeo_forge.dataset.model import ArrayTemplate, Template
from pangeo_forge.dataset.read import read_region
from pangeo_forge.inputs.codec_threads import run_all
from pangeo_forge.inputs.lazy import Access
from pangeo_forge.pattern.pattern import PatternItem
from pangeo_forge.pipeline.effort import Effort, Slow, slowest_of
from pangeo_forge.pipeline.footprint import measured
from pangeo_forge.plan import ArrayPlan, Overlap, Plan, Task
from pangeo_forge.plan.overlaps import Region
from pangeo_forge.targets.buffers import BLOCKS
from pangeo_forge.targets.chunks import ChunkStore, new_block
from pangeo_forge.targets.journal import TaskJournal
from pangeo_forge.targets.protocol import Changes, Written

Block = tuple[ArrayPlan, Region, np.ndarray]
"""Values of a region of an array."""


@dataclass(frozen=True)
class TaskReport:
    """What tasks did; reports add up."""

    tasks: int = 0
    inputs_opened: int = 0
    bytes_read: int = 0
    """Uncompressed bytes taken from inputs."""
    written: Written = field(default_factory=lambda: Written(0, 0, 0, 0))
    seconds: float = 0.0
    """Sum over tasks."""
    changes: Changes | None = None
    """What the driver must be given for what was written to count (Icechunk)."""
    effort: Effort = field(default_factory=Effort)

    def merge(self, other: TaskReport) -> TaskReport:
        """The sum of two reports."""
        return TaskReport.join((self, other))

    @classmethod
    def join(cls, reports: Sequence[TaskReport]) -> TaskReport:
        """The sum of all."""
        return cls(
            sum(r.tasks for r in reports),
            sum(r.inputs_opened for r in reports),
            sum(r.bytes_read for r in reports),
            Written.join([r.written for r in reports]),
            sum(r.seconds for r in reports),
            _merged([r.changes for r in reports if r.changes]),
            Effort.join([r.effort for r in reports]),
        )


def _merged(changes: list[Changes]) -> Changes | None:
    """Changes of a target's sessions, as a balanced tree: each merge copies what both hold."""
    while len(changes) > 1:
        pairs = [changes[i : i + 2] for i in range(0, len(changes), 2)]
        changes = [pair[0].merge(pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
    return changes[0] if changes else None


@dataclass(frozen=True)
class _Wanted:
    """A piece of one array that one input holds, and the place in a block where it goes."""

    array: ArrayTemplate
    overlap: Overlap
    into: np.ndarray


class Sink(Protocol):
    """What a target must have for tasks to write to it."""

    @property
    def chunks(self) -> ChunkStore:
        """The chunks of the store while it is built."""
        ...


@dataclass(frozen=True)
class Stored:
    """The start of every array along one dimension is in the store already: it is read from there."""

    dim: str
    length: int

    def part(self, array: ArrayPlan, region: Region) -> Region | None:
        """What of a region is stored already."""
        axis = array.dims.index(self.dim)
        stop = min(region[axis].stop, self.length)
        if stop <= region[axis].start:
            return None
        return (*region[:axis], slice(region[axis].start, stop), *region[axis + 1 :])


@dataclass(frozen=True)
class TaskWriter:
    """Does the write tasks of a plan; picklable, the same object serves all threads of a worker."""

    plan: Plan
    template: Template
    archive: Archive
    target: Sink
    intermediate: ChunkStore | None = None
    """Where arrays between two passes are kept."""
    journal: TaskJournal | None = None
    """Where finished tasks are marked."""
    keeps_intermediate: bool = False
    """The intermediate arrays outlive a run that was killed, so their tasks are marked, too."""
    stored: Stored | None = None
    """With append: the part of the plan's region that the store holds already."""

    def run(self, number: int, stage: int = 0) -> TaskReport:
        """Do one task of a stage, whole.

        Raises
        ------
        Stopped: the run was given up in the meantime; nothing more is written.
        """
        tell = progress.at(self.archive.channel)
        task = self.plan.task(number, stage)
        with tell.doing("write", self._name(task)), measured() as footprint:
            report = self._do(task, tell)
        worker = frozenset([f"{socket.gethostname()}:{os.getpid()}"])
        effort = Effort(peak_process=footprint.process, peak_task=footprint.task, workers=worker)
        return replace(report, effort=report.effort.merge(effort))

    def _do(self, task: Task, tell: progress.Reporter) -> TaskReport:
        began = time.perf_counter()
        what = self.plan.stages[task.stage]
        slow: tuple[Slow, ...] = ()
        if what.reads_inputs:
            blocks, opened, slow = self._read_inputs(task, tell)
        else:
            blocks, opened = self._read_intermediate(task), 0
        store = self.target.chunks if what.writes_target else self._between
        tell.check()
        pending = [store.start_block(array, region, block) for array, region, block in blocks]
        written = Written.join([block_written.result() for block_written in pending])
        if not what.writes_target:
            # Intermediate objects are gone at the end, and their keys may be those of the target's.
            written = replace(written, objects={})
        if self.journal is not None and (what.writes_target or self.keeps_intermediate):
            self.journal.mark(task.stage, task.number, written)
        nbytes = sum(block.nbytes for _, _, block in blocks)
        for _, _, block in blocks:
            BLOCKS.give(block)
        seconds = time.perf_counter() - began
        return TaskReport(1, opened, nbytes, written, seconds, store.handover(), Effort(slowest=slow))

    def _name(self, task: Task) -> str:
        """Number and region, for people: ``task 17 (sst: time 340-359)``."""
        array, region = next(iter(self.plan.regions(task)))
        where = ", ".join(f"{d} {s.start}-{s.stop - 1}" for d, s in zip(array.dims, region, strict=True) if s.stop)
        return f"task {task.number} ({array.name}: {where})" if where else f"task {task.number} ({array.name})"

    # -- from inputs -------------------------------------------------------------------------------------------------

    def _read_inputs(self, task: Task, tell: progress.Reporter) -> tuple[list[Block], int, tuple[Slow, ...]]:
        wanted: dict[int, list[_Wanted]] = defaultdict(list)
        blocks: list[Block] = []
        for array, region in self.plan.regions(task):
            template = self.template.array(array.name)
            pieces = list(self._held(template, self.plan.overlaps(array, region)))
            block = self._block(array, region, pieces)
            blocks.append((array, region, block))
            for piece in pieces:
                wanted[piece.ordinal].append(_Wanted(template, piece, block[piece.block]))
        inputs = list(wanted.values())
        # One huge input: its chunks are decoded side by side; many inputs: they are.
        within = self.plan.threads if len(inputs) == 1 else 1
        slow: list[Slow] = []

        def read(parts: list[_Wanted]) -> None:
            began = time.perf_counter()
            item = self.archive.item(parts[0].overlap.index)
            with tell.doing("read", item.label):
                self.archive.reading(item, lambda: self._read_input(item, parts, within))
            slow.append(Slow(time.perf_counter() - began, "read", item.label))

        run_all(read, inputs, self.plan.threads)
        return blocks, len(inputs), slowest_of(slow)

    def _block(self, array: ArrayPlan, region: Region, pieces: list[Overlap]) -> np.ndarray:
        """A buffer for a region, with what the store holds of it already."""
        part = self.stored.part(array, region) if self.stored is not None else None
        if part is None:
            return new_block(array, region, pieces, self.plan.zarr_format)
        into = tuple(slice(p.start - r.start, p.stop - r.start) for p, r in zip(part, region, strict=True))
        block = new_block(array, region, [*pieces, Overlap((), -1, part, into)], self.plan.zarr_format)
        block[into] = self.target.chunks.read_block(array, part)
        return block

    def _read_input(self, item: PatternItem, parts: list[_Wanted], threads: int) -> None:
        views = [(part, self._access(part)) for part in parts]
        direct = [(part, access) for part, access in views if access is not None]
        if direct:
            with self.archive.arrays(item, [access.locator for _, access in direct], threads) as arrays:
                for (part, access), source in zip(direct, arrays, strict=True):
                    access.bind(source)[part.overlap.source].read(out=part.into)
        general = [part for part, access in views if access is None]
        if general:
            with self.archive.outline(item) as ds:
                for part in general:
                    part.into[...] = read_region(
                        ds,
                        part.array,
                        part.overlap.source,
                        concat_dims=self.template.concat_dims,
                        label=item.label,
                        decode_times=self.archive.decode_times,
                    )

    def _held(self, array: ArrayTemplate, pieces: Iterable[Overlap]) -> Iterator[Overlap]:
        """Pieces whose inputs hold the array (``variables: union``: not all do), or another that holds the same part."""
        for piece in pieces:
            instead = array.lacking.get(piece.ordinal, piece.ordinal)
            if instead == piece.ordinal:
                yield piece
            elif instead >= 0:
                yield replace(piece, ordinal=instead, index=self.template.positions[instead])

    def _access(self, part: _Wanted) -> Access | None:
        """The pure view by which raw chunks can be read, if this array's stored values go through as they are."""
        array = part.array
        if array.recode or not array.accesses:
            return None
        which = 0 if array.access_of is None else int(array.access_of[part.overlap.ordinal])
        return array.accesses[which] if which >= 0 else None

    # -- from the first pass -----------------------------------------------------------------------------------------

    def _read_intermediate(self, task: Task) -> list[Block]:
        blocks = []
        for array, region in self.plan.regions(task):
            block = self._between.read_block(self.plan.intermediate_array(array.name), region)
            blocks.append((array, region, block))
        return blocks

    @property
    def _between(self) -> ChunkStore:
        if self.intermediate is None:
            raise ValueError("a plan of two passes needs a place for its intermediate arrays")
        return self.intermediate
