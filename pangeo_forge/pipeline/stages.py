"""The two Beam pipelines: prepare (fetch, scan, combine) and write. Only numbers and small results pass between steps.

::

    prepare:  Create(ranges of inputs) ─ Reshuffle ─ ParDo(fetch + open + scan) ─ CombineGlobally ─ hand over
    write:    Create(ranges of tasks)  ─ Reshuffle ─ ParDo(pull slices, put chunks) ─ CombineGlobally ─ hand over

No array data goes through a shuffle, so memory is bounded by the plan and weak runners will do. Both end in one sink,
without tagged outputs, because Dask's runner runs only the ancestors of the last transform.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pangeo_forge import progress
from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.pipeline.counters import Counters
from pangeo_forge.pipeline.engines.protocol import Engine
from pangeo_forge.pipeline.parcel import Parcel, Work
from pangeo_forge.pipeline.prepare_inputs import InputPreparer, Prepared
from pangeo_forge.pipeline.ranges import INPUTS_PER_ELEMENT, TASKS_PER_ELEMENT, ranges
from pangeo_forge.pipeline.refer_inputs import InputReferrer
from pangeo_forge.pipeline.runner import Mailbox, MergeAll, beam
from pangeo_forge.pipeline.scratch import Scratch
from pangeo_forge.pipeline.watched import run_watched
from pangeo_forge.pipeline.write_task import TaskReport, TaskWriter
from pangeo_forge.targets.buffers import BLOCKS


class _Joinable(Protocol):
    @classmethod
    def join(cls, parts: Sequence[Any]) -> Any: ...


R = TypeVar("R", bound=_Joinable)
W = TypeVar("W", bound=Work)


@dataclass(frozen=True)
class _Outcome(Generic[R]):
    """What a worker made of its work, and errors: they travel as values and so keep code, place and hint."""

    result: R | None = None
    errors: tuple[PangeoForgeError, ...] = ()

    @classmethod
    def join(cls, parts: Sequence[_Outcome[R]]) -> _Outcome[R]:
        results = [p.result for p in parts if p.result is not None]
        return cls(type(results[0]).join(results) if results else None, tuple(e for p in parts for e in p.errors))

    def taken(self, nothing: R) -> R:
        """The result; raises the first error instead."""
        if self.errors:
            raise self.errors[0]
        return nothing if self.result is None else self.result


class _OnWorker(beam.DoFn, Generic[W]):  # type: ignore[misc]  # Beam is untyped
    """Opens its parcel at the first range that it is given, in the process that does the work."""

    def __init__(self, parcel: Parcel[W]) -> None:
        self._parcel = parcel
        self._opened: W | None = None
        self._counters = Counters()

    @property
    def work(self) -> W:
        if self._opened is None:
            self._opened = self._parcel.opened()
        return self._opened

    def process(self, element: tuple[int, int]) -> Iterator[_Outcome[Any]]:
        try:
            yield self.outcome(self.work, *element)
        except PangeoForgeError as error:
            yield _Outcome(errors=(error,))

    def outcome(self, work: W, start: int, stop: int) -> _Outcome[Any]:
        raise NotImplementedError


class _Prepare(_OnWorker[InputPreparer]):
    def outcome(self, work: InputPreparer, start: int, stop: int) -> _Outcome[Prepared]:
        return _Outcome(work.prepare(start, stop, self._counters.count_input))


class _Write(_OnWorker[TaskWriter]):
    def __init__(self, parcel: Parcel[Any], stage: int) -> None:
        super().__init__(parcel)
        self._stage = stage

    def outcome(self, work: TaskWriter | InputReferrer, start: int, stop: int) -> _Outcome[TaskReport]:
        tell = progress.at(work.archive.channel)
        reports = [TaskReport()]
        for number in range(start, stop):
            report = work.run(number, self._stage)
            tell.advance("write", 1, report.written.bytes_raw)
            self._counters.count_task(report)
            reports.append(report)
        return _Outcome(TaskReport.join(reports))


def prepare(preparer: InputPreparer, engine: Engine, scratch: Scratch) -> Prepared:
    """Fetch and scan all inputs of the preparer's archive; the combined result, failures included."""
    mailbox: Mailbox[_Outcome[Prepared]] = Mailbox.within(scratch, "prepared")
    parcel = Parcel.of(preparer, travels=engine.workforce.travels, depot=scratch)
    elements = ranges(len(preparer.archive.pattern), INPUTS_PER_ELEMENT, shares=engine.workforce.tasks)

    def build(pipeline: beam.Pipeline) -> None:
        _ = (
            pipeline
            | "Ranges of inputs" >> beam.Create(elements, reshuffle=False)
            | "Spread inputs" >> beam.Reshuffle()
            | "Fetch, open, scan" >> beam.ParDo(_Prepare(parcel))
            | "Combine" >> beam.CombineGlobally(MergeAll(_Outcome)).without_defaults()
            | "Hand over what inputs hold" >> beam.Map(mailbox.put)
        )

    run_watched(engine, build, preparer.archive.channel)
    return mailbox.take().taken(preparer.empty())


