"""Copies of inputs: a good one is found in the cache, a new one is kept there; a damaged one is found out."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

from pangeo_forge.inputs.fetch.cache import Cache
from pangeo_forge.inputs.fetch.durability import boot_id
from pangeo_forge.inputs.fetch.entries import Entry
from pangeo_forge.inputs.fetch.inventory import check_entry
from pangeo_forge.inputs.fetch.local import file_digest
from pangeo_forge.inputs.fetch.model import FetchedInput, FetchItem, Remote
from pangeo_forge.inputs.fetch.partial import PartialFile


class Copies:
    """What a fetcher has of the cache.

    Parameters
    ----------
    cache: where copies are.
    scratch: local folder for copies of blobs of a remote cache.
    kept: False: the cache goes with the fetcher, so its copies are temporary ones.
    """

    def __init__(self, cache: Cache, scratch: str, *, kept: bool) -> None:
        self.cache = cache
        self.scratch = scratch
        self._temporary = not kept or not cache.is_local

    def claim(self, key: str, *, wait: bool = True) -> PartialFile:
        """The locked temporary file of ``key``; see :meth:`Cache.partial`."""
        return self.cache.partial(key, self.scratch, wait=wait)

    def find(self, key: str, item: FetchItem, *, verify: bool) -> FetchedInput | None:
        """The cached copy; None when there is none, or a damaged one (which is removed).

        A local copy that was written to since it was published, or that another boot of the machine wrote, is read once
        before it is trusted. ``verify`` reads it in any case.
        """
        entry = self.cache.entry(key)
        return None if entry is None else self.hit(entry, item, verify=verify)

    def hit(self, entry: Entry, item: FetchItem, *, verify: bool = False) -> FetchedInput | None:
        """As :meth:`find`, for an entry that is known."""
        if not self.cache.is_local:
            path = self._downloaded(entry, anew=verify)
            return None if path is None else self._fetched(entry, item, path, from_cache=True)
        path = self.cache.blob_path(entry.sha256)
        modified = _modified(path)
        if verify or entry.modified != modified or entry.boot not in (None, boot_id()):
            if check_entry(self.cache, entry) is not None:
                self.cache.forget(entry, blob=True)
                return None
            if not verify:
                entry = replace(entry, boot=None, modified=modified)
                self.cache.try_record(entry)
        return self._fetched(entry, item, path, from_cache=True)

    def keep(self, part: PartialFile, said: Remote, key: str, shown: str, item: FetchItem) -> FetchedInput:
        """Publish what came: the file, then the entry that promises it."""
        now = _to_the_second(int(time.time()))
        boot, modified = (boot_id(), part.modified) if self.cache.is_local else (None, None)
        etag, changed = said.etag, said.last_modified
        entry = Entry(key, shown, part.size, part.sha256, etag, changed, now, boot=boot, modified=modified)
        self.cache.publish(part, entry)
        if self.cache.is_local:
            return self._fetched(entry, item, self.cache.blob_path(entry.sha256), from_cache=False)
        path = self._copy_path(entry.sha256)
        part.publish(path)
        return self._fetched(entry, item, path, from_cache=False)

    def _downloaded(self, entry: Entry, *, anew: bool) -> str | None:
        """A local copy of a blob of a remote cache, its digest compared; None (and no entry) when the blob is damaged."""
        path = self._copy_path(entry.sha256)
        if os.path.exists(path) and not anew:
            return path
        draft = f"{path}.{os.getpid()}.{threading.get_ident()}"
        try:
            for _ in range(2):  # what was damaged on its way is whole the second time
                if not self.cache.download(entry.sha256, draft):
                    break
                if file_digest(draft) == entry.sha256:
                    os.replace(draft, path)
                    return path
        finally:
            if os.path.exists(draft):
                os.unlink(draft)
        self.cache.forget(entry, blob=True)
        if os.path.exists(path):
            os.unlink(path)
        return None

    def _copy_path(self, digest: str) -> str:
        folder = os.path.join(self.scratch, "copies")
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, digest)

    def _fetched(self, entry: Entry, item: FetchItem, path: str, *, from_cache: bool) -> FetchedInput:
        return FetchedInput(
            path,
            entry.url,
            entry.size,
            entry.etag,
            entry.last_modified,
            entry.sha256,
            from_cache,
            self._temporary,
            item.label,
        )


@lru_cache(maxsize=1)
def _to_the_second(now: int) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")


def _modified(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
