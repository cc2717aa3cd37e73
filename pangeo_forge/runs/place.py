"""Where a store is put: a path of its own, or a version below a root with a pointer to the latest."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.targets.objects import open_objects

STORE_ENDINGS = (".zarr", ".icechunk", ".parquet", ".json")
DEFAULT_ROOT = "arco"
LATEST = "latest.json"


@dataclass(frozen=True)
class Place:
    """Where one run writes.

    ``--target x.zarr`` is the store itself. Any other target is a root: the store is ``<root>/<id>/<version>.zarr``, and
    ``<root>/<id>/latest.json`` names the version that readers follow; it changes only after verification.
    """

    store: str
    folder: str | None
    """``<root>/<id>`` when the target is a root."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, target: str | None, recipe_id: str, run_id: str, options: Mapping[str, Any] | None = None
    ) -> Place:
        """The place for a run."""
        target = (target or DEFAULT_ROOT).rstrip("/")
        if target.endswith(STORE_ENDINGS):
            return cls(target, None, dict(options or {}))
        folder = f"{target}/{recipe_id}"
        return cls(f"{folder}/{run_id}.zarr", folder, dict(options or {}))

    def publish(self, run: Mapping[str, Any]) -> str | None:
        """Point ``latest.json`` to the store, in one put; None when the place is a store of its own."""
        if self.folder is None:
            return None
        document = {"store": self.store.rsplit("/", 1)[1], **run}
        objects = open_objects(self.folder, self.options)
        objects.put(LATEST, json.dumps(document, indent=1).encode())
        return f"{self.folder}/{LATEST}"

    def record(self, run_id: str, document: Mapping[str, Any]) -> str | None:
        """Keep the record of a run beside the versions; None when the place is a store of its own."""
        if self.folder is None:
            return None
        open_objects(self.folder, self.options).put(f"runs/{run_id}.json", json.dumps(document, indent=1, default=str).encode())
        return f"{self.folder}/runs/{run_id}.json"


def new_run_id(now: dt.datetime, fingerprint: str) -> str:
    """Names a run and its version: sorts by time, tells the recipe."""
    return f"{now:%Y%m%dT%H%M%S}-{fingerprint[:8]}"
