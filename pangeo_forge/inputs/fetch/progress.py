"""What a run is fetching: files, bytes, rate, time left, and what is being tried again. Front ends render snapshots."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Snapshot:
    """The state of a fetch at one moment."""

    files_done: int
    files_failed: int
    files_total: int | None
    bytes_done: int
    """Bytes that came over the network, in this process."""
    rate: float
    """Bytes a second, over the last ten seconds."""
    eta: float | None
    """Seconds to go, by files; None when unknown."""
    retrying: dict[str, str]
    """What is waiting for another attempt: label or URL, and why."""

    def __str__(self) -> str:
        total = "?" if self.files_total is None else self.files_total
        eta = "" if self.eta is None else f", {self.eta:.0f} s to go"
        trying = f", retrying {len(self.retrying)}: {next(iter(self.retrying.items()))}" if self.retrying else ""
        failed = f", {self.files_failed} failed" if self.files_failed else ""
        amount = f"{self.bytes_done / 1e6:.1f} MB, {self.rate / 1e6:.1f} MB/s"
        return f"{self.files_done}/{total} files, {amount}{eta}{failed}{trying}"


COSTS = 4096
"""Inputs of which it is remembered what they took, until somebody asks."""


@dataclass(frozen=True)
class Cost:
    """What fetching one input took; nothing when it was here already."""

    seconds: float = 0.0
    retries: int = 0


@dataclass
class Progress:
    """Counts; thread-safe. ``listener`` is called with a snapshot at most every ``interval`` seconds."""

    listener: Callable[[Snapshot], None] | None = None
    interval: float = 1.0
    total: int | None = None
    _done: int = 0
    _failed: int = 0
    _bytes: int = 0
    _retrying: dict[str, str] = field(default_factory=dict)
    _begun: dict[str, float] = field(default_factory=dict)
    _retries: dict[str, int] = field(default_factory=dict)
    _costs: dict[str, Cost] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _marks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=64))
    _told: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add_bytes(self, count: int) -> None:
        """``count`` bytes came in."""
        with self._lock:
            self._bytes += count
        self._tell()

    def started(self, name: str) -> None:
        """``name`` is asked for over the network: at first, or again."""
        with self._lock:
            self._begun.setdefault(name, time.monotonic())

    def ended(self, name: str) -> None:
        """``name`` is no longer under way."""
        with self._lock:
            self._end(name)

    def _end(self, name: str) -> None:
        began = self._begun.pop(name, None)
        if began is not None:
            self._costs[name] = Cost(time.monotonic() - began, self._retries.pop(name, 0))
            if len(self._costs) > COSTS:
                del self._costs[next(iter(self._costs))]

    def under_way(self) -> dict[str, float]:
        """What is being fetched, and since when (``time.monotonic``)."""
        with self._lock:
            return dict(self._begun)

    def cost(self, name: str) -> Cost:
        """What fetching ``name`` took; told once."""
        with self._lock:
            return self._costs.pop(name, Cost())

    def again(self, name: str) -> None:
        """An attempt for ``name`` has failed, and the next follows at once."""
        with self._lock:
            self._again(name)

    def _again(self, name: str) -> None:
        self._retries[name] = self._retries.get(name, 0) + 1

    def retrying(self, name: str, why: str) -> None:
        """``name`` waits for another attempt."""
        with self._lock:
            self._retrying[name] = why
            self._again(name)
        self._tell(force=True)

    def settled(self, name: str) -> None:
        """``name`` waits no longer; it is no file to count."""
        with self._lock:
            self._retrying.pop(name, None)

    def finished(self, name: str, *, failed: bool = False) -> None:
        """``name`` is done, or given up."""
        with self._lock:
            self._retrying.pop(name, None)
            self._end(name)
            self._failed += failed
            self._done += not failed
        self._tell()

    def snapshot(self) -> Snapshot:
        """The state now."""
        with self._lock:
            now = time.monotonic()
            while self._marks and now - self._marks[0][0] > 10:
                self._marks.popleft()
            self._marks.append((now, self._bytes))
            since, before = self._marks[0] if len(self._marks) > 1 else (self._started, 0)
            ended = self._done + self._failed
            eta = None
            if self.total is not None and ended:
                eta = (now - self._started) / ended * max(0, self.total - ended)
            rate = (self._bytes - before) / max(now - since, 1e-3)
            return Snapshot(self._done, self._failed, self.total, self._bytes, rate, eta, dict(self._retrying))

    def _tell(self, *, force: bool = False) -> None:
        if self.listener is None:
            return
        now = time.monotonic()
        if force or now - self._told >= self.interval:
            self._told = now
            self.listener(self.snapshot())
