"""The two Beam pipelines: prepare (fetch, scan, combine) and write. Only numbers and small results pass between steps.

::

    prepare:  Create(ranges of inputs) ─ Reshuffle ─ ParDo(fetch + open + scan) ─ CombineGlobally ─ hand over
    write:    Create(ranges of tasks)  ─ Reshuffle ─ ParDo(pull slices, put chunks) ─ CombineGlobally ─ hand over

No array data goes through a shuffle, so memory is bounded by the plan and weak runners will do. Both end in one sink,
without tagged outputs, because Dask's runner runs only the ancestors of the last transform.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pangeo_forge import progress
from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.pipeline.prepare_inputs import InputPreparer, Prepared
from pangeo_forge.pipeline.refer_inputs import InputReferrer
from pangeo_forge.pipeline.runner import Mailbox, MergeAll, RunnerSettings, beam, ranges, run_pipeline
from pangeo_forge.pipeline.write_task import TaskReport, TaskWriter
from pangeo_forge.targets.buffers import BLOCKS

INPUTS_PER_ELEMENT = 64
TASKS_PER_ELEMENT = 64


class _Outcome:
    """Reports of tasks and the errors of those that failed: errors travel as values and keep code, place and hint."""

    def __init__(self, report: TaskReport, errors: tuple[PangeoForgeError, ...] = ()) -> None:
        self.report, self.errors = report, errors

    def merge(self, other: _Outcome) -> _Outcome:
        return _Outcome(self.report.merge(other.report), self.errors + other.errors)


def _no_outcome() -> _Outcome:
    return _Outcome(TaskReport())


class _Prepare(beam.DoFn):  # type: ignore[misc]  # Beam is untyped
    def __init__(self, preparer: InputPreparer) -> None:
        self._preparer = preparer

    def process(self, element: tuple[int, int]) -> Iterator[Prepared]:
        yield self._preparer.prepare(*element)


class _Write(beam.DoFn):  # type: ignore[misc]
    def __init__(self, writer: TaskWriter | InputReferrer, stage: int, channel: str) -> None:
        self._writer, self._stage, self._channel = writer, stage, channel

    def process(self, element: tuple[int, int]) -> Iterator[_Outcome]:
        tell = progress.at(self._channel)
        total = TaskReport()
        for number in range(*element):
            try:
                report = self._writer.run(number, self._stage)
            except PangeoForgeError as error:
                yield _Outcome(TaskReport(), (error,))
                return
            tell.advance("write", 1, report.written.bytes_raw)
            total = total.merge(report)
        yield _Outcome(total)


def prepare(preparer: InputPreparer, settings: RunnerSettings, scratch: str) -> Prepared:
    """Fetch and scan all inputs of the preparer's archive; the combined result, failures included."""
    mailbox: Mailbox[Prepared] = Mailbox.within(scratch, "prepared")
    elements = ranges(len(preparer.archive.pattern), INPUTS_PER_ELEMENT, shares=settings.workers)

    def build(pipeline: beam.Pipeline) -> None:
        _ = (
            pipeline
            | "Ranges of inputs" >> beam.Create(elements, reshuffle=False)
            | "Spread inputs" >> beam.Reshuffle()
            | "Fetch, open, scan" >> beam.ParDo(_Prepare(preparer))
            | "Combine" >> beam.CombineGlobally(MergeAll(preparer.empty))
            | "Hand over what inputs hold" >> beam.Map(mailbox.put)
        )

    run_pipeline(build, settings)
    return mailbox.take()


def write(
    writer: TaskWriter,
    settings: RunnerSettings,
    scratch: str,
    channel: str = "",
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
            outcome = _write_stage(writer, stage, settings, scratch, channel, done)
        finally:
            # The blocks of this stage are of no use to the next, nor to what this process does afterwards.
            BLOCKS.clear()
        if outcome.errors:
            raise outcome.errors[0]
        total = total.merge(outcome.report)
    return total


def refer(referrer: InputReferrer, settings: RunnerSettings, scratch: str, channel: str = "") -> TaskReport:
    """Make references to all inputs of the referrer's archive.

    Raises
    ------
    PangeoForgeError: the first error of an input, as it was raised in the worker.
    """
    mailbox: Mailbox[_Outcome] = Mailbox.within(scratch, "referred")
    elements = ranges(len(referrer.grid), INPUTS_PER_ELEMENT, shares=settings.workers)

    def build(pipeline: beam.Pipeline) -> None:
        _ = (
            pipeline
            | "Ranges of inputs" >> beam.Create(elements, reshuffle=False)
            | "Spread inputs" >> beam.Reshuffle()
            | "Find byte ranges" >> beam.ParDo(_Write(referrer, 0, channel))
            | "Join references" >> beam.CombineGlobally(MergeAll(_no_outcome))
            | "Hand over references" >> beam.Map(mailbox.put)
        )

    run_pipeline(build, settings)
    outcome = mailbox.take()
    if outcome.errors:
        raise outcome.errors[0]
    return outcome.report


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
    settings: RunnerSettings,
    scratch: str,
    channel: str,
    done: Collection[tuple[int, int]],
) -> _Outcome:
    mailbox: Mailbox[_Outcome] = Mailbox.within(scratch, f"written-{stage}")
    elements = ranges(writer.plan.n_tasks(stage), TASKS_PER_ELEMENT, shares=settings.workers)
    if done:
        elements = [part for element in elements for part in _undone(element, stage, done)]
    if not elements:
        return _no_outcome()

    def build(pipeline: beam.Pipeline) -> None:
        _ = (
            pipeline
            | "Ranges of tasks" >> beam.Create(elements, reshuffle=False)
            | "Spread tasks" >> beam.Reshuffle()
            | "Pull slices, put chunks" >> beam.ParDo(_Write(writer, stage, channel))
            | "Add up" >> beam.CombineGlobally(MergeAll(_no_outcome))
            | "Hand over what was done" >> beam.Map(mailbox.put)
        )

    run_pipeline(build, settings)
    return mailbox.take()
