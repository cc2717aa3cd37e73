"""Calls functions in a child process that may crash or hang without harm to the run.

All that is opened, and all that is read by somebody else's library, goes there: libhdf5 loops for ever on a damaged heap of strings
or index of chunks (about one in a thousand files with flipped bytes), eccodes and GDAL are large C libraries that damaged files
bring down (eccodes also aborts the process at exit when pyproj is loaded later), and every open has a time limit, which only
another process can keep. What stays in-process are our own readers of chunks: they take bytes from places that are checked
against the size of the file, and hand them to codecs. ``open: {isolate: false}`` keeps everything in-process.

A call costs about 0.3 ms; arrays above ``SHARED_BYTES`` come back in memory that both processes share. A child is kept for
further calls, one for each thread that calls at the same time. It is started with ``subprocess`` and not with
``multiprocessing``, because the workers of some engines are daemons, which may not have children there.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.blame import own_error, own_fault
from pangeo_forge.inputs.damage import GET_AGAIN
from pangeo_forge.inputs.messages import receive, send

_START_SECONDS = 60.0
_SLOWEST = 1e6
"""Bytes a second that a read is given time for on top of its limit."""
_GRACE = 2.0
"""Seconds after which a child whose parent is gone ends by itself."""

_inside = False
"""Whether this process is such a child."""


@dataclass(frozen=True)
class Limits:
    """How calls of a reader's library are contained: plain data that travels with arrays."""

    seconds: float = 60.0
    """Time that one open, or one read of little, may take."""
    isolate: bool = True
    """False: the function is called in this process, without a limit."""

    def call(self, function: Callable[..., Any], *args: Any, where: str, nbytes: int = 0) -> Any:
        """``function(*args)``, contained; with more time for results of many bytes. In a child it is simply called.

        Raises
        ------
        InputError: what the function raised; I120 the child crashed; I121 it took too long.
        """
        if not self.isolate or _inside:
            return function(*args)
        return call(function, *args, timeout=self.seconds + nbytes / _SLOWEST, where=where)


IN_PROCESS = Limits(isolate=False)


class _Lost(Exception):
    """The child ended (``code``) or was too slow (``code`` None)."""

    def __init__(self, code: int | None) -> None:
        self.code = code


class _Child:
    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.environment = dict(os.environ)
        environment = {**self.environment, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
        # -P: nothing is imported from the folder where we happen to be, which may hold a stranger's files.
        command = [sys.executable, "-P", "-m", "pangeo_forge.inputs.isolation", str(theirs.fileno())]
        with theirs:
            # stderr goes nowhere: the libraries' own messages there are not errors of the run.
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.socket = ours
        self.owner = os.getpid()
        self.fresh = True

    def call(self, task: tuple[str, str, tuple[Any, ...]], timeout: float) -> Any:
        # The first call also waits for the interpreter to start, which is not the input's fault.
        allowed = timeout + (_START_SECONDS if self.fresh else 0.0)
        deadline = time.monotonic() + allowed
        try:
            send(self.socket, (*task, allowed, self._news()))
            answer = receive(self.socket, deadline)
        except TimeoutError:  # an OSError, too
            raise _Lost(None) from None
        except (OSError, EOFError):
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            raise _Lost(self.process.poll() or -signal.SIGPIPE) from None
        self.fresh = False
        return answer

    def _news(self) -> dict[str, str | None]:
        """What changed in the environment since the child was told: credentials of object stores are found there."""
        now = dict(os.environ)
        if now == self.environment:
            return {}
        changed: dict[str, str | None] = {k: v for k, v in now.items() if self.environment.get(k) != v}
        changed.update(dict.fromkeys(set(self.environment) - set(now)))
        self.environment = now
        return changed

    def end(self) -> None:
        self.socket.close()
        if self.owner == os.getpid():
            self.process.kill()
            self.process.wait()


_at_work = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
"""More children than processors would only take memory: calls wait for one of them."""
_idle: list[_Child] = []
_lock = threading.Lock()


def call(function: Callable[..., Any], *args: Any, timeout: float, where: str) -> Any:
    """``function(*args)`` in a child process; both must pickle.

    Raises
    ------
    InputError: what the function raised; I120 the child crashed; I121 it took longer than ``timeout`` seconds.
    """
    with _at_work:
        kind, value = _called((function.__module__, function.__qualname__, args), timeout, where)
    if kind == "ok":
        return value
    if isinstance(value, PangeoForgeError):
        value.where = value.where or where
        raise value
    raise InputError(f"cannot be read: {value}", code="I110", where=where, hint="the file may be damaged")


def _called(task: tuple[str, str, tuple[Any, ...]], timeout: float, where: str) -> tuple[str, Any]:
    child = _take()
    try:
        answer: tuple[str, Any] = child.call(task, timeout)
    except _Lost as lost:
        child.end()
        if lost.code in (None, -signal.SIGALRM):
            hint = "the file is likely damaged; else set open.timeout"
            raise InputError(f"took longer than {timeout:g} s", code="I121", where=where, hint=hint) from None
        raise InputError(
            f"the reader's library crashed on it ({_ending(lost.code or 0)})",
            code="I120",
            where=where,
            hint=GET_AGAIN,
        ) from None
    except BaseException:
        child.end()
        raise
    with _lock:
        _idle.append(child)
    return answer


def _take() -> _Child:
    with _lock:
        # Children of a process that forked belong to the parent alone.
        _idle[:] = [c for c in _idle if c.owner == os.getpid()]
        while _idle:
            child = _idle.pop()
            if child.process.poll() is None:
                return child
            child.end()
    return _Child()


@atexit.register
def close() -> None:
    """End the idle children."""
    with _lock:
        while _idle:
            _idle.pop().end()


def _ending(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def settle() -> None:
    """This process is a child: what it calls within limits it simply calls."""
    global _inside
    _inside = True


def _serve(descriptor: int) -> None:
    # What one request leaves is little, and mostly not in cycles.
    gc.set_threshold(50_000, 20, 50)
    connection = socket.socket(fileno=descriptor)
    while True:
        try:
            module, name, args, allowed, news = receive(connection)
        except (EOFError, OSError):
            # Not sys.exit: what libraries do at exit is among what this process is here to contain.
            os._exit(0)
        # The kernel ends a child that hangs in a library even when nobody waits for it any more.
        signal.setitimer(signal.ITIMER_REAL, allowed + _GRACE)
        _adopt(news)
        answer = _answer(module, name, args)
        signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            send(connection, answer)
        except OSError:
            os._exit(0)
        except Exception as error:  # noqa: BLE001 - an answer that does not pickle
            send(connection, ("error", f"{type(error).__name__}: {error}"))


def _answer(module: str, name: str, args: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        answer = ("ok", getattr(importlib.import_module(module), name)(*args))
    except PangeoForgeError as error:
        error.__cause__ = error.__context__ = None
        return ("error", error)
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes a library raise
        if own_fault(error):
            return ("error", own_error(error, None))
        return ("error", f"{type(error).__name__}: {error}")
    return answer


def _adopt(news: Mapping[str, str | None]) -> None:
    for name, value in news.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


if __name__ == "__main__":
    # This file runs under another name; those who ask look at the module.
    importlib.import_module("pangeo_forge.inputs.isolation").settle()
    _serve(int(sys.argv[1]))
