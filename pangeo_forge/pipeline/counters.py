"""Beam's own metrics, namespace ``pangeo_forge``: what the pages of Flink, Dataflow and Spark show of a running job."""

from __future__ import annotations

from pangeo_forge.pipeline.effort import SUMS, Effort
from pangeo_forge.pipeline.runner import beam
from pangeo_forge.pipeline.write_task import TaskReport

NAMESPACE = "pangeo_forge"


class Counters:
    """Counters of one step on a worker; silent on engines without metrics (Dask). Call them in the step's own thread."""

    def __init__(self) -> None:
        metrics = beam.metrics.Metrics
        self._counts = {name: metrics.counter(NAMESPACE, f"inputs_{name}") for name in SUMS}
        self._tasks = metrics.counter(NAMESPACE, "tasks_done")
        self._read = metrics.counter(NAMESPACE, "bytes_read")
        self._stored = metrics.counter(NAMESPACE, "bytes_stored")
        self._input_time = metrics.distribution(NAMESPACE, "input_milliseconds")
        self._task_time = metrics.distribution(NAMESPACE, "task_milliseconds")
        self._task_memory = metrics.distribution(NAMESPACE, "task_peak_bytes")

    def count_input(self, effort: Effort) -> None:
        """An input was fetched and scanned, or failed."""
        for name, counter in self._counts.items():
            if number := getattr(effort, name):
                counter.inc(number)
        self._input_time.update(int(1000 * sum(s.seconds for s in effort.slowest)))

    def count_task(self, report: TaskReport) -> None:
        """A task was done."""
        self._tasks.inc(report.tasks)
        self._read.inc(report.bytes_read)
        self._stored.inc(report.written.bytes_stored)
        self._task_time.update(int(1000 * report.seconds))
        if report.effort.peak_task:
            self._task_memory.update(report.effort.peak_task)
