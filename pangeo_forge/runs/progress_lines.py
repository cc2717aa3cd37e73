"""Progress as lines on standard error: what logs keep."""

from __future__ import annotations

import sys
import time

from pangeo_forge.plan.layout import format_bytes


class Lines:
    """One line a stage, for logs."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._counts: dict[str, list[int]] = {}

    def start(self, stage: str, total: int, total_bytes: int | None = None) -> None:
        """Remember when it began."""
        self._began[stage] = time.monotonic()
        self._counts[stage] = [0, 0]

    def advance(self, stage: str, count: int = 1, nbytes: int = 0) -> None:
        """Count."""
        counts = self._counts.setdefault(stage, [0, 0])
        counts[0] += count
        counts[1] += nbytes

    def note(self, text: str) -> None:
        """A line."""
        print(text, file=sys.stderr, flush=True)

    def finish(self, stage: str) -> None:
        """The stage's line."""
        count, nbytes = self._counts.get(stage, [0, 0])
        moved = f", {format_bytes(nbytes)}" if nbytes else ""
        seconds = time.monotonic() - self._began.get(stage, time.monotonic())
        print(f"{stage}: {count:,}{moved}, {seconds:.1f} s", file=sys.stderr, flush=True)
