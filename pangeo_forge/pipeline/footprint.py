"""Memory that tasks really take, beside what the plan projects: the kernel's own peak of the process, task by task."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_STATUS = "/proc/self/status"


class Footprint:
    """What one task measured; filled in at its end."""

    process: int = 0
    """Most resident bytes of the process while the task ran."""
    task: int = 0
    """Bytes that the task added; tasks that ran at the same time share evenly. 0: this system does not tell."""


_lock = threading.Lock()
_running = 0
_most = 0
_base = 0


@contextmanager
def measured() -> Iterator[Footprint]:
    """Measure the task that the block does."""
    global _running, _most, _base
    with _lock:
        if not _running:
            _base, _most = _begin_anew(), 0
        _running += 1
        _most = max(_most, _running)
    found = Footprint()
    try:
        yield found
    finally:
        with _lock:
            found.process = _peak()
            found.task = max(0, found.process - _base) // max(1, _most) if _base else 0
            _running -= 1


def _begin_anew() -> int:
    """Resident bytes now; the kernel's record of the peak begins anew. 0: unknown."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        return _status("VmRSS")
    except OSError:
        return 0


def _peak() -> int:
    with suppress(OSError):
        return _status("VmHWM")
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(name: str) -> int:
    with open(_STATUS) as file:
        for line in file:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
