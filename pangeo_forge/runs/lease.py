"""One run at a time per dataset: a lease in the dataset's home, taken and renewed by conditional puts.

A lease expires, so a run whose machine is gone blocks nobody for long. On the machine where its holder ran, a lease of a
process that is dead is free at once. Each new holder gets a higher number (a fencing token, as in M. Kleppmann, "How to
do distributed locking", 2016): a run that slept through its lease finds a higher number before it publishes, and stops.

Clocks are not trusted to agree. Where a lease has run out by our clock, or that of another machine runs on for longer than
any lease does, it is watched for a while: one that is renewed is held, whatever the clocks say, and one that is not is free.
"""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

from pangeo_forge.errors import PangeoForgeError, TargetError
from pangeo_forge.targets.conditional import Conflict, Tag, put_if, read_tagged
from pangeo_forge.targets.objects import ObjectStore

KEY = "lease.json"
_HELD_HERE: set[str] = set()
"""Nonces of the leases that this process holds."""

SECONDS = 180.0
"""How long a lease holds without being renewed. It is renewed after a third of that, so two renewals may fail."""
AGREEING = 60.0
"""Seconds by which clocks may differ and are still said to agree."""
LONG_AGO = 86_400.0
"""A lease that ran out so many seconds ago is not doubted: no time zone explains it."""

Standing = Literal["held", "free", "doubtful"]


@dataclass(frozen=True)
class Holder:
    """Who holds a lease."""

    run: str
    nonce: str
    host: str
    machine: str
    """Boot and process namespace: only there does ``pid`` mean anything."""
    pid: int
    born: float | None
    """When the process began; a later process of the same number is another one."""
    since: float
    expires: float
    token: int

    @classmethod
    def this_process(cls, run: str, token: int, now: float, seconds: float) -> Holder:
        """This process as the next holder."""
        pid = os.getpid()
        return cls(run, uuid4().hex, socket.gethostname(), _machine(), pid, _born(pid), now, now + seconds, token)

    def standing(self, now: float, seconds: float = SECONDS) -> Standing:
        """Whether the lease holds, as far as the record and our clock tell.

        Parameters
        ----------
        seconds: how long a lease holds.
        """
        if self.machine == _machine():
            # A process that is there may sleep, or somebody has put the clock on.
            return (
                "free" if not self.expires or not self._is_running() else "held" if now < self.expires else "doubtful"
            )
        if not self.expires or now >= self.expires + LONG_AGO:
            return "free"
        if self._never_expires or now < self.expires <= now + seconds + AGREEING:
            return "held"
        return "doubtful"

    def is_live(self, now: float) -> bool:
        """Whether the lease surely holds."""
        return self.standing(now) == "held"

    def _is_running(self) -> bool:
        if self.pid == os.getpid() and self.born == _born(self.pid):
            # A notebook goes on after a run that could not give its lease back (a full disk).
            return self.nonce in _HELD_HERE
        return _born(self.pid) == self.born

    @property
    def _never_expires(self) -> bool:
        return self.expires == float("inf")

    def describe(self) -> str:
        """For messages."""
        if self._never_expires:
            return "a run of another version of this program"
        since, expires = (
            datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") for t in (self.since, self.expires)
        )
        return f"run {self.run} on {self.host}, process {self.pid}, since {since}, until {expires} unless it is renewed"

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self), indent=1).encode()


def read_holder(objects: ObjectStore) -> tuple[Holder | None, Tag]:
    """Who has the lease or had it last."""
    data, tag = read_tagged(objects, KEY)
    if data is None:
        return None, tag
    try:
        return Holder(**json.loads(data)), tag
    except (ValueError, TypeError):
        # Written by another version: nobody can be recognised in it, so it can only be stolen.
        return Holder("unknown", "", "unknown", "", 0, 0.0, 0.0, float("inf"), 0), tag


