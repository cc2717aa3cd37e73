"""Entries of a cache: what is known of each URL. An entry is the promise that its file is whole.

On a local disk they are lines of JSON in 256 files, which are only appended to: for small files, creating one more file for
each entry costs as much as keeping the input itself (``benchmarks/README.md``). The last line of a key counts. A line that
is torn, by a kill or a full disk, is no entry; each line begins on a line of its own, so the next one is not harmed.
Object stores do not append: there each entry is an object.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pangeo_forge.inputs.fetch.failure import from_os_error

FORMAT = 1


@dataclass(frozen=True)
class Entry:
    """What the cache knows of one URL."""

    key: str
    url: str
    """Without secrets."""
    size: int
    sha256: str
    etag: str | None
    last_modified: str | None
    fetched_at: str
    """UTC, ISO 8601."""
    format: int = FORMAT
    boot: str | None = None
    """The boot that wrote the file and did not flush it (:mod:`.durability`); None: it is on the disk."""
    modified: int | None = None
    """Time of the file's last change (ns since 1970) when it was published; another one tells that it was written to."""

    def to_line(self) -> bytes:
        """JSON, the key first."""
        return _line(vars(self))


def parse_entry(text: bytes) -> Entry | None:
    """An entry from its JSON; None when it is torn, taken back or of another format."""
    try:
        entry = Entry(**json.loads(text))
        return entry if entry.format == FORMAT and isinstance(entry.size, int) and len(entry.sha256) == 64 else None
    except (ValueError, TypeError):
        return None


class EntryLog:
    """Entries below a local folder: ``<kk>.jsonl``, kk: the first two letters of the key."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._made = False

    def get(self, key: str) -> Entry | None:
        """The entry of ``key``, or None. Raises OSError when its file is there but cannot be read."""
        try:
            text = _content(self._path(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
        mark = b'{"key":"%s"' % key.encode()
        stop = len(text)
        while (at := text.rfind(mark, 0, stop)) >= 0:
            end = text.find(b"\n", at)
            line = text[at : end if end >= 0 else len(text)]
            if (entry := parse_entry(line)) is not None:
                return entry
            if _is_taken_back(line):
                return None
            stop = at
        return None

    def put(self, entry: Entry) -> None:
        """Add an entry; it replaces one of the same key."""
        self._append(entry.key, entry.to_line())

    def drop(self, key: str) -> None:
        """Take the entry of ``key`` back."""
        if self.get(key) is not None:
            self._append(key, _line({"key": key, "gone": True}))

    def all(self) -> Iterator[Entry]:
        """All entries, in the order of their keys."""
        for path in self._files():
            yield from (entry for _, entry in sorted(_current(_content(path)).items()))

    def compact(self) -> None:
        """Leave out the lines that do not count any more."""
        for path in self._files():
            fd = _locked(path)
            try:
                text = os.pread(fd, os.fstat(fd).st_size, 0)
                kept = b"".join(entry.to_line() + b"\n" for _, entry in sorted(_current(text).items()))
                if len(kept) < len(text):
                    _replace(path, kept)
            finally:
                os.close(fd)

    def _append(self, key: str, line: bytes) -> None:
        path = self._path(key)
        try:
            if not self._made:
                os.makedirs(self._folder, exist_ok=True)
                self._made = True
            fd = _locked(path)
            try:
                data = b"\n" + line + b"\n"
                if os.write(fd, data) != len(data):
                    os.write(fd, b"\n")  # raises what stopped the write; if not, the line is torn all the same
                    raise OSError(errno.ENOSPC, "No space left on device")
            finally:
                os.close(fd)
        except OSError as error:
            raise from_os_error(error, path) from error

    def _files(self) -> list[str]:
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        return [f"{self._folder}/{name}" for name in sorted(names) if name.endswith(".jsonl")]

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key[:2]}.jsonl"


def _locked(path: str) -> int:
    """The file that is at ``path`` now, to append to: :meth:`EntryLog.compact` puts another in its place."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_at(fd, path):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _replace(path: str, data: bytes) -> None:
    draft = path + ".new"
    with open(draft, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.stat(path).st_ino == os.fstat(fd).st_ino
    except FileNotFoundError:
        return False


def _content(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # A buffer of the right size: a large one costs more than all the rest of a look-up.
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


def _current(text: bytes) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for line in text.split(b"\n"):
        if (entry := parse_entry(line)) is not None:
            found[entry.key] = entry
        elif line and (gone := _is_taken_back(line)):
            found.pop(gone, None)
    return found


def _is_taken_back(line: bytes) -> str | None:
    """The key that ``line`` takes back."""
    try:
        said: Any = json.loads(line)
        return str(said["key"]) if said.get("gone") is True else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


_encoded = json.JSONEncoder(separators=(",", ":")).encode  # `json.dumps` would make an encoder for each line


def _line(fields: dict[str, Any]) -> bytes:
    return _encoded(fields).encode()
