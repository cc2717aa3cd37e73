"""Where a pipeline runs, and how results come back from its workers.

The runner is always named. Beam's ``DirectRunner`` picks one of two engines by what it can download, so the same recipe
would run on different ones on a laptop and in CI.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from uuid import uuid4

# Beam warns at import of cloud libraries that it can do without; the only import of Beam is here, so that it is quiet once.
logging.disable(logging.WARNING)
import apache_beam as beam  # noqa: E402
from apache_beam.options.pipeline_options import PipelineOptions  # noqa: E402

logging.disable(logging.NOTSET)

__all__ = ["Mailbox", "MergeAll", "RunnerSettings", "beam", "ranges", "run_pipeline"]

T = TypeVar("T")
Mode = Literal["threads", "processes", "single"]

_DIRECT_MODES = {"threads": "multi_threading", "processes": "multi_processing", "single": "in_memory"}


@dataclass(frozen=True)
class RunnerSettings:
    """How a pipeline is run on this machine.

    Threads are the default: raw chunk reading, inflating, encoding and writing release the GIL. ``single`` keeps
    everything in the calling thread, for debugging. ``processes`` costs about two seconds of start-up.
    """

    mode: Mode = "threads"
    workers: int = 2

    @property
    def tasks_at_once(self) -> int:
        """Tasks that one worker process works on at the same time."""
        return self.workers if self.mode == "threads" else 1

    @property
    def travels(self) -> bool:
        """Whether work goes to other processes than this one."""
        return self.mode == "processes"

    def options(self) -> PipelineOptions:
        """Beam's options for these settings."""
        workers = 1 if self.mode == "single" else self.workers
        flags = [f"--direct_running_mode={_DIRECT_MODES[self.mode]}", f"--direct_num_workers={workers}"]
        return PipelineOptions(flags, save_main_session=False)


@dataclass(frozen=True)
class Mailbox(Generic[T]):
    """A file by which the last step of a pipeline hands its one result to the driver.

    Works on every runner that shares a file system or object store with the driver, where ``PipelineResult`` does not.
    """

    path: str

    @classmethod
    def within(cls, folder: str | Path, name: str) -> Mailbox[T]:
        """A fresh mailbox in a scratch folder."""
        return cls(str(Path(folder) / f"{name}-{uuid4().hex}.pickle"))

    def put(self, value: T) -> None:
        """Store the result, whole or not at all."""
        temporary = Path(f"{self.path}.{uuid4().hex}")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(pickle.dumps(value))
        temporary.replace(self.path)

    def take(self) -> T:
        """The result; the file is removed."""
        path = Path(self.path)
        value: T = pickle.loads(path.read_bytes())  # noqa: S301 - written by this run's own last step
        path.unlink()
        return value


def run_pipeline(build: Callable[[beam.Pipeline], None], settings: RunnerSettings) -> None:
    """Build a pipeline and run it to its end on Beam's FnApiRunner."""
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    _quiet_beam()
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=settings.options())
    build(pipeline)
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:
        if _was_stopped(error):
            raise KeyboardInterrupt from error
        raise


def _was_stopped(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an error: Beam wraps what a step raises, and keeps its name in the text."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt) or str(cause).startswith("KeyboardInterrupt"):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


class MergeAll(beam.CombineFn):  # type: ignore[misc]  # Beam is untyped
    """Merge small results with their own associative, commutative ``merge``; ``empty`` makes the neutral one.

    Results are collected and merged as a balanced tree at the end: one by one, a thousand ranges of inputs would copy what
    is known of all inputs a thousand times.
    """

    def __init__(self, empty: Callable[[], Any]) -> None:
        self._empty = empty

    def create_accumulator(self) -> list[Any]:
        return []

    def add_input(self, accumulator: list[Any], element: Any) -> list[Any]:
        accumulator.append(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[list[Any]]) -> list[Any]:
        return [element for accumulator in accumulators for element in accumulator]

    def extract_output(self, accumulator: list[Any]) -> Any:
        level = accumulator or [self._empty()]
        while len(level) > 1:
            pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
            level = [pair[0].merge(pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
        return level[0]


def ranges(count: int, at_most: int, *, shares: int) -> list[tuple[int, int]]:
    """Cut ``count`` positions into [start, stop) ranges: no longer than ``at_most``, and enough of them for ``shares`` workers."""
    size = max(1, min(at_most, -(-count // max(1, shares * 4))))
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def _quiet_beam() -> None:
    # Beam logs hundreds of lines of its own set-up; what a user must know comes from our own log and errors. Its workers
    # also print tracebacks, past the log; the same text is in the error that the runner raises.
    from apache_beam.runners.worker import sdk_worker

    sdk_worker.print = lambda *_, **__: None
    for name in ("apache_beam", "root"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
