"""Calls functions in a child process that may crash or hang without harm to the run.

Which opens go there: eccodes aborts the process at exit when pyproj is loaded later, and GRIB and TIFF decoders are large
C libraries that damaged files can bring down; so GRIB and GeoTIFF are opened *and read* in a child. HDF5 is opened in a child,
because libhdf5 can loop for ever on a damaged heap of strings (about one in a thousand files with flipped bytes); the round
trip adds about 0.3 ms to an open. NetCDF-3, zarr and OPeNDAP are read by Python code, which raises: they stay in-process.
``open: {isolate: false}`` keeps HDF5, GRIB and GeoTIFF opens in-process too.

A child is kept for further calls, one for each thread that calls at the same time. It is started with ``subprocess`` and
not with ``multiprocessing``, because the workers of some engines are daemons, which may not have children there.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.damage import GET_AGAIN

_HEADER = struct.Struct("<Q")
_START_SECONDS = 60.0


class _Lost(Exception):
    """The child ended (``code``) or was too slow (``code`` None)."""

    def __init__(self, code: int | None) -> None:
        self.code = code


class _Child:
    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
        command = [sys.executable, "-m", "pangeo_forge.inputs.isolation", str(theirs.fileno())]
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

    def call(self, payload: bytes, timeout: float) -> Any:
        # The first call also waits for the interpreter to start, which is not the input's fault.
        deadline = time.monotonic() + timeout + (_START_SECONDS if self.fresh else 0.0)
        try:
            _send(self.socket, payload)
            answer = _receive(self.socket, deadline)
        except TimeoutError:  # an OSError, too
            raise _Lost(None) from None
        except (OSError, EOFError):
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            raise _Lost(self.process.poll() or -signal.SIGPIPE) from None
        self.fresh = False
        return pickle.loads(answer)  # noqa: S301 - from our own child

    def end(self) -> None:
        self.socket.close()
        if self.owner == os.getpid():
            self.process.kill()
            self.process.wait()


_idle: list[_Child] = []
_lock = threading.Lock()


def call(function: Callable[..., Any], *args: Any, timeout: float, where: str) -> Any:
    """``function(*args)`` in a child process; both must pickle.

    Raises
    ------
    InputError: what the function raised; I120 the child crashed; I121 it took longer than ``timeout`` seconds.
    """
    payload = pickle.dumps((function.__module__, function.__qualname__, args), protocol=5)
    child = _take()
    try:
        kind, value = child.call(payload, timeout)
    except _Lost as lost:
        child.end()
        if lost.code is None:
            hint = "the file is likely damaged; else set open.timeout"
            raise InputError(f"took longer than {timeout:g} s", code="I121", where=where, hint=hint) from None
        raise InputError(
            f"the reader's library crashed on it ({_ending(lost.code)})",
            code="I120",
            where=where,
            hint=GET_AGAIN,
        ) from None
    except BaseException:
        child.end()
        raise
    with _lock:
        _idle.append(child)
    if kind == "ok":
        return value
    if isinstance(value, PangeoForgeError):
        value.where = value.where or where
        raise value
    raise InputError(f"cannot be read: {value}", code="I110", where=where, hint="the file may be damaged")


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


def _send(connection: socket.socket, payload: bytes) -> None:
    # In one piece: a header by itself would wake the other side only to make it wait again.
    connection.sendall(_HEADER.pack(len(payload)) + payload)


def _receive(connection: socket.socket, deadline: float | None) -> bytearray:
    (size,) = _HEADER.unpack(_exactly(connection, _HEADER.size, deadline))
    return _exactly(connection, size, deadline)


def _exactly(connection: socket.socket, size: int, deadline: float | None) -> bytearray:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([connection], [], [], left)[0]:
                raise TimeoutError
        got = connection.recv_into(view[done:])
        if not got:
            raise EOFError
        done += got
    return data


def _serve(descriptor: int) -> None:
    # What one request leaves is little, and mostly not in cycles.
    gc.set_threshold(50_000, 20, 50)
    connection = socket.socket(fileno=descriptor)
    while True:
        try:
            module, name, args = pickle.loads(_receive(connection, None))  # noqa: S301 - from our own parent
        except (EOFError, OSError):
            # Not sys.exit: what libraries do at exit is among what this process is here to contain.
            os._exit(0)
        try:
            answer = pickle.dumps(("ok", getattr(importlib.import_module(module), name)(*args)), protocol=5)
        except PangeoForgeError as error:
            answer = pickle.dumps(("error", error))
        except Exception as error:  # noqa: BLE001 - whatever a damaged file makes a library raise
            answer = pickle.dumps(("error", f"{type(error).__name__}: {error}"))
        _send(connection, answer)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
