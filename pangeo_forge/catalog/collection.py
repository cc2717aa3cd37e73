"""A dataset as a STAC Collection, and the datasets of a root as a STAC Catalog.

The documents are made with pystac, so that they are what every STAC client reads. Nothing of ours is needed to use them:
the asset holds the store's address, and how xarray opens it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from pangeo_forge.catalog.datacube import dimensions_of, variables_of
from pangeo_forge.catalog.extents import extents_of

DATACUBE = "https://stac-extensions.github.io/datacube/v2.2.0/schema.json"
XARRAY = "https://stac-extensions.github.io/xarray-assets/v1.0.0/schema.json"
STATE, VERSION = "pangeo_forge:state", "pangeo_forge:version"

_MEDIA = {
    ".icechunk": "application/vnd.zarr+icechunk",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True)
class Description:
    """What people say of a dataset; the rest is found in its store."""

    id: str
    title: str
    description: str = ""
    license: str | None = None
    license_url: str | None = None
    providers: tuple[Mapping[str, Any], ...] = ()
    keywords: tuple[str, ...] = ()

    @classmethod
    def from_recipe(cls, recipe: Any) -> Description:
        """As the recipe says."""
        providers = tuple(p.model_dump(exclude_none=True) for p in recipe.providers)
        about = (recipe.id, recipe.title, recipe.description, recipe.license, recipe.license_url)
        return cls(*about, providers, tuple(recipe.keywords))

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Description:
        """As a catalog entry that is there says: when the recipe is not at hand."""
        links = [link["href"] for link in entry.get("links", []) if link.get("rel") == "license"]
        return cls(
            entry["id"],
            entry.get("title") or entry["id"],
            entry.get("description", ""),
            entry.get("license"),
            links[0] if links else None,
            tuple(entry.get("providers", ())),
            tuple(entry.get("keywords", ())),
        )


@dataclass(frozen=True)
class StoreAddress:
    """Where a store is, and what it is."""

    url: str
    zarr_format: int = 3
    anonymous: bool = False
    endpoint: str | None = None
    version: str | None = None
    """Name of the version below a root."""
    state: str | None = None
    """Names what the store holds."""
    consolidated: bool = True
    """Whether a Zarr store has consolidated metadata."""
    ending: str = field(init=False, default=".zarr")

    def __post_init__(self) -> None:
        for ending in _MEDIA:
            if self.url.endswith(ending):
                object.__setattr__(self, "ending", ending)

    @property
    def media_type(self) -> str:
        """Of the asset."""
        return _MEDIA.get(self.ending, f"application/vnd.zarr; version={self.zarr_format}")

    @property
    def open_arguments(self) -> dict[str, Any]:
        """What ``xarray.open_dataset`` takes beside the address."""
        if self.ending in (".json", ".parquet"):
            return {"engine": "kerchunk", "chunks": {}}
        return {"engine": "zarr", "consolidated": self.ending == ".zarr" and self.consolidated, "chunks": {}}

    @property
    def storage_options(self) -> dict[str, Any]:
        """fsspec options that are no secret."""
        found: dict[str, Any] = {"anon": True} if self.anonymous else {}
        return {**found, "endpoint_url": self.endpoint} if self.endpoint else found


def make_collection(about: Description, ds: xr.Dataset, store: StoreAddress, now: dt.datetime) -> dict[str, Any]:
    """The STAC Collection of a dataset, as JSON.

    Parameters
    ----------
    ds: as its readers open it.
    now: when it was published.
    """
    import pystac

    found = extents_of(ds)
    extent = pystac.Extent(
        pystac.SpatialExtent([list(found.bbox)]),
        pystac.TemporalExtent([list(found.interval)]),
    )
    collection = pystac.Collection(
        about.id,
        about.description or about.title,
        extent,
        title=about.title,
        license=about.license or "other",
        keywords=list(about.keywords) or None,
        providers=[pystac.Provider.from_dict(dict(p)) for p in about.providers] or None,
        stac_extensions=[DATACUBE, XARRAY],
        extra_fields={
            "cube:dimensions": dimensions_of(ds),
            "cube:variables": variables_of(ds),
            "updated": now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **({STATE: store.state} if store.state else {}),
            **({VERSION: store.version} if store.version else {}),
        },
        assets={"data": _asset(about, store)},
    )
    collection.clear_links()
    if about.license_url:
        collection.add_link(pystac.Link("license", about.license_url, title="License"))
    made: dict[str, Any] = collection.to_dict(include_self_link=False, transform_hrefs=False)
    return made


def _asset(about: Description, store: StoreAddress) -> Any:
    import pystac

    from pangeo_forge.targets.opening import snippet

    more: dict[str, Any] = {"xarray:open_kwargs": store.open_arguments}
    if store.storage_options:
        more["xarray:storage_options"] = store.storage_options
    roles = ["data", "references"] if store.ending in (".json", ".parquet") else ["data", "zarr"]
    opening = f"Open it with: {snippet(store.url)}"
    return pystac.Asset(store.url, about.title, opening, store.media_type, roles, more)


def linked(collection: Mapping[str, Any], root: bool) -> dict[str, Any]:
    """The collection with links to the catalog of its root."""
    rels = ("root", "parent") if root else ()
    links = [link for link in collection.get("links", []) if link.get("rel") not in ("root", "parent")]
    up = [{"rel": rel, "href": "../catalog.json", "type": "application/json"} for rel in rels]
    return {**collection, "links": [*up, *links]}


def make_catalog(ids: Iterable[str], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The STAC Catalog of a root: a link to every dataset.

    Parameters
    ----------
    ids: of datasets that must be in it.
    before: the catalog that is there; its words and other links are kept.
    """
    import pystac

    if before is None:
        catalog = pystac.Catalog("pangeo-forge", "Datasets made by Pangeo Forge.", title="Pangeo Forge")
        catalog.clear_links()
        before = catalog.to_dict(include_self_link=False, transform_hrefs=False)
    links = list(before.get("links", []))
    known = {link.get("href") for link in links}
    for name in sorted(ids):
        href = f"./{name}/collection.json"
        if href not in known:
            links.append({"rel": "child", "href": href, "type": "application/json"})
    return {**before, "links": links}


def to_bytes(document: Mapping[str, Any]) -> bytes:
    """As it is stored."""
    return json.dumps(document, indent=1, allow_nan=False).encode()
