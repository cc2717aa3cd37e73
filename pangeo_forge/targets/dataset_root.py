"""What the root of a dataset says, whatever format it has: how a dataset is known as there, as ours, in which state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pangeo_forge.errors import TargetError
from pangeo_forge.targets.metadata import PROVENANCE, STATE
from pangeo_forge.targets.objects import is_local, local_path, open_objects
from pangeo_forge.targets.zarr import ROOTS, root_attrs


def root_attributes(address: str, options: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Attributes of the root of the dataset at an address; None when there is none.

    Parameters
    ----------
    address: of a Zarr store, an Icechunk repository or references; its ending tells which.
    options: fsspec's.

    Raises
    ------
    TargetError: T060, T061, T062 an Icechunk repository cannot be read.
    """
    address = address.rstrip("/")
    if address.endswith(".icechunk"):
        from pangeo_forge.targets.icechunk_repository import root_of
        from pangeo_forge.targets.icechunk_storage import open_repository

        repository = open_repository(address, options)
        return None if repository is None else root_of(repository)
    if address.endswith(".json"):
        folder, _, name = (str(local_path(address)) if is_local(address) else address).rpartition("/")
        data = open_objects(folder, options).get(name)
        return None if data is None else _of_references(data)
    store = open_objects(address, options)
    for key in ROOTS[:2]:
        data = store.get(key)
        if data is not None:
            return root_attrs(data)
    return None


def state_at(address: str, options: Mapping[str, Any] | None = None) -> str | None:
    """The state that a dataset says it is in: the name of its ledger."""
    return (root_attributes(address, options) or {}).get(STATE)


def refuse_foreign(attrs: Mapping[str, Any], where: str) -> None:
    """Raise when the root attributes of a dataset that is to be extended do not say that this program made it.

    Raises
    ------
    TargetError: T002.
    """
    if f"{PROVENANCE}version" not in attrs:
        raise TargetError(
            "there is something that this program did not make, so it is not appended to",
            code="T002",
            where=where,
            hint="choose another --target, or remove it yourself",
        )


def _of_references(document: bytes) -> dict[str, Any]:
    try:
        found = json.loads(json.loads(document)["refs"][".zattrs"])
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
