"""``pangeo-forge cache list | verify | prune``: what a cache holds, whether it is whole, what may go."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pangeo_forge.inputs.fetch.cache import Cache
from pangeo_forge.inputs.fetch.entries import Entry

_BLOCK = 2**20


@dataclass(frozen=True)
class Finding:
    """The state of one entry."""

    entry: Entry
    problem: str | None
    """None: whole."""


@dataclass(frozen=True)
class Pruned:
    """What a prune removed (or would remove)."""

    entries: int
    blobs: int
    bytes: int


def list_entries(cache: Cache) -> Iterator[Entry]:
    """All readable entries, in the order of their keys."""
    return cache.entries()


def digest_of(cache: Cache, path: str) -> str:
    """sha256 of a file of the cache, read in blocks."""
    found = hashlib.sha256()
    with cache.open(path) as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def check_entry(cache: Cache, entry: Entry) -> str | None:
    """What is wrong with the blob of ``entry``; None when its size and digest are right."""
    size = cache.blob_size(entry.sha256)
    if size is None:
        return "its file is gone"
    if size != entry.size:
        return f"has {size} bytes instead of {entry.size}"
    if digest_of(cache, cache.blob_path(entry.sha256)) != entry.sha256:
        return "its content changed: the digest differs"
    return None


def verify_entries(cache: Cache, *, remove: bool = False) -> Iterator[Finding]:
    """Read every blob and compare its digest. ``remove`` deletes what is wrong; the next run fetches it."""
    for entry in list(list_entries(cache)):
        problem = check_entry(cache, entry)
        if problem is not None and remove:
            cache.forget(entry, blob=True)
        yield Finding(entry, problem)


def prune_entries(
    cache: Cache, *, older_than: timedelta | None = None, max_bytes: int | None = None, dry_run: bool = False
) -> Pruned:
    """Remove entries older than ``older_than``, then the oldest until ``max_bytes`` are left, then what no entry names.

    Files on their way are removed when they have not changed for a day. A blob younger than an hour without an entry
    stays: its entry may be about to be written.
    """
    kept = sorted(list_entries(cache), key=lambda e: e.fetched_at)
    removed: list[Entry] = []
    if older_than is not None:
        limit = (datetime.now(UTC) - older_than).isoformat()
        removed, kept = [e for e in kept if e.fetched_at < limit], [e for e in kept if e.fetched_at >= limit]
    if max_bytes is not None:
        while kept and sum({e.sha256: e.size for e in kept}.values()) > max_bytes:
            removed.append(kept.pop(0))
    if not dry_run:
        for entry in removed:
            cache.forget(entry)
        cache.tidy()
    named, dropped = {e.sha256 for e in kept}, {e.sha256 for e in removed}
    blobs = size = 0
    for path, length in cache.files("blobs"):
        digest = path.rpartition("/")[2]
        if digest in named or (digest not in dropped and not _older(cache, path, 3600)):
            continue
        blobs, size = blobs + 1, size + length
        if not dry_run:
            cache.remove(path)
    return Pruned(len(removed), blobs, size + _prune_partial(cache, dry_run))


def _prune_partial(cache: Cache, dry_run: bool) -> int:
    size = 0
    for path, length in cache.files("partial"):
        if _older(cache, path, 86400):
            size += length
            if not dry_run:
                cache.remove(path)
    return size


def _older(cache: Cache, path: str, seconds: float) -> bool:
    changed = cache.modified(path)
    return changed is not None and time.time() - changed > seconds
