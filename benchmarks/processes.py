"""Runs a command as a whole process and measures it: wall and CPU seconds, peak memory, children included."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Usage:
    """What one process, with all its children, has used."""

    wall: float
    user: float
    system: float
    peak: int
    """Largest resident memory in bytes: sum over the process tree, sampled; never less than the largest process."""
    load: float
    """Load average of the machine when it began: figures taken on a busy machine say so."""
    status: int
    """Exit code; -1: stopped because it took too long."""

    @property
    def cpu(self) -> float:
        """User and system seconds."""
        return self.user + self.system


def run(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    limit: float = 1800,
    first: bool = False,
) -> Usage:
    """Run ``command`` to its end (at most ``limit`` seconds); what it prints goes to ``log``.

    Parameters
    ----------
    first: give it the CPUs before all others (see :func:`_go_first`).
    """
    # Byte code is cached, as on any machine but one that forbids it: compiling sources is not what is measured.
    around = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    load, began = os.getloadavg()[0], time.perf_counter()
    with open(log, "wb") as out:
        process = subprocess.Popen(  # the rest of the machine must not hear of a stopped group
            [str(part) for part in command], stdout=out, stderr=subprocess.STDOUT, env={**around, **(env or {})},
            start_new_session=True, preexec_fn=_go_first if first else None,
        )  # fmt: skip
    watch = _Watch(process.pid, limit)
    watch.start()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    watch.ended.set()
    watch.join()
    code = -1 if watch.stopped else os.waitstatus_to_exitcode(status)
    return Usage(wall, used.ru_utime, used.ru_stime, max(watch.peak, used.ru_maxrss * 1024), load, code)


def _go_first() -> None:
    """Put this process's session before all others: Linux shares CPUs between sessions first, whatever their niceness."""
    Path("/proc/self/autogroup").write_text("-20")


class _Watch(threading.Thread):
    """Samples the memory of a process tree, and ends the tree when its time is over."""

    def __init__(self, pid: int, limit: float) -> None:
        super().__init__(daemon=True)
        self.peak, self.stopped, self.ended = 0, False, threading.Event()
        self._pid, self._deadline = pid, time.monotonic() + limit

    def run(self) -> None:
        """Sample until the process has ended."""
        root = psutil.Process(self._pid)
        while not self.ended.wait(SAMPLE_SECONDS):
            family = [root]
            try:
                family += root.children(recursive=True)
                self.peak = max(self.peak, sum(_resident(p) for p in family))
            except psutil.Error:
                continue
            if time.monotonic() > self._deadline:
                self.stopped = True
                for member in family:
                    _kill(member)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return
