"""Catalog entries of datasets: beside ``latest.json`` (or in the home of a store at a path of its own), always of what readers
follow.

An entry is put after the pointer that it tells of has moved. A run that dies in between leaves an older entry, which the next
one finds to be of another state, and replaces.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from pangeo_forge.catalog.collection import (
    STATE,
    VERSION,
    Description,
    StoreAddress,
    linked,
    make_catalog,
    make_collection,
    to_bytes,
)
from pangeo_forge.errors import PangeoForgeError, TargetError
from pangeo_forge.runs.place import Place
from pangeo_forge.targets.conditional import Conflict, put_if, read_tagged
from pangeo_forge.targets.dataset_root import root_attributes
from pangeo_forge.targets.metadata import PROVENANCE, UNCONSOLIDATED
from pangeo_forge.targets.metadata import STATE as STATE_OF_STORE
from pangeo_forge.targets.objects import is_local, local_path, open_objects

KEY, ROOT_KEY = "collection.json", "catalog.json"
TRIES = 20
"""Times that the catalog of a root is read and put again when others change it at the same moment."""


def entry_of(place: Place) -> dict[str, Any] | None:
    """The entry that is there."""
    data = place.objects.get(KEY)
    return None if data is None else json.loads(data)


def is_current(place: Place, store: str, state: str) -> bool:
    """Whether the entry tells of the store in this state."""
    entry = entry_of(place)
    return entry is not None and entry.get(STATE) == state and entry["assets"]["data"]["href"] == _public(store)


def make_entry(place: Place, about: Description, now: dt.datetime | None = None) -> dict[str, Any]:
    """The entry of what readers follow at a place.

    Raises
    ------
    TargetError: T080 when there is no dataset yet.
    """
    from pangeo_forge.targets.opening import open_dataset

    store = place.current()
    attrs = None if store is None else root_attributes(store, place.options)
    if store is None or attrs is None:
        raise TargetError(
            "there is no dataset yet, so there is nothing to enter into a catalog",
            code="T080",
            where=place.objects.url,
            hint="run the recipe first; `pangeo-forge status` tells what ran",
        )
    latest = place.latest()[0] if place.store is None else None
    version = None if latest is None else str(latest["store"]).rpartition(".")[0]
    address = StoreAddress(
        _public(store),
        _zarr_format(store, place),
        place.options.get("anon") is True or place.options.get("token") == "anon",
        place.options.get("endpoint_url"),
        version,
        attrs.get(STATE_OF_STORE),
        consolidated=not attrs.get(UNCONSOLIDATED),
    )
    with open_dataset(store, place.options, chunks=None, decode_timedelta=False) as ds:
        made = make_collection(about, ds, address, now or dt.datetime.now(dt.UTC))
    return linked(made, root=place.store is None)


def put_entry(place: Place, entry: dict[str, Any]) -> str:
    """Put an entry, and see to it that the catalog of the root names it; its address."""
    place.objects.put(KEY, to_bytes(entry))
    if place.store is None:
        root, _, name = place.home.rstrip("/").rpartition("/")
        objects = open_objects(root, place.options)
        for _ in range(TRIES):
            data, tag = read_tagged(objects, ROOT_KEY)
            before = None if data is None else json.loads(data)
            after = make_catalog([name], before)
            if after == before:
                break
            try:
                put_if(objects, ROOT_KEY, to_bytes(after), tag)
                break
            except Conflict:
                continue
    return f"{place.objects.url}/{KEY}"


def describe(place: Place, recipe: Any = None) -> Description:
    """What is known of a dataset in words: from its recipe, else from the entry or the store that is there."""
    if recipe is not None:
        return Description.from_recipe(recipe)
    entry = entry_of(place)
    if entry is not None:
        return Description.from_entry(entry)
    store = place.current()
    attrs = (root_attributes(store, place.options) if store else None) or {}
    name = attrs.get(f"{PROVENANCE}recipe_id") or (place.store or place.home).rstrip("/").rpartition("/")[2]
    return Description(str(name), str(attrs.get(f"{PROVENANCE}recipe_title") or attrs.get("title") or name))


def refresh_entry(place: Place, recipe: Any = None, now: dt.datetime | None = None) -> list[str]:
    """Make and put the entry; warnings instead of errors: what is published stays published."""
    try:
        put_entry(place, make_entry(place, describe(place, recipe), now))
    except PangeoForgeError as error:
        why = error.message
    except Exception as error:  # noqa: BLE001 - whatever xarray or pystac say of odd coordinates: the data are there
        why = f"{type(error).__name__}: {error}"
    else:
        return []
    return [f"the catalog entry could not be made: {why}; `pangeo-forge catalog` makes it"]


def _public(store: str) -> str:
    return str(local_path(store)) if is_local(store) else open_objects(store).url


def _zarr_format(store: str, place: Place) -> int:
    objects = open_objects(store, place.options)
    return 2 if store.endswith(".zarr") and not objects.exists("zarr.json") else 3


__all__ = ["VERSION", "describe", "entry_of", "is_current", "make_entry", "put_entry", "refresh_entry"]
