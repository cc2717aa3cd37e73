"""From the fetcher's counts to the front end of a run: a bar of files and bytes, and a line for each new attempt."""

from __future__ import annotations

import threading

from pangeo_forge.inputs.fetch.progress import Snapshot
from pangeo_forge.progress import Progress

STAGE = "fetch"


class FetchWatch:
    """A listener of :class:`~pangeo_forge.inputs.fetch.progress.Progress`. Shows nothing until the network is used.

    Parameters
    ----------
    front_end: what shows it.
    total: number of inputs of the run.
    """

    def __init__(self, front_end: Progress, total: int) -> None:
        self._front_end = front_end
        self._total = total
        self._files = self._bytes = 0
        self._started = False
        self._told: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, seen: Snapshot) -> None:
        """Tell what is new since the last snapshot."""
        with self._lock:
            fresh = {k: why for k, why in seen.retrying.items() if self._told.get(k) != why}
            self._told = dict(seen.retrying)
            self._advance(seen)
        for name, why in fresh.items():
            self._front_end.note(f"retrying {name}: {why}")

    def finish(self, seen: Snapshot) -> None:
        """Tell the rest; the stage is over."""
        self(seen)
        with self._lock:
            if self._started:
                self._front_end.finish(STAGE)
            self._started = False

    def _advance(self, seen: Snapshot) -> None:
        if not self._started:
            if seen.bytes_done <= self._bytes:
                return
            self._front_end.start(STAGE, self._total)
            self._started = True
        files = seen.files_done + seen.files_failed
        # Snapshots of two threads may come in the other order.
        moved, done = max(0, seen.bytes_done - self._bytes), max(0, files - self._files)
        self._front_end.advance(STAGE, done, moved)
        self._bytes, self._files = self._bytes + moved, self._files + done
