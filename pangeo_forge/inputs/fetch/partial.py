"""A file on its way: written under a temporary name, hashed as it comes, resumable, locked against other workers."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from typing import Any

from pangeo_forge.inputs.fetch.failure import from_os_error
from pangeo_forge.inputs.fetch.model import Remote

KEEP_OVER = 8 * 2**20
"""Bytes from which an unfinished file is kept for a later process; below, starting again is cheaper."""
_BLOCK = 2**20
_HEAD = 512


class PartialFile:
    """The temporary file of one input.

    While it is open, its ``flock`` keeps other workers from fetching the same input; the kernel drops the lock when the
    process dies, however it dies.
    """

    def __init__(self, path: str, *, wait: bool = True) -> None:
        """Open and lock ``path``; waits for a worker that holds it, or raises BlockingIOError."""
        self.path = path
        self.remote = Remote()
        self.size = 0
        self._hash = hashlib.sha256()
        self._first = b""
        self._state_written = False
        self._published = False
        self._fd, size = self._locked(wait)
        if size:
            self._recall(size)

    def _locked(self, wait: bool) -> tuple[int, int]:
        """The locked file and its size."""
        try:
            while True:
                fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(fd)
                    raise
                # The holder before us may have published (renamed) or removed what we locked.
                try:
                    state = os.fstat(fd)
                    if os.stat(self.path).st_ino == state.st_ino:
                        return fd, state.st_size
                except FileNotFoundError:
                    pass
                os.close(fd)
        except BlockingIOError:
            raise
        except OSError as error:
            raise from_os_error(error, self.path) from error

    def _recall(self, size: int) -> None:
        """Take up what a killed process left, as far as its state file vouches for it."""
        try:
            with open(self.path + ".json", encoding="utf-8") as file:
                state: dict[str, Any] = json.load(file)
            self.remote = Remote(state["size"], state["etag"], state["last_modified"], True)
            keep = min(size, int(state["trusted"])) if state["trusted"] is not None else size
        except (OSError, ValueError, KeyError, TypeError):
            self._state_written = os.path.exists(self.path + ".json")  # torn: to be removed
            self.restart()
            return
        self._state_written = True
        os.ftruncate(self._fd, keep)
        self.size = keep
        self._rehash()

    def _rehash(self) -> None:
        self._hash = hashlib.sha256()
        offset = 0
        while block := os.pread(self._fd, _BLOCK, offset):
            self._hash.update(block)
            offset += len(block)

    def restart(self) -> None:
        """Forget all that was written."""
        os.ftruncate(self._fd, 0)
        self.size = 0
        self._hash = hashlib.sha256()
        self._first = b""
        self._drop_state()
        self.remote = Remote()

    def begin(self, remote: Remote, *, resumed: bool = False) -> None:
        """What comes next belongs to ``remote``: from the start, or after what is there when ``resumed``."""
        if not resumed and self.size:
            self.restart()
        self.remote = remote
        if not self._state_written and remote.validator and remote.ranges and (remote.size or 0) >= KEEP_OVER:
            self._write_state(None)

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``."""
        try:
            view = memoryview(data)
            if not self.size:
                self._first = bytes(view[:_HEAD])
            while view:
                done = os.pwrite(self._fd, view, self.size)
                self._hash.update(view[:done])
                self.size += done
                view = view[done:]
        except OSError as error:
            raise from_os_error(error, self.path) from error

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Write one piece of a parallel download; :meth:`join` accounts for it. Thread-safe."""
        try:
            view = memoryview(data)
            while view:
                done = os.pwrite(self._fd, view, offset)
                offset += done
                view = view[done:]
        except OSError as error:
            raise from_os_error(error, self.path) from error

    def trust(self, size: int) -> None:
        """Pieces are written out of order: after a crash only the first ``size`` bytes may be trusted."""
        self._write_state(size)

    def join(self, size: int) -> None:
        """All up to ``size`` is written: take it up into size and digest."""
        os.ftruncate(self._fd, size)
        offset = self.size
        while offset < size:
            block = os.pread(self._fd, min(_BLOCK, size - offset), offset)
            if not block:
                break
            self._hash.update(block)
            offset += len(block)
        self.size = offset

    @property
    def sha256(self) -> str:
        """Digest of what was written."""
        return self._hash.hexdigest()

    @property
    def modified(self) -> int:
        """When it was last written to, ns since 1970."""
        return os.fstat(self._fd).st_mtime_ns

    def head(self) -> bytes:
        """The first bytes."""
        return self._first if len(self._first) == min(_HEAD, self.size) else os.pread(self._fd, _HEAD, 0)

    def publish(self, path: str, *, flush: bool = True) -> None:
        """Give it its name; ``flush`` makes it durable before."""
        try:
            if flush:
                os.fsync(self._fd)
            os.replace(self.path, path)
        except OSError as error:
            raise from_os_error(error, path) from error
        self._drop_state()
        self._published = True

    def remove(self) -> None:
        """Delete it and its state."""
        self._drop_state()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def close(self) -> None:
        """Release the lock. What is worth resuming stays; anything else is removed."""
        if self._fd < 0:
            return
        try:
            if not self._published and not self._state_written and self._is_ours():
                os.unlink(self.path)
        finally:
            os.close(self._fd)
            self._fd = -1

    def _is_ours(self) -> bool:
        try:
            return os.stat(self.path).st_ino == os.fstat(self._fd).st_ino
        except FileNotFoundError:
            return False

    def _write_state(self, trusted: int | None) -> None:
        """``trusted``: bytes known to be whole; None: all that the file holds (it is written in order)."""
        state = {
            "size": self.remote.size,
            "etag": self.remote.etag,
            "last_modified": self.remote.last_modified,
            "trusted": trusted,
        }
        draft = self.path + ".json.new"
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(state, file)
        os.replace(draft, self.path + ".json")
        self._state_written = True

    def _drop_state(self) -> None:
        if self._state_written:
            for name in (self.path + ".json", self.path + ".json.new"):
                if os.path.exists(name):
                    os.unlink(name)
        self._state_written = False
