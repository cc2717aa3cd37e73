"""Compare every chunk of a store with what was recorded when it was written."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pangeo_forge import progress
from pangeo_forge.targets.checksums import read_checksums
from pangeo_forge.targets.objects import LocalObjects, ObjectStore, is_local, local_path, open_objects
from pangeo_forge.targets.protocol import Digest, digest_of
from pangeo_forge.targets.zarr import state_of
from pangeo_forge.verify.result import CheckResult

SHOWN = 5
READERS = 8
SIDECAR = ".pangeo-forge"


def check_checksums(
    url: str, options: Mapping[str, Any] | None = None, tell: progress.Progress | None = None
) -> CheckResult:
    """Every chunk that was recorded is there, in its size and with its CRC-32C.

    A store without records (made by another program, or moved without its records) passes, and the detail says so.
    """
    name = "checksums as recorded"
    store = open_objects(url, options)
    known, home = recorded(url, options)
    if known is None:
        return CheckResult(name, True, "none were recorded for this store")
    tell = tell or progress.Silent()
    tell.start("checksums", len(known))
    with ThreadPoolExecutor(READERS) as pool:
        problems = [
            p for p in pool.map(lambda item: _problem(store, item[0], item[1], tell), sorted(known.items())) if p
        ]
    tell.finish("checksums")
    if not problems:
        return CheckResult(name, True, f"{len(known):,} objects", {"objects": len(known)})
    stopped = home is not None and next(iter(home.list("work")), None) is not None
    note = "; a run was stopped half-way: run it again, then verify again" if stopped else ""
    shown = "; ".join(problems[:SHOWN])
    return CheckResult(name, False, f"{len(problems)} of {len(known):,}: {shown}{note}", {"damaged": len(problems)})


def check_presence(url: str, options: Mapping[str, Any] | None = None) -> CheckResult:
    """Every chunk that was recorded is there, in its size where that costs no request: one that is gone reads as fill
    value, so nothing else tells."""
    name = "objects as recorded"
    store = open_objects(url, options)
    known, _ = recorded(url, options)
    if known is None:
        return CheckResult(name, True, "none were recorded for this store")
    if isinstance(store, LocalObjects):
        odd = sorted(key for key, (size, _) in known.items() if store.size(key) != size)
    else:
        odd = sorted(set(known) - set(store.list()))
    if not odd:
        return CheckResult(name, True, f"{len(known):,} objects", {"objects": len(known)})
    shown = "; ".join(odd[:SHOWN])
    return CheckResult(
        name, False, f"{len(odd)} of {len(known):,} gone or of another size: {shown}", {"damaged": len(odd)}
    )


def recorded(url: str, options: Mapping[str, Any] | None = None) -> tuple[dict[str, Digest] | None, ObjectStore | None]:
    """What was recorded of a store's chunks, and the home that has the records: its root's, or one of its own."""
    state = state_of(open_objects(url, options))
    for home in _homes(url):
        objects = open_objects(home, options)
        found = read_checksums(objects, state)
        if found is not None:
            return found, objects
    return None, None


def _homes(url: str) -> tuple[str, str]:
    if is_local(url):
        path = local_path(url)
        return str(path.parent), str(path.with_name(f".{path.name}{SIDECAR}"))
    folder, _, name = url.rstrip("/").rpartition("/")
    return folder, f"{folder}/.{name}{SIDECAR}"


def _problem(store: ObjectStore, key: str, digest: Digest, tell: progress.Progress) -> str | None:
    data = store.get(key)
    tell.advance("checksums", 1, len(data or b""))
    if data is None:
        return f"{key} is gone"
    found = digest_of(data)
    if found == digest:
        return None
    return f"{key} has {found[0]} bytes, not {digest[0]}" if found[0] != digest[0] else f"{key} has other bytes"
