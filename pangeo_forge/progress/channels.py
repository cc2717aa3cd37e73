"""How work that may run anywhere finds the reporter of its process."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pangeo_forge.errors import BakeryError
from pangeo_forge.progress.beacon import Beacon
from pangeo_forge.progress.front_end import Progress
from pangeo_forge.progress.monitor import Monitor, Screen
from pangeo_forge.progress.report import ReportFolder
from pangeo_forge.progress.reporter import Reporter
from pangeo_forge.progress.stall import Patience

FASTEST = 1.0
"""Seconds between two puts of one worker, at least."""
PUTS_A_SECOND = 33
"""Of all workers together: with many workers each puts more rarely."""
SLOWEST = 60.0


@dataclass(frozen=True)
class Channel:
    """Names a run's watchers; picklable."""

    name: str
    folder: ReportFolder | None = None
    """Where other processes put their reports; None: they tell nothing."""
    interval: float = FASTEST
    """Seconds between two reports of a process, at least."""


_here: dict[str, Monitor] = {}
_beacons: dict[str, Beacon] = {}
_lock = threading.Lock()
_nobody = Reporter()
_over = Reporter()
_over.stopped.set()
_made: set[str] = set()
"""Channels of this process, those that are over included."""
_given_up: set[str] = set()


@contextmanager
def channel(
    front_end: Progress,
    folder: str | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    workers: int = 1,
    patience: Patience | None = None,
) -> Iterator[Channel]:
    """Watch a run while the block lasts; what it yields leads workers to ``front_end``.

    Parameters
    ----------
    folder: a folder (path or fsspec URL, with its ``options``) for reports of other processes; None: there are none.
    workers: how many processes will report: with many, each does so more rarely.
    """
    interval = min(SLOWEST, max(FASTEST, workers / PUTS_A_SECOND))
    # Not copied: options may hold names of secrets, whose values a copy would look up.
    where = None if folder is None else ReportFolder(folder, options or {})
    made = Channel(uuid4().hex, where, interval)
    screen = Screen(front_end)
    monitor = Monitor(Reporter(screen), screen, where, interval, patience or Patience())
    _here[made.name] = monitor
    _made.add(made.name)
    monitor.start()
    try:
        yield made
    finally:
        del _here[made.name]
        monitor.close()


def at(channel: Channel | None) -> Reporter:
    """The reporter of this process for a run; one that nobody listens to when there is no run, or it is over."""
    if channel is None:
        return _nobody
    monitor = _here.get(channel.name)
    if monitor is not None:
        return monitor.reporter
    if channel.name in _given_up:
        return _over
    if channel.folder is None or channel.name in _made:
        return _nobody
    with _lock:
        beacon = _beacons.get(channel.name)
        if beacon is None:
            # A worker process serves one run at a time: what it told of others is over.
            _beacons.clear()
            beacon = _beacons[channel.name] = Beacon(Reporter(), channel.folder, channel.interval)
    beacon.ensure()
    return beacon.reporter


def monitor_of(channel: Channel | None) -> Monitor | None:
    """The driver's monitor of a run; None in other processes."""
    return None if channel is None else _here.get(channel.name)


def verdict(channel: Channel | None) -> BakeryError | None:
    """Why a run must end now, if it must."""
    monitor = monitor_of(channel)
    return None if monitor is None else monitor.verdict


def give_up(channel: Channel | None) -> None:
    """Tell all workers of a run to stop before they write again."""
    monitor = monitor_of(channel)
    if channel is not None and monitor is not None:
        _given_up.add(channel.name)
        monitor.give_up()