class Lease:
    """A lease that this process holds; renewed by a thread of its own until it is released."""

    def __init__(self, objects: ObjectStore, holder: Holder, seconds: float, clock: Callable[[], float]) -> None:
        self._objects, self._holder, self._seconds, self._clock = objects, holder, seconds, clock
        self._lost: TargetError | None = None
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._renew_until_stopped, name="lease", daemon=True)

    @classmethod
    def take(
        cls,
        objects: ObjectStore,
        run: str,
        *,
        steal: bool = False,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] | None = None,
    ) -> Lease:
        """Take the lease of a dataset.

        Parameters
        ----------
        seconds: how long it holds without being renewed.
        wait: for so many seconds, while a lease is watched.
        tell: called with a line for the user before that.

        Raises
        ------
        TargetError: T040 when another run holds it; the message says which.
        """
        known, tag = read_holder(objects)
        if known is not None and not steal:
            standing = known.standing(clock(), seconds)
            if standing == "held":
                raise _held(objects, known)
            if standing == "doubtful":
                known, tag = _watched(objects, known, tag, clock, seconds, wait, tell)
        now = clock()
        holder = Holder.this_process(run, (known.token if known else 0) + 1, now, seconds)
        try:
            put_if(objects, KEY, holder.to_bytes(), tag)
        except Conflict:
            raise _held(objects, read_holder(objects)[0] or holder) from None
        _HELD_HERE.add(holder.nonce)
        return cls(objects, holder, seconds, clock)

    @property
    def token(self) -> int:
        """Number of this holder; higher than that of every holder before."""
        return self._holder.token

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def check(self) -> None:
        """Renew, and raise when the lease was lost: call it before anything becomes visible.

        Raises
        ------
        TargetError: T041 another run has taken over.
        """
        if self._lost is None:
            self._renew()
        if self._lost is not None:
            raise self._lost

    def release(self) -> None:
        """Let the next run in; the token stays, so that it can only grow."""
        self._stop.set()
        _HELD_HERE.discard(self._holder.nonce)
        if self._thread.is_alive():
            self._thread.join(10)
        with self._guard:
            known, tag = read_holder(self._objects)
            if known is not None and known.nonce == self._holder.nonce:
                try:
                    put_if(self._objects, KEY, replace(known, expires=0.0).to_bytes(), tag)
                except Conflict:
                    return

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(self._seconds / 3):
            # The store may answer again at the next renewal; check() decides.
            with suppress(Exception):
                self._renew()
            if self._lost is not None:
                return

    def _renew(self) -> None:
        with self._guard:
            known, tag = read_holder(self._objects)
            if known is None or known.nonce != self._holder.nonce:
                self._lost = _lost(self._objects, known)
                return
            renewed = replace(self._holder, expires=self._clock() + self._seconds)
            try:
                put_if(self._objects, KEY, renewed.to_bytes(), tag)
            except Conflict:
                self._lost = _lost(self._objects, read_holder(self._objects)[0])
                return
            self._holder = renewed


@contextmanager
def held(
    objects: ObjectStore,
    run: str,
    *,
    steal: bool = False,
    seconds: float = SECONDS,
    tell: Callable[[str], None] | None = None,
) -> Iterator[Lease]:
    """Hold the lease of a dataset while the body runs."""
    lease = Lease.take(objects, run, steal=steal, seconds=seconds, tell=tell)
    lease.start()
    try:
        yield lease
    finally:
        # What happened in the body is what the user must see. A lease that is not given back expires.
        with suppress(PangeoForgeError, OSError):
            lease.release()


def _watched(
    objects: ObjectStore,
    known: Holder,
    tag: Tag,
    clock: Callable[[], float],
    seconds: float,
    wait: Callable[[float], None],
    tell: Callable[[str], None] | None,
) -> tuple[Holder | None, Tag]:
    """Watch a lease of which our clock tells nothing certain; the record when it is free.

    One that has run out needs a confirmation only: a little more than the time between two renewals.

    Raises
    ------
    TargetError: T040 when it is renewed meanwhile, so somebody lives.
    """
    patience = seconds * 5 / 12 if clock() >= known.expires else seconds
    if tell is not None:
        tell(f"{known.describe()}: is it still at work? its lease is watched for up to {patience:.0f} s")
    pause = seconds / 18
    for _ in range(math.ceil(patience / pause)):
        wait(pause)
        later, now_tagged = read_holder(objects)
        if now_tagged != tag:
            if later is not None and later.expires:
                skew = "; it goes on renewing its lease, so the clocks of its machine and of this one differ"
                raise _held(objects, later, skew if later.nonce == known.nonce else "")
            return later, now_tagged
    return known, tag


def _held(objects: ObjectStore, holder: Holder, more: str = "") -> TargetError:
    return TargetError(
        f"another run works on this dataset: {holder.describe()}{more}",
        code="T040",
        where=objects.url,
        hint="wait for its end; if you are sure that it is dead, add --steal-lease",
    )


def _lost(objects: ObjectStore, holder: Holder | None) -> TargetError:
    by = f"by {holder.describe()}" if holder else "(it was removed)"
    return TargetError(
        f"this run's lease was taken over {by}, so it stops before it changes what readers see",
        code="T041",
        where=objects.url,
        hint="see what the other run did, then run again; what is done is kept",
    )


def _machine() -> str:
    parts = [socket.gethostname()]
    with suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:
        parts.append(file.read().strip())
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _born(pid: int) -> float | None:
    """When a process began, in seconds after boot; None when there is none of that number (a zombie is none)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            # The name in parentheses may hold anything; after it: state, and 19 fields on the start in clock ticks.
            fields = file.read().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except FileNotFoundError:
        pass
    except OSError:
        return None
    if os.path.exists("/proc/self/stat"):
        return None
    import psutil

    try:
        return round(float(psutil.Process(pid).create_time()))
    except psutil.Error:
        return None
