"""This machine: Beam's FnApiRunner in threads, processes, or the calling thread."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.engines.protocol import Build, Workforce

Mode = Literal["threads", "processes", "single"]

_DIRECT_MODES = {"threads": "multi_threading", "processes": "in_memory", "single": "in_memory"}
"""``in_memory`` means: in the environment that the runner is given, by default this thread."""
DEBUG = "PANGEO_FORGE_DEBUG"
"""Environment variable by which everything is shown."""


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

    def _environment(self) -> Any:
        """How worker processes are started; None: there are none.

        Beam's own command for them lets each write some hundred lines of its set-up to standard error, into the progress
        bars. What a worker has to say comes back as values, and in the error that the runner raises.
        """
        if self.mode != "processes":
            return None
        from apache_beam.transforms.environments import SubprocessSDKEnvironment

        said = "" if os.environ.get(DEBUG) else f" >{os.devnull} 2>&1"
        command = f"exec {shlex.quote(sys.executable)} -m apache_beam.runners.worker.sdk_worker_main{said}"
        return SubprocessSDKEnvironment.from_command_string(command_string=command)

    def problems(self) -> Iterator[BakeryError]:
        """Nothing can be missing."""
        return iter(())

    def run(self, build: Build) -> None:
        """Run a pipeline to its end."""
        from apache_beam.runners.portability.fn_api_runner import FnApiRunner

        from pangeo_forge.pipeline.runner import run_pipeline

        run_pipeline(build, FnApiRunner(default_environment=self._environment()), self.flags())

    def close(self) -> None:
        """Nothing was started."""
