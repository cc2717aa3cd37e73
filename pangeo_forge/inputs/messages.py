"""Messages between two processes of one machine: small ones through a socket, large arrays in memory that both share.

Arrays of megabytes through a socket cost three copies and a system call for each 200 kB; here the sender writes them once
into anonymous memory and hands over its descriptor, and the receiver's arrays lie in it.
"""

from __future__ import annotations

import mmap
import os
import pickle
import select
import socket
import struct
import tempfile
import time
from typing import Any

SHARED_BYTES = 1 << 19
"""Bytes of array data from which on they are shared: below, two more system calls cost more than a copy."""

_HEADER = struct.Struct("<QQ")
_ALIGNMENT = 64


def send(connection: socket.socket, message: Any) -> None:
    """Send anything that pickles."""
    buffers: list[pickle.PickleBuffer] = []
    payload = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    views = [b.raw() for b in buffers]
    total = sum(_aligned(len(v)) for v in views)
    if total < SHARED_BYTES:
        if views:
            payload = pickle.dumps(message, protocol=5)
        # In one piece: a header by itself would wake the other side only to make it wait again.
        connection.sendall(_HEADER.pack(len(payload), 0) + payload)
        return
    payload = pickle.dumps((payload, [len(v) for v in views]), protocol=5)
    memory = _anonymous_memory()
    try:
        at = 0
        for view in views:
            _write(memory, view, at)
            at += _aligned(len(view))
        os.ftruncate(memory, total)
        socket.send_fds(connection, [_HEADER.pack(len(payload), total)], [memory])
    finally:
        os.close(memory)
    connection.sendall(payload)


def receive(connection: socket.socket, deadline: float | None = None) -> Any:
    """What the other side sent.

    Raises
    ------
    TimeoutError: nothing more came until ``deadline`` (of ``time.monotonic``).
    EOFError: the other side is gone.
    """
    _wait(connection, deadline)
    # The descriptor comes with the first byte of the header.
    head, descriptors, _, _ = socket.recv_fds(connection, _HEADER.size, 1)
    if not head:
        raise EOFError
    try:
        head += _exactly(connection, _HEADER.size - len(head), deadline)
        size, shared = _HEADER.unpack(head)
        payload = _exactly(connection, size, deadline)
        if not shared:
            return pickle.loads(payload)  # noqa: S301 - from our own child, or from our own parent
        # Private: what is changed here stays here; nothing is copied before it is.
        memory = memoryview(mmap.mmap(descriptors[0], shared, mmap.MAP_PRIVATE))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    inner, lengths = pickle.loads(payload)  # noqa: S301 - as above
    at, parts = 0, []
    for length in lengths:
        parts.append(memory[at : at + length])
        at += _aligned(length)
    return pickle.loads(inner, buffers=parts)  # noqa: S301 - as above


def _aligned(size: int) -> int:
    return size + -size % _ALIGNMENT


def _anonymous_memory() -> int:
    """Descriptor of memory without a name, which is gone when nobody has it open any more."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("pangeo-forge")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write(descriptor: int, view: memoryview, at: int) -> None:
    done = 0
    while done < len(view):
        done += os.pwrite(descriptor, view[done:], at + done)


def _wait(connection: socket.socket, deadline: float | None) -> None:
    if deadline is not None:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([connection], [], [], left)[0]:
            raise TimeoutError


def _exactly(connection: socket.socket, size: int, deadline: float | None) -> bytearray:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        _wait(connection, deadline)
        got = connection.recv_into(view[done:])
        if not got:
            raise EOFError
        done += got
    return data
