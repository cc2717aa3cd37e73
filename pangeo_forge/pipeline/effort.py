"""What work took: counts, bytes, retries, the slowest inputs, memory. Small, and adds up in any order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SLOWEST = 5
SUMS = ("fetched", "cached", "in_place", "failed", "scanned", "bytes_fetched", "retries")
"""Counts that add up; the names of Beam's counters, too."""


@dataclass(frozen=True)
class Slow:
    """An input that took long."""

    seconds: float
    step: str
    """``fetch``, ``scan``, ``read`` or ``refer``."""
    input: str
    """Key and URL, without secrets."""


@dataclass(frozen=True)
class Effort:
    """Totals over inputs and tasks. What a retry by the engine repeats is counted once: only results that count bring theirs."""

    fetched: int = 0
    """Inputs that came over the network."""
    cached: int = 0
    """Inputs found in the cache."""
    in_place: int = 0
    """Inputs read where they are: local files, services, stores."""
    failed: int = 0
    scanned: int = 0
    bytes_fetched: int = 0
    retries: int = 0
    """Attempts of fetching after the first."""
    slowest: tuple[Slow, ...] = ()
    """The slowest first; an input stands there once, with its slowest step."""
    peak_process: int = 0
    """Most resident bytes of a worker process."""
    peak_task: int = 0
    """Most bytes that one task added to its process."""
    workers: frozenset[str] = frozenset()
    """Processes that took part."""

    def merge(self, other: Effort) -> Effort:
        """Both together; associative and commutative."""
        return Effort.join((self, other))

    @classmethod
    def join(cls, efforts: Sequence[Effort]) -> Effort:
        """All together."""
        return cls(
            **{name: sum(getattr(e, name) for e in efforts) for name in SUMS},
            slowest=slowest_of(s for e in efforts for s in e.slowest),
            peak_process=max((e.peak_process for e in efforts), default=0),
            peak_task=max((e.peak_task for e in efforts), default=0),
            workers=frozenset().union(*(e.workers for e in efforts)),
        )

    def to_json(self) -> dict[str, Any]:
        """For the run's record."""
        data = asdict(self)
        data["workers"] = len(self.workers)
        data["slowest"] = [{**asdict(s), "seconds": round(s.seconds, 3)} for s in self.slowest]
        return data


def slowest_of(found: Iterable[Slow]) -> tuple[Slow, ...]:
    """The slowest few; of an input its slowest step."""
    most: dict[str, Slow] = {}
    for slow in found:
        known = most.get(slow.input)
        if known is None or _rank(slow) < _rank(known):
            most[slow.input] = slow
    return tuple(sorted(most.values(), key=_rank)[:SLOWEST])


def _rank(slow: Slow) -> tuple[float, str, str]:
    return -slow.seconds, slow.step, slow.input
