"""Versions of a dataset: list them, go back to one, remove old ones."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from typing import Any

from pangeo_forge.errors import TargetError
from pangeo_forge.runs.ledger import key_of as ledger_key
from pangeo_forge.runs.place import RUN_ID, Place
from pangeo_forge.runs.workspace import Workspace, unfinished
from pangeo_forge.targets.checksums import key_of as checksums_key
from pangeo_forge.targets.dataset_root import root_attributes
from pangeo_forge.targets.metadata import PRUNED, STATE
from pangeo_forge.targets.objects import FsspecObjects, LocalObjects, open_objects
from pangeo_forge.targets.zarr import ROOTS


@dataclass(frozen=True)
class Version:
    """One store of a dataset."""

    name: str
    is_latest: bool
    state: str | None
    """Names its ledger."""
    ending: str = ".zarr"
    """Tells the format."""
    pruned: int | None = None
    """Made by a run with ``--prune``: it holds first and last inputs only."""

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"name": self.name, "latest": self.is_latest, "state": self.state, "pruned": self.pruned}


def list_versions(place: Place) -> list[Version]:
    """Finished versions, the newest first.

    Raises
    ------
    TargetError: T058 when the place is a store of its own, which has no versions; T077 the pointer is damaged.
    """
    if place.store is not None:
        raise TargetError(
            "a store at a path of its own has no versions",
            code="T058",
            where=place.store,
            hint="give --target a folder to keep versions and a pointer to the latest",
        )
    return _versions(place, (place.latest()[0] or {}).get("store"))


def _versions(place: Place, latest: str | None) -> list[Version]:
    found = []
    for name, ending in sorted(_names(place.objects), reverse=True):
        is_latest = latest == f"{name}{ending}"
        root = root_attributes(f"{place.home}/{name}{ending}", place.options)
        # All but Zarr stores may be there unfinished; they are named by their runs, of which a record is the end.
        if root is not None and (is_latest or ending == ".zarr" or place.objects.exists(f"runs/{name}.json")):
            found.append(Version(name, is_latest, root.get(STATE), ending, root.get(PRUNED)))
    return found


def _names(objects: LocalObjects | FsspecObjects) -> set[tuple[str, str]]:
    """Name and ending of what may be a version."""
    folders = [n for n in objects.folders() if not n.startswith(".")]
    found = {(n.removesuffix(e), e) for n in folders for e in (".zarr", ".icechunk", ".parquet") if n.endswith(e)}
    # References as JSON are no folders; runs tell of them.
    records = [key.rsplit("/", 1)[-1].removesuffix(".json") for key in objects.list("runs")]
    return found | {(n, ".json") for n in records if objects.exists(f"{n}.json")}


def prune_versions(place: Place, keep: int, *, dry_run: bool = False) -> list[str]:
    """Remove all but the newest ``keep`` versions, their ledgers and checksums; names of what is removed.

    The version that ``latest.json`` names is always kept, and counts; those of pruned runs never do. Readers of removed
    versions get errors.
    """
    versions = list_versions(place)
    kept = [v for v in versions if v.is_latest][:1]
    kept += [v for v in versions if not v.is_latest and v.pruned is None][: max(0, keep - len(kept))]
    old = [v for v in versions if v not in kept]
    if dry_run:
        return [v.name for v in old]
    _clear_remains(place)
    for version in old:
        if version.ending == ".json":
            place.objects.delete(f"{version.name}.json")
            continue
        store = open_objects(f"{place.home}/{version.name}{version.ending}", place.options)
        for key in ROOTS:
            # What does not open is not half a dataset.
            store.delete(key)
        store.clear()
    _drop_states(place, {v.state for v in old} - {v.state for v in kept}, {v.state for v in kept})
    return [v.name for v in old]


def _clear_remains(place: Place) -> None:
    """Remove chunks of versions whose removal was killed half-way: they have no root any more, and no run goes on with them."""
    begun = {Workspace(place, work).version for work in unfinished(place)}
    latest = (place.latest()[0] or {}).get("store")
    for name, ending in _names(place.objects):
        # Of the one that readers follow somebody has lost the root: that is not for us to end.
        if ending == ".json" or name in begun or f"{name}{ending}" == latest or not RUN_ID.fullmatch(name):
            continue
        address = f"{place.home}/{name}{ending}"
        if root_attributes(address, place.options) is None:
            open_objects(address, place.options).clear()


def _drop_states(place: Place, states: set[str | None], kept: set[str | None]) -> None:
    needed = set(kept)
    for state in kept:
        while state is not None:
            data = place.objects.get(checksums_key(state))
            state = None if data is None else json.loads(data)["base"]
            needed.add(state)
    for state in states - needed:
        if state is not None:
            place.objects.delete(ledger_key(state))
            place.objects.delete(checksums_key(state))


def roll_back(place: Place, name: str | None = None) -> str:
    """Point ``latest.json`` to another version (the whole one before the latest, when no name is given); its name.

    Raises
    ------
    TargetError: T059 when there is no such version; T077 the pointer is damaged, and no version is named.
    """
    try:
        versions = list_versions(place)
    except TargetError as error:
        if error.code != "T077" or name is None:
            raise
        versions = _versions(place, None)  # the pointer is damaged, and the caller says where it shall point
    at = next((i for i, v in enumerate(versions) if v.is_latest), -1)
    chosen = next((v for v in versions if v.name == name), None) if name else None
    if name is None and at >= 0:
        chosen = next((v for v in versions[at + 1 :] if v.pruned is None), None)
    if chosen is None:
        raise TargetError(
            f"there is no version {name}" if name else "there is no version before the latest",
            code="T059",
            where=place.home,
            hint="`pangeo-forge versions list` shows them",
        )
    now = dt.datetime.now(dt.UTC).isoformat()
    replace(place, ending=chosen.ending).publish(
        chosen.name, {"version": chosen.name, "rolled_back": now, "published": now}
    )
    return chosen.name
