"""Beam's own metrics, as an engine's page shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from apache_beam.metrics.metric import MetricsFilter

from pangeo_forge.pipeline.counters import NAMESPACE, Counters
from pangeo_forge.pipeline.effort import Effort, Slow
from pangeo_forge.pipeline.runner import beam, run_pipeline
from pangeo_forge.pipeline.write_task import TaskReport
from pangeo_forge.targets.protocol import Written


class _Count(beam.DoFn):  # type: ignore[misc]
    def __init__(self) -> None:
        self._counters = Counters()

    def process(self, number: int) -> Iterator[int]:
        self._counters.count_input(Effort(fetched=1, scanned=1, bytes_fetched=100, slowest=(Slow(0.5, "fetch", "a"),)))
        written = Written(1, 0, 80, 40)
        self._counters.count_task(TaskReport(1, 2, 80, written, seconds=number, effort=Effort(peak_task=1000 * number)))
        yield number


def test_counters_are_seen_by_the_engine() -> None:
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    def build(pipeline: beam.Pipeline) -> None:
        _ = pipeline | "Numbers" >> beam.Create([1, 2, 3]) | "Count" >> beam.ParDo(_Count())

    result: Any = run_pipeline(build, FnApiRunner(), ["--direct_running_mode=in_memory"])
    found = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))
    counts = {c.key.metric.name: c.committed for c in found["counters"]}
    assert counts == {
        "inputs_fetched": 3,
        "inputs_scanned": 3,
        "inputs_bytes_fetched": 300,
        "tasks_done": 3,
        "bytes_read": 240,
        "bytes_stored": 120,
    }
    spread = {d.key.metric.name: d.committed for d in found["distributions"]}
    assert (spread["task_milliseconds"].min, spread["task_milliseconds"].max) == (1000, 3000)
    assert spread["input_milliseconds"].mean == 500
    assert spread["task_peak_bytes"].max == 3000


def test_without_an_engine_counting_does_nothing() -> None:
    Counters().count_task(TaskReport(1, 2, 80, Written(1, 0, 80, 40)))
