"""How hard a host may be worked: connections, rate and pauses, held across all processes of a machine.

A slot is a file under ``flock``: whoever holds the lock may have one connection to the host. The kernel drops the lock
when a process ends, also by ``kill -9``, so no slot is ever lost. Rate and pauses are one small file a host, changed
under its lock (the generic cell rate algorithm, ITU-T I.371: one number, the time when the next request is due).

Engines that spread over machines share no files; they divide the limits by their number of workers (``workers``).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import re
import struct
import tempfile
import time
from dataclasses import dataclass

from pangeo_forge.inputs.fetch.failure import from_os_error

_POLL = 0.02
_LOOK = 0.05
"""Seconds after which a pause that another process was asked for is noticed."""
_GIVEN_WAY = 2.0
"""Seconds after which it is no longer this process that keeps the others waiting."""
LEASE = 1.0
"""Seconds that a connection may be kept while another process waits for it."""


@dataclass(frozen=True)
class Politeness:
    """Limits for every host.

    Parameters
    ----------
    max_concurrency: connections at a time to one host.
    rate: requests a second to one host; None: no limit.
    folder: what the processes of a machine share; by default one a user in the temporary folder.
    workers: machines that share the limits but not the folder; each takes an even part (at least one connection).
    """

    max_concurrency: int = 8
    rate: float | None = None
    folder: str | None = None
    workers: int = 1

    @property
    def slots(self) -> int:
        """Connections that this machine may have to one host."""
        return max(1, self.max_concurrency // max(1, self.workers))

    @property
    def shared(self) -> str:
        """The folder of the lock files."""
        if self.folder:
            return self.folder
        default = os.path.join(tempfile.gettempdir(), f"pangeo-forge-politeness-{os.getuid()}")
        return os.environ.get("PANGEO_FORGE_POLITENESS", default)

    def host(self, name: str) -> HostGate:
        """The gate of one host."""
        return HostGate(self, name)


class HostGate:
    """Slots, rate and pause of one host."""

    def __init__(self, politeness: Politeness, host: str) -> None:
        readable = re.sub(r"[^A-Za-z0-9.-]", "_", host)[:60]
        self.folder = os.path.join(politeness.shared, f"{readable}-{hashlib.sha256(host.encode()).hexdigest()[:8]}")
        self._slots = politeness.slots
        self._interval = 0.0 if politeness.rate is None else max(1, politeness.workers) / politeness.rate
        try:
            os.makedirs(self.folder, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, self.folder) from error
        self._waiting = os.path.join(self.folder, "waiting")
        self._schedule = os.path.join(self.folder, "schedule")
        self._paused_until = self._looked = 0.0

    def acquire(self) -> Slot:
        """A slot; waits until one is free."""
        if (slot := self.try_acquire()) is not None:
            return slot
        fd = os.open(self._waiting, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH)  # tells the holders that someone waits
            while (slot := self.try_acquire()) is None:
                time.sleep(_POLL * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            return slot
        finally:
            os.close(fd)

    def try_acquire(self) -> Slot | None:
        """A slot, or None when all are taken."""
        start = random.randrange(self._slots)  # noqa: S311 - spreads the processes over the files
        for i in range(self._slots):
            path = os.path.join(self.folder, f"slot-{(start + i) % self._slots}")
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return Slot(self, fd)
            except BlockingIOError:
                os.close(fd)
        return None

    def contended(self) -> bool:
        """True when someone waits for a slot."""
        fd = os.open(self._waiting, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(fd)

    def give_way(self) -> None:
        """Wait after releasing until those who look for a free slot have one, however slow this machine is today."""
        latest = time.monotonic() + _GIVEN_WAY
        time.sleep(_POLL)
        while self.contended() and time.monotonic() < latest:
            time.sleep(_POLL)

    def throttle(self) -> None:
        """Wait until this request is due by the rate, and until a pause that the server asked for is over."""
        while (pause := self._due()) > 0:
            time.sleep(pause)
            if self._interval:
                return

    def _due(self) -> float:
        """Seconds to wait; takes a place in the schedule when there is a rate."""
        now = time.time()
        if not self._interval:
            if not 0 <= now - self._looked < _LOOK:
                self._looked = now
                try:
                    with open(self._schedule, "rb") as file:
                        self._paused_until = _unpack(file.read())[1]
                except FileNotFoundError:
                    self._paused_until = 0.0
            return self._paused_until - now
        with _Locked(self._schedule) as record:
            start = max(now, record.due, record.paused_until)
            record.due = start + self._interval
            return start - now

    def pause(self, seconds: float) -> None:
        """All processes leave the host alone for ``seconds`` (Retry-After)."""
        with _Locked(self._schedule) as record:
            record.paused_until = self._paused_until = max(record.paused_until, time.time() + seconds)


class Slot:
    """The right to one connection, until :meth:`release`."""

    def __init__(self, gate: HostGate, fd: int) -> None:
        self.gate = gate
        self._fd = fd
        self._since = time.monotonic()

    def wanted(self) -> bool:
        """True when the lease is over and another waits: close the connection and release."""
        if time.monotonic() - self._since < LEASE:
            return False
        self._since = time.monotonic()
        return self.gate.contended()

    def release(self) -> None:
        """Give it back; close the connection first."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _Locked:
    """The record of a host, read and rewritten under its lock."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.due = 0.0
        self.paused_until = 0.0

    def __enter__(self) -> _Locked:
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self.due, self.paused_until = _unpack(os.pread(self._fd, 16, 0))
        return self

    def __exit__(self, *_: object) -> None:
        os.pwrite(self._fd, struct.pack("<dd", self.due, self.paused_until), 0)
        os.close(self._fd)


def _unpack(data: bytes) -> tuple[float, float]:
    if len(data) != 16:
        return 0.0, 0.0
    due, paused = struct.unpack("<dd", data)
    # A clock that jumped must not block a host for ever.
    limit = time.time() + 3600
    return (due if due < limit else 0.0), (paused if paused < limit else 0.0)
