"""How long the stages of a run take, for the estimate of the whole run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Stopwatch:
    """A front end of a run that keeps the seconds of each stage, and says which one began."""

    began: Callable[[str], None] = lambda stage: None
    seconds: dict[str, float] = field(default_factory=dict)
    _running: dict[str, float] = field(default_factory=dict)

    def start(self, stage: str, total: int, total_bytes: int | None = None) -> None:
        """The stage begins."""
        self._running[stage] = time.monotonic()
        self.began(stage)

    def advance(self, stage: str, count: int = 1, nbytes: int = 0) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finish(self, stage: str) -> None:
        """The stage is over."""
        if stage in self._running:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.monotonic() - self._running.pop(stage)
