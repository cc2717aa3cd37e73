"""Where a dataset lives: a store at a path of its own, or versions below a root with a pointer to the latest.

::

    <root>/<id>/                          x.zarr                       the store itself
        latest.json                       .x.zarr.pangeo-forge/        what belongs to it
        20261122T101500-1a2b3c4d.zarr         lease.json
        lease.json                            runs/...
        runs/<run>.json                       ledger/...  objects/...  work/...
        ledger/  objects/  work/

The folder that holds lease, records and ledgers is the dataset's *home*. A store stays what any Zarr reader expects: it
holds nothing of ours but attributes.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pangeo_forge.errors import TargetError
from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.targets.conditional import Conflict, Tag, put_if, read_tagged
from pangeo_forge.targets.dataset_root import root_attributes
from pangeo_forge.targets.objects import FsspecObjects, LocalObjects, is_local, local_path, open_objects

STORE_ENDINGS = (".zarr", ".icechunk", ".parquet", ".json")
DEFAULT_ROOT = "arco"
LATEST = "latest.json"
SIDECAR = ".pangeo-forge"
RUN_ID = re.compile(r"\d{8}T\d{9}-[0-9a-f]{8}")
MOST_LOOKED_AT = 20_000
"""Inputs whose place is compared with the target's; of more, as many spread evenly."""


@dataclass(frozen=True)
class Place:
    """Where one dataset is kept.

    ``--target x.zarr`` is the store itself. Any other target is a root: stores are ``<root>/<id>/<version>.zarr``, and
    ``<root>/<id>/latest.json`` names the version that readers follow; it changes only after verification.
    """

    home: str
    """Folder of lease, run records and ledgers."""
    store: str | None
    """The store, where the target is one; None where versions are kept."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    ending: str = ".zarr"
    """Of the names of versions: tells their format."""

    @classmethod
    def of(
        cls, target: str | None, recipe_id: str, options: Mapping[str, Any] | None = None, ending: str = ".zarr"
    ) -> Place:
        """The place of a recipe's dataset."""
        target = (target or DEFAULT_ROOT).rstrip("/")
        if not target.endswith(STORE_ENDINGS):
            return cls(f"{target}/{recipe_id}", None, options or {}, ending)
        return cls.of_store(target, options)

    @classmethod
    def of_store(cls, store: str, options: Mapping[str, Any] | None = None) -> Place:
        """The place of a store at a path of its own."""
        if is_local(store):
            path = local_path(store)
            if path.is_symlink():
                # What it points to is what is replaced, and its home lies there.
                path = path.resolve()
                store = str(path)
            return cls(str(path.with_name(f".{path.name}{SIDECAR}")), store, options or {})
        folder, _, name = store.rpartition("/")
        return cls(f"{folder}/.{name}{SIDECAR}", store, options or {})

    @cached_property
    def objects(self) -> LocalObjects | FsspecObjects:
        """What the home holds."""
        return open_objects(self.home, self.options)

    def url_of(self, version: str) -> str:
        """Address of a version's store."""
        return self.store or f"{self.home}/{version}{self.ending}"

    def current(self) -> str | None:
        """Address of the store that readers follow, if there is one."""
        if self.store is None:
            latest = self.latest()[0]
            return f"{self.home}/{latest['store']}" if latest else None
        if not self.store.endswith(".zarr"):
            return self.store if root_attributes(self.store, self.options) is not None else None
        store = open_objects(self.store, self.options)
        return self.store if any(store.exists(k) for k in ("zarr.json", ".zmetadata", ".zgroup")) else None

    def latest(self) -> tuple[dict[str, Any] | None, Tag]:
        """What ``latest.json`` says, and its tag.

        Raises
        ------
        TargetError: T077 when it is damaged: which version readers follow must not be guessed.
        """
        data, tag = read_tagged(self.objects, LATEST)
        if data is None:
            return None, tag
        try:
            found: dict[str, Any] = json.loads(data)
            str(found["store"])
        except (ValueError, TypeError, KeyError) as error:
            raise TargetError(
                "the pointer to the latest version is damaged",
                code="T077",
                where=f"{self.objects.url}/{LATEST}",
                hint="the versions beside it are whole: `pangeo-forge versions rollback RECIPE VERSION` writes it anew",
            ) from error
        return found, tag

    def publish(self, version: str, document: Mapping[str, Any]) -> str | None:
        """Point ``latest.json`` to a version, in one conditional put; None when the place is a store of its own.

        Raises
        ------
        TargetError: T034 when another run has changed it in the meantime.
        """
        if self.store is not None:
            return None
        _, tag = read_tagged(self.objects, LATEST)
        data = json.dumps({"store": f"{version}{self.ending}", **document}, indent=1).encode()
        try:
            put_if(self.objects, LATEST, data, tag)
        except Conflict as error:
            raise TargetError(
                "another run has published a version in this very moment",
                code="T034",
                where=f"{self.objects.url}/{LATEST}",
                hint="run again; see `pangeo-forge status` for who it is",
            ) from error
        return f"{self.objects.url}/{LATEST}"


def refuse_inputs(place: Place, pattern: FilePattern) -> None:
    """Raise when the target is, or lies in, one of the inputs, or an input in what belongs to the target.

    Raises
    ------
    TargetError: T036.
    """
    ours = {n for p in (place.store, place.home) if p is not None for n in (_normal(p), os.path.realpath(_normal(p)))}
    for position in range(0, len(pattern), max(1, len(pattern) // MOST_LOOKED_AT)):
        item = pattern[position]
        url = _normal(item.url)
        if any(url == o or url.startswith(f"{o}/") or o.startswith(f"{url}/") for o in ours):
            raise TargetError(
                f"the target and an input lie in one another: {item.label}",
                code="T036",
                where=place.store or place.home,
                hint="give --target another place, or let the recipe's glob not find it",
            )


def _normal(address: str) -> str:
    return os.path.abspath(address.removeprefix("file://")) if is_local(address) else address.rstrip("/")


def new_run_id(now: dt.datetime, fingerprint: str) -> str:
    """Names a run, and the version that it makes: sorts by time, tells the recipe."""
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{fingerprint[:8]}"
