"""This machine: Beam's FnApiRunner in threads, processes, or the calling thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.engines.protocol import Build, Workforce

Mode = Literal["threads", "processes", "single"]

_DIRECT_MODES = {"threads": "multi_threading", "processes": "multi_processing", "single": "in_memory"}


@dataclass(frozen=True)
class LocalEngine:
    """How a pipeline is run on this machine.

    Threads are the default: raw chunk reading, inflating, encoding and writing release the GIL. ``single`` keeps
    everything in the calling thread, for debugging. ``processes`` costs about two seconds of start-up.

    The runner is always named. Beam's ``DirectRunner`` picks one of two engines by what it can download, so the same
    recipe would run on different ones on a laptop and in CI.
    """

    mode: Mode = "threads"
    workers: int = 2

    @property
    def workforce(self) -> Workforce:
        """Threads share a process; processes do not."""
        count = 1 if self.mode == "single" else self.workers
        return Workforce(count, count if self.mode == "threads" else 1, here=self.mode != "processes")

    def flags(self) -> list[str]:
        """Beam's options for these settings."""
        return [
            f"--direct_running_mode={_DIRECT_MODES[self.mode]}",
            f"--direct_num_workers={self.workforce.tasks}",
        ]

    def problems(self) -> Iterator[BakeryError]:
        """Nothing can be missing."""
        return iter(())

    def run(self, build: Build) -> None:
        """Run a pipeline to its end."""
        from apache_beam.runners.portability.fn_api_runner import FnApiRunner

        from pangeo_forge.pipeline.runner import run_pipeline

        run_pipeline(build, FnApiRunner(), self.flags())

    def close(self) -> None:
        """Nothing was started."""
