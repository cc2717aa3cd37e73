"""Who shows what a run tells: stages, counts, bytes. The command line, notebooks and tests each have a front end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """A front end. All methods may be called from any thread."""

    def start(self, stage: str, total: int, total_bytes: int | None = None) -> None:
        """A stage begins: ``total`` things to do, ``total_bytes`` bytes if they are known."""
        ...

    def advance(self, stage: str, count: int = 1, nbytes: int = 0) -> None:
        """``count`` more things are done, ``nbytes`` more bytes have moved."""
        ...

    def note(self, text: str) -> None:
        """A line for the log."""
        ...

    def finish(self, stage: str) -> None:
        """The stage is over."""
        ...


class Silent:
    """Shows nothing."""

    def start(self, stage: str, total: int, total_bytes: int | None = None) -> None:
        """Nothing."""

    def advance(self, stage: str, count: int = 1, nbytes: int = 0) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def finish(self, stage: str) -> None:
        """Nothing."""


@dataclass
class Recorder:
    """Keeps all that was told, for tests and reports."""

    done: dict[str, int] = field(default_factory=dict)
    nbytes: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self, stage: str, total: int, total_bytes: int | None = None) -> None:
        """Remember the stage's total."""
        self.totals[stage] = total

    def advance(self, stage: str, count: int = 1, nbytes: int = 0) -> None:
        """Add to the stage's counts."""
        with self._lock:
            self.done[stage] = self.done.get(stage, 0) + count
            self.nbytes[stage] = self.nbytes.get(stage, 0) + nbytes

    def note(self, text: str) -> None:
        """Remember the line."""
        self.notes.append(text)

    def finish(self, stage: str) -> None:
        """Nothing more to remember."""
