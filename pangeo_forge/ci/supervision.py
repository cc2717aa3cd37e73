"""One run in a process of its own, which may be stopped: at its timeout, at the end of the budget, or by the user.

A run is stopped as by Ctrl-C, which keeps the store sound and what is done; a process that does not end then is killed, which
the store survives as well. A process whose supervisor is gone stops by itself (it reads its end of a pipe).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

End = Literal["itself", "timeout", "budget", "user"]
GRACE = 60.0
"""Seconds between the request to stop and the kill."""
_LOOK = 0.2
CHILD = (sys.executable, "-m", "pangeo_forge.ci.child")


@dataclass(frozen=True)
class Ended:
    """How a run's process ended."""

    answer: Mapping[str, Any] | None
    """What it said of its run; None: nothing."""
    code: int
    """Exit code; negative: the signal that ended it."""
    by: End
    killed: bool = False


def supervise(
    job: Mapping[str, Any],
    *,
    timeout: float,
    budget_ends: float | None = None,
    quiet: bool = False,
    grace: float = GRACE,
    command: Sequence[str] = CHILD,
    cwd: Path | None = None,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Ended:
    """Start a run and see it to its end.

    Parameters
    ----------
    job: what the process is to do; it must be JSON. ``answer`` and ``deadline`` are added.
    timeout: seconds that it may take.
    budget_ends: time of the monotonic clock at which it is stopped, without being to blame.
    stop: set from outside when the user wants an end.
    """
    deadline = clock() + timeout
    with tempfile.TemporaryDirectory(prefix="pangeo-forge-run-") as folder:
        answer = Path(folder) / "answer.json"
        text = json.dumps({**job, "answer": str(answer), "deadline": deadline}) + "\n"
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if quiet else None,
            cwd=cwd,
            start_new_session=True,
            text=True,
        )
        try:
            with suppress(BrokenPipeError):
                assert process.stdin is not None
                process.stdin.write(text)
                process.stdin.flush()
            by = _wait(process, deadline, budget_ends, stop, clock)
            killed = by != "itself" and _end(process, grace)
        except BaseException:
            _end(process, grace)
            raise
        finally:
            # Whatever the run has started and left behind ends with it.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            with suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()
        return Ended(_read(answer), process.returncode, by, killed)


def _wait(
    process: subprocess.Popen[str],
    deadline: float,
    budget_ends: float | None,
    stop: threading.Event | None,
    clock: Callable[[], float],
) -> End:
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK)
            return "itself"
        if stop is not None and stop.is_set():
            return "user"
        if clock() >= deadline:
            return "timeout"
        if budget_ends is not None and clock() >= budget_ends:
            return "budget"


def _end(process: subprocess.Popen[str], grace: float) -> bool:
    """Ask the process and all that it started to stop, then kill them; whether that was needed."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def _read(answer: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(answer.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
