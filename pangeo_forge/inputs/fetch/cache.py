"""The content-addressed cache of inputs, on any fsspec target.

Layout under the cache's URL (``docs/fetch.md``)::

    v1/entries/<kk>.jsonl         a line an entry: what the server said, and the digest; key: sha256 of the URL without secrets
    v1/entries/<kk>/<key>.json    the same on object stores
    v1/blobs/<dd>/<digest>        the file; digest: its sha256
    v1/partial/<key>              on its way (local caches)

A blob is complete before its entry names it: an entry is the promise that the blob is what the server had.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.address import local_path, redact_url, scheme_of
from pangeo_forge.inputs.fetch.credentials import REDACTOR
from pangeo_forge.inputs.fetch.entries import Entry, EntryLog, parse_entry
from pangeo_forge.inputs.fetch.failure import from_os_error, missing_package
from pangeo_forge.inputs.fetch.partial import PartialFile

VERSION = "v1"
_HOPELESS = 3
"""Failures in a row, each after its file system has tried several times, after which a remote cache is asked no more."""


@dataclass(frozen=True)
class Cache:
    """Where inputs are kept.

    Parameters
    ----------
    url: a folder, or any fsspec URL (``gs://bucket/cache``).
    storage_options: fsspec options of ``url``; not shown.
    """

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _made: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "storage_options": self.storage_options, "_made": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    @cached_property
    def root(self) -> str | None:
        """Local folder of the cache; None when it is elsewhere."""
        path = local_path(self.url)
        return None if path is None else os.path.abspath(path)

    @property
    def shown(self) -> str:
        """Its place, for messages."""
        return redact_url(self.url)

    @cached_property
    def is_local(self) -> bool:
        """True when blobs can be opened where they are."""
        return self.root is not None

    def entry(self, key: str) -> Entry | None:
        """The entry of ``key`` if it is readable and its blob has the promised size; None otherwise."""
        found = self._known(key)
        if found is None or found.key != key or self.blob_size(found.sha256) != found.size:
            return None
        return found

    def blob_path(self, digest: str) -> str:
        """Where a blob is: a local path, or the path in the cache's file system."""
        return self._path("blobs", digest[:2], digest)

    def blob_size(self, digest: str) -> int | None:
        """Bytes of a blob; None when it is absent."""
        path = self.blob_path(digest)
        if self.is_local:
            try:
                return os.stat(path).st_size
            except OSError:
                return None
        try:
            with self._remote():
                return int(self._fs().info(path)["size"])
        except FileNotFoundError:
            return None

    def partial(self, key: str, scratch: str, *, wait: bool = True) -> PartialFile:
        """The locked temporary file of ``key``: beside the blobs (so that a rename publishes it), or in ``scratch``.

        Raises BlockingIOError when another holds it and ``wait`` is false.
        """
        path = self._path("partial", key) if self.is_local else os.path.join(scratch, "partial", key)
        self._folder(path.rpartition("/")[0])
        return PartialFile(path, wait=wait)

    def publish(self, part: PartialFile, entry: Entry) -> None:
        """Make ``part`` the blob of ``entry``; the entry comes last."""
        if self.is_local:
            blob = self.blob_path(entry.sha256)
            self._folder(blob.rpartition("/")[0])
            part.publish(blob, flush=entry.boot is None)
        else:
            with self._remote():
                self._fs().put_file(part.path, self.blob_path(entry.sha256))
        self.record(entry)

    def record(self, entry: Entry) -> None:
        """Write an entry, whole or not at all."""
        if self.is_local:
            self._log.put(entry)
            return
        with self._remote():
            self._fs().pipe_file(self._entry_path(entry.key), entry.to_line())

    def try_record(self, entry: Entry) -> None:
        """Write an entry where that is allowed: a cache that may only be read is still of use."""
        with suppress(InputError):
            self.record(entry)

    def forget(self, entry: Entry, *, blob: bool = False) -> None:
        """Remove an entry (and its blob: a corrupt one)."""
        if self.is_local:
            self._log.drop(entry.key)
        else:
            self.remove(self._entry_path(entry.key))
        if blob:
            self.remove(self.blob_path(entry.sha256))

    def entries(self) -> Iterator[Entry]:
        """All readable entries, in the order of their keys; whether their blobs are whole is not looked at."""
        if self.is_local:
            yield from self._log.all()
            return
        for path, _ in self.files("entries"):
            text = self._read(path)
            if text is not None and (found := parse_entry(text)) is not None:
                yield found

    def tidy(self) -> None:
        """Leave out what entries that are gone take."""
        if self.is_local:
            self._log.compact()

    def remove(self, path: str) -> None:
        """Delete one file of the cache, if it is there."""
        try:
            if self.is_local:
                os.unlink(path)
            else:
                with self._remote():
                    self._fs().rm_file(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise from_os_error(error, path, doing="remove") from error

    def download(self, digest: str, path: str) -> bool:
        """Copy a blob of a remote cache to the local ``path``; False when it is not there."""
        try:
            with self._remote():
                self._fs().get_file(self.blob_path(digest), path)
        except FileNotFoundError:
            return False
        return True

    def files(self, kind: str) -> Iterator[tuple[str, int]]:
        """Paths and sizes of all ``entries``, ``blobs`` or ``partial`` files."""
        folder = self._path(kind)
        if not self.is_local:
            try:
                with self._remote():
                    found = self._fs().find(folder, detail=True)
            except FileNotFoundError:
                return
            yield from ((path, int(info["size"])) for path, info in sorted(found.items()))
            return
        for base, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(base, name)
                if os.path.isfile(path):
                    yield path, os.stat(path).st_size

    def modified(self, path: str) -> float | None:
        """When a file of the cache changed last, seconds since 1970; None when that is unknown."""
        try:
            return os.stat(path).st_mtime if self.is_local else float(self._fs().modified(path).timestamp())
        except (FileNotFoundError, NotImplementedError):
            return None

    def open(self, path: str) -> Any:
        """A file of the cache, opened for reading bytes."""
        return open(path, "rb") if self.is_local else self._fs().open(path, "rb")

    def _known(self, key: str) -> Entry | None:
        if not self.is_local:
            text = self._read(self._entry_path(key))
            return None if text is None else parse_entry(text)
        try:
            return self._log.get(key)
        except OSError as error:
            raise self._trouble(error) from error

    @cached_property
    def _log(self) -> EntryLog:
        return EntryLog(self._path("entries"))

    @cached_property
    def _base(self) -> str:
        return (self.root or self._fs()._strip_protocol(self.url).rstrip("/")) + "/" + VERSION

    def _read(self, path: str) -> bytes | None:
        """An object of a remote cache."""
        try:
            with self._remote():
                return bytes(self._fs().cat_file(path))
        except FileNotFoundError:
            return None

    @contextmanager
    def _remote(self) -> Iterator[None]:
        """What a file system raises, but for the absence of a file, as an error for the user."""
        failures: list[InputError] = self._made.setdefault("failures", [])
        if len(failures) >= _HOPELESS:
            raise failures[-1]
        try:
            yield
        except (FileNotFoundError, InputError):
            raise
        except Exception as error:  # each file system has its own kinds
            failures.append(self._trouble(error))
            raise failures[-1] from error
        failures.clear()

    def _trouble(self, error: Exception) -> InputError:
        said = REDACTOR(f"{type(error).__name__}: {error}")[:300]
        return InputError(
            f"the cache cannot be read or written: {said}",
            code="I311",
            where=self.shown,
            hint="check --cache, its options and credentials",
        )

    def _entry_path(self, key: str) -> str:
        return self._path("entries", key[:2], key + ".json")

    def _path(self, *names: str) -> str:
        return "/".join((self._base, *names))

    def _folder(self, path: str) -> None:
        if path not in self._made:
            try:
                os.makedirs(path, exist_ok=True)
            except OSError as error:
                raise from_os_error(error, path) from error
            self._made[path] = True

    def _fs(self) -> Any:
        if "fs" not in self._made:
            os.environ.setdefault(
                "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false"
            )  # else gcsfs probes the bucket's kind for minutes
            import fsspec

            try:
                self._made["fs"] = fsspec.core.url_to_fs(self.url, **self.storage_options)[0]
            except ImportError as error:
                raise missing_package(scheme_of(self.url), error, self.shown) from None
            except Exception as error:  # no such protocol, options that its file system does not know, no credentials
                raise self._trouble(error) from error
        return self._made["fs"]
