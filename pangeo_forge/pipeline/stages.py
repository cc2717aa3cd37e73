"""The two Beam pipelines: prepare (fetch, scan, combine) and write. Only numbers and small results pass between steps.

::

    prepare:  Create(ranges of inputs) ─ GroupByKey ─ ParDo(fetch + open + scan)    ─ GroupByKey ─ ParDo(join, hand over)
    write:    Create(ranges of tasks)  ─ GroupByKey ─ ParDo(pull slices, put chunks) ─ GroupByKey ─ ParDo(join, hand over)

The first grouping spreads the ranges over the workers, each under a key of its own; the second brings all results to one
place. Beam's ``Reshuffle`` and ``CombineGlobally`` do the same by a dozen transforms, which cost more than a small recipe.
No array data goes through a shuffle, so memory is bounded by the plan and weak runners will do. Both end in one sink,
without tagged outputs, because Dask's runner runs only the ancestors of the last transform.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
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
from pangeo_forge.pipeline.runner import Mailbox, beam
from pangeo_forge.pipeline.scratch import Scratch
from pangeo_forge.pipeline.watched import run_watched
from pangeo_forge.pipeline.write_task import TaskReport, TaskWriter
from pangeo_forge.targets.buffers import BLOCKS


class _Joinable(Protocol):
    @classmethod
    def join(cls, parts: Sequence[Any]) -> Any: ...


SHOWN_OTHERS = 3
"""Errors that are shown beside the first one."""

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
        """The result; raises the first error instead, which then says how many others there were."""
        if self.errors:
            raise with_others(self.errors)
        return nothing if self.result is None else self.result


def with_others(errors: Sequence[PangeoForgeError]) -> PangeoForgeError:
    """The first of some errors; behind its message how many more failed, and those that say something else."""
    first, *others = errors
    if others:
        different = [str(e) for e in others if (e.code, e.message) != (first.code, first.message)]
        rows = list(dict.fromkeys(different))
        shown = "".join(f"\n  {row.strip()}" for row in rows[:SHOWN_OTHERS])
        if len(rows) > SHOWN_OTHERS:
            shown += f"\n  ... and {len(rows) - SHOWN_OTHERS} more"
        alike = " in the same way" if not rows else "" if len(different) == len(others) else ", some in the same way"
        first.message = f"{first.message.rstrip()}\nand {len(others)} more ranges of work failed{alike}{':' if rows else '.'}{shown}\n"
    return first


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

    def process(self, element: tuple[int, Iterable[tuple[int, int]]]) -> Iterator[tuple[int, _Outcome[Any]]]:
        for start, stop in element[1]:
            try:
                yield 0, self.outcome(self.work, start, stop)
            except PangeoForgeError as error:
                yield 0, _Outcome(errors=(error,))

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


class _HandOver(beam.DoFn):  # type: ignore[misc]  # Beam is untyped
    """Joins all results, of any number and in any order, at once, and gives the driver the whole.

    One by one, a thousand ranges of inputs would copy what is known of all inputs a thousand times.
    """

    def __init__(self, mailbox: Mailbox[_Outcome[Any]]) -> None:
        self._mailbox = mailbox

    def process(self, element: tuple[int, Iterable[_Outcome[Any]]]) -> None:
        self._mailbox.put(_Outcome.join(list(element[1])))


def _run(
    engine: Engine,
    scratch: Scratch,
    channel: progress.Channel | None,
    elements: Sequence[tuple[int, int]],
    work: beam.DoFn,
    *,
    named: str,
) -> _Outcome[Any]:
    """Give each range to a worker, and bring home what all of them made.

    Parameters
    ----------
    named: what the work is, as pages of engines show it.
    """
    mailbox: Mailbox[_Outcome[Any]] = Mailbox.within(scratch, "outcome")

    def build(pipeline: beam.Pipeline) -> None:
        _ = (
            pipeline
            | "Ranges" >> beam.Create(list(enumerate(elements)), reshuffle=False)
            | "Spread" >> beam.GroupByKey()
            | named >> beam.ParDo(work)
            | "Gather" >> beam.GroupByKey()
            | "Hand over" >> beam.ParDo(_HandOver(mailbox))
        )

    run_watched(engine, build, channel)
    return mailbox.take()


def prepare(preparer: InputPreparer, engine: Engine, scratch: Scratch) -> Prepared:
    """Fetch and scan all inputs of the preparer's archive; the combined result, failures included."""
    parcel = Parcel.of(preparer, travels=engine.workforce.travels, depot=scratch)
    archive = preparer.archive
    elements = ranges(len(archive.pattern), INPUTS_PER_ELEMENT, shares=engine.workforce.tasks)
    done = _run(engine, scratch, archive.channel, elements, _Prepare(parcel), named="Fetch, open, scan")
    taken: Prepared = done.taken(preparer.empty())
    return taken


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
    parcel = Parcel.of(referrer, travels=engine.workforce.travels, depot=scratch)
    elements = ranges(len(referrer.grid), INPUTS_PER_ELEMENT, shares=engine.workforce.tasks)
    done = _run(engine, scratch, referrer.archive.channel, elements, _Write(parcel, 0), named="Find byte ranges")
    taken: TaskReport = done.taken(TaskReport())
    return taken


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
    elements = ranges(writer.plan.n_tasks(stage), TASKS_PER_ELEMENT, shares=engine.workforce.tasks)
    if done:
        elements = [part for element in elements for part in _undone(element, stage, done)]
    if not elements:
        return TaskReport()
    parcel = Parcel.of(writer, travels=engine.workforce.travels, depot=scratch)
    work = _Write(parcel, stage)
    report = _run(engine, scratch, writer.archive.channel, elements, work, named="Pull slices, put chunks")
    taken: TaskReport = report.taken(TaskReport())
    return taken