def write(
    writer: TaskWriter,
    engine: Engine,
    scratch: Scratch,
    done: Collection[tuple[int, int]] = (),
) -> TaskReport:
    """Do all tasks of the writer's plan, stage after stage, but those that are ``done`` (stage, number) already.

    Raises
    ------
    PangeoForgeError: the first error of a task, as it was raised in the worker.
    """
    total = TaskReport()
    for stage in range(len(writer.plan.stages)):
        try:
            total = total.merge(_write_stage(writer, stage, engine, scratch, done))
        finally:
            # The blocks of this stage are of no use to the next, nor to what this process does afterwards.
            BLOCKS.clear()
    return total


def refer(referrer: InputReferrer, engine: Engine, scratch: Scratch) -> TaskReport:
    """Make references to all inputs of the referrer's archive.

    Raises
    ------
    PangeoForgeError: the first error of an input, as it was raised in the worker.
    """
    mailbox: Mailbox[_Outcome[TaskReport]] = Mailbox.within(scratch, "referred")
    parcel = Parcel.of(referrer, travels=engine.workforce.travels, depot=scratch)
    elements = ranges(len(referrer.grid), INPUTS_PER_ELEMENT, shares=engine.workforce.tasks)

    def build(pipeline: beam.Pipeline) -> None:
        _ = (
            pipeline
            | "Ranges of inputs" >> beam.Create(elements, reshuffle=False)
            | "Spread inputs" >> beam.Reshuffle()
            | "Find byte ranges" >> beam.ParDo(_Write(parcel, 0))
            | "Join references" >> beam.CombineGlobally(MergeAll(_Outcome)).without_defaults()
            | "Hand over references" >> beam.Map(mailbox.put)
        )

    run_watched(engine, build, referrer.archive.channel)
    return mailbox.take().taken(TaskReport())


def _undone(element: tuple[int, int], stage: int, done: Collection[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The parts of a range of tasks that are not done."""
    start: int | None = None
    for number in range(*element):
        if (stage, number) in done:
            if start is not None:
                yield start, number
            start = None
        elif start is None:
            start = number
    if start is not None:
        yield start, element[1]


def _write_stage(
    writer: TaskWriter,
    stage: int,
    engine: Engine,
    scratch: Scratch,
    done: Collection[tuple[int, int]],
) -> TaskReport:
    mailbox: Mailbox[_Outcome[TaskReport]] = Mailbox.within(scratch, f"written-{stage}")
    elements = ranges(writer.plan.n_tasks(stage), TASKS_PER_ELEMENT, shares=engine.workforce.tasks)
    if done:
        elements = [part for element in elements for part in _undone(element, stage, done)]
    if not elements:
        return TaskReport()
    parcel = Parcel.of(writer, travels=engine.workforce.travels, depot=scratch)

    def build(pipeline: beam.Pipeline) -> None:
        _ = (
            pipeline
            | "Ranges of tasks" >> beam.Create(elements, reshuffle=False)
            | "Spread tasks" >> beam.Reshuffle()
            | "Pull slices, put chunks" >> beam.ParDo(_Write(parcel, stage))
            | "Add up" >> beam.CombineGlobally(MergeAll(_Outcome)).without_defaults()
            | "Hand over what was done" >> beam.Map(mailbox.put)
        )

    run_watched(engine, build, writer.archive.channel)
    return mailbox.take().taken(TaskReport())
