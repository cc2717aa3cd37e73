"""What one process tells of its work: what is done, and what is under way since when."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pangeo_forge.progress.front_end import Progress, Silent

SHOWN = 20
"""Things under way that are told, the longest first; and lines that are kept for the driver."""


class Stopped(Exception):
    """The run was given up: work that is still under way must not write."""


@dataclass(frozen=True)
class Doing:
    """Something under way."""

    step: str
    """``fetch``, ``scan``, ``read``, ``write`` ..."""
    name: str
    """An input's key and URL without secrets, or a task's number and region."""
    seconds: float
    worker: str = ""
    """``host:process``; empty for the driver itself."""


@dataclass
class Stage:
    """Counts of one stage."""

    total: int = 0
    total_bytes: int | None = None
    done: int = 0
    nbytes: int = 0


@dataclass
class Reporter:
    """Counts, and passes on to a front end where it is in this process. All methods may be called from any thread."""

    front_end: Progress = field(default_factory=Silent)
    stages: dict[str, Stage] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """The latest lines."""
    noted: int = 0
    """Lines so far."""
    stopped: threading.Event = field(default_factory=threading.Event, repr=False)
    _doing: dict[int, tuple[str, str, float]] = field(default_factory=dict, repr=False)
    _sources: list[tuple[str, Callable[[], Mapping[str, float]]]] = field(default_factory=list, repr=False)
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self, stage: str, total: int, total_bytes: int | None = None) -> None:
        """A stage begins."""
        with self._lock:
            self.stages[stage] = Stage(total, total_bytes)
        self.front_end.start(stage, total, total_bytes)

    def advance(self, stage: str, count: int = 1, nbytes: int = 0) -> None:
        """``count`` more things are done, ``nbytes`` more bytes have moved."""
        with self._lock:
            known = self.stages.setdefault(stage, Stage())
            known.done += count
            known.nbytes += nbytes
        self.front_end.advance(stage, count, nbytes)

    def note(self, text: str) -> None:
        """A line for the log."""
        with self._lock:
            self.noted += 1
            self.notes.append(text)
            del self.notes[:-SHOWN]
        self.front_end.note(text)

    def finish(self, stage: str) -> None:
        """The stage is over."""
        self.front_end.finish(stage)

    @contextmanager
    def doing(self, step: str, name: str) -> Iterator[None]:
        """Something is under way while the block lasts.

        Raises
        ------
        Stopped: the run was given up in the meantime.
        """
        self.check()
        number = next(self._numbers)
        self._doing[number] = (step, name, time.monotonic())
        try:
            yield
        finally:
            self._doing.pop(number, None)

    def watch(self, step: str, source: Callable[[], Mapping[str, float]]) -> None:
        """``source`` tells what else is under way when it is asked: names, and since when (``time.monotonic``)."""
        self._sources.append((step, source))

    def check(self) -> None:
        """Raise :class:`Stopped` when the run was given up: call it before anything is written."""
        if self.stopped.is_set():
            raise Stopped

    def under_way(self) -> list[Doing]:
        """What is under way, the longest first."""
        now = time.monotonic()
        found = [Doing(step, name, now - began) for step, name, began in list(self._doing.values())]
        for step, source in self._sources:
            found += [Doing(step, name, now - began) for name, began in source().items()]
        return sorted(found, key=lambda d: -d.seconds)[:SHOWN]

    def moved(self) -> tuple[int, int]:
        """Things done and bytes moved so far, in all stages."""
        with self._lock:
            return sum(s.done for s in self.stages.values()), sum(s.nbytes for s in self.stages.values())
