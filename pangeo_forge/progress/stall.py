"""When a run is stuck, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pangeo_forge.progress.reporter import Doing

NEVER = float("inf")
MEANINGFUL_BYTES = 2**20
"""A server that trickles makes no progress: so many bytes must come before they count."""
NAMED = 5
"""Things under way that a warning names."""


@dataclass(frozen=True)
class Patience:
    """How long nothing may move, in seconds."""

    warn: float = NEVER
    """Then a line names the step and what is under way; again after each further such time."""
    end: float = NEVER
    """Then the run ends."""


@dataclass
class StallClock:
    """Measures how long nothing has moved. Time is handed in, so that tests need not wait."""

    patience: Patience
    since: float
    """When something moved last."""
    _done: int = 0
    _nbytes: int = 0
    _warned: int = 0

    def see(self, now: float, done: int, nbytes: int) -> bool:
        """Take in what is done by now; whether a warning is due.

        Parameters
        ----------
        done, nbytes: sums over all stages and workers; any change of ``done`` is progress, bytes as they add up.
        """
        if done != self._done or abs(nbytes - self._nbytes) >= MEANINGFUL_BYTES:
            self._done, self._nbytes = done, nbytes
            self.reset(now)
        times = int((now - self.since) / self.patience.warn)
        due = times > self._warned
        self._warned = max(times, self._warned)
        return due

    def reset(self, now: float) -> None:
        """Something moved."""
        self.since, self._warned = now, 0

    def is_over(self, now: float) -> bool:
        """Whether the run should end."""
        return now - self.since >= self.patience.end


def describe(seconds: float, steps: Iterable[str], under_way: Iterable[Doing]) -> str:
    """``no progress for 31 min in write (3 of 40 done); under way:`` and a table."""
    where = " and ".join(steps)
    text = f"no progress for {duration(seconds)}" + (f" in {where}" if where else "")
    doing = list(under_way)
    if not doing:
        return f"{text}; no worker tells of anything under way"
    rows = [(d.step, d.name, f"for {duration(d.seconds)}", f"on {d.worker}" if d.worker else "") for d in doing[:NAMED]]
    widths = [max(len(r[i]) for r in rows) for i in range(3)]
    lines = ["  ".join([*(c.ljust(w) for c, w in zip(r, widths, strict=False)), r[3]]).rstrip() for r in rows]
    more = f"\n  ... and {len(doing) - NAMED} more" if len(doing) > NAMED else ""
    return f"{text}; under way:\n  " + "\n  ".join(lines) + more


def duration(seconds: float) -> str:
    """``45 s``, ``31 min``, ``2 h 05 min``."""
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = int(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
