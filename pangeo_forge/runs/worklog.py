"""What a run's work has taken so far. Filled in as it goes, so that a run that fails has it in its record, too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.pipeline.effort import Effort


@dataclass
class WorkLog:
    """Totals over all pipelines of a run, and the seconds of each step of the driver."""

    effort: Effort = field(default_factory=Effort)
    seconds: dict[str, float] = field(default_factory=dict)
    tasks: int = 0
    resumed: int = 0
    """Tasks that an earlier run had done."""

    def add(self, effort: Effort) -> None:
        """A pipeline is over."""
        self.effort = self.effort.merge(effort)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Count the seconds of the block for ``step``."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - began

    def to_json(self) -> dict[str, Any]:
        """For the run's record and ``--json``."""
        seconds = {k: round(v, 3) for k, v in self.seconds.items()}
        return {**self.effort.to_json(), "tasks": self.tasks, "tasks_resumed": self.resumed, "seconds": seconds}
