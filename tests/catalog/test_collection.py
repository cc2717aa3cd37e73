"""Documents are what STAC's own schemas and pystac accept, without a network."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pystac
import pytest
from jsonschema import Draft7Validator
from pystac.validation import local_validator
from referencing import Registry, Resource

from pangeo_forge.catalog.collection import Description, StoreAddress, linked, make_catalog, make_collection, to_bytes
from tests.catalog.test_datacube import cube

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
ABOUT = Description(
    "my-data",
    "My data",
    license="CC-BY-4.0",
    license_url="https://example.org/license",
    providers=({"name": "NOAA", "roles": ["producer"], "url": "https://example.org"},),
    keywords=("sea",),
)

_EXTENT = {"type": "array", "minItems": 2, "maxItems": 2}
DATACUBE: dict[str, Any] = {
    "type": "object",
    "required": ["cube:dimensions", "cube:variables"],
    "properties": {
        "cube:dimensions": {
            "additionalProperties": {
                "required": ["type"],
                "anyOf": [
                    {
                        "required": ["axis", "extent"],
                        "properties": {
                            "type": {"const": "spatial"},
                            "axis": {"enum": ["x", "y"]},
                            "extent": {**_EXTENT, "items": {"type": "number"}},
                        },
                    },
                    {
                        "required": ["axis"],
                        "properties": {"type": {"const": "spatial"}, "axis": {"const": "z"}},
                        "anyOf": [{"required": ["extent"]}, {"required": ["values"]}],
                    },
                    {
                        "required": ["extent"],
                        "properties": {
                            "type": {"const": "temporal"},
                            "extent": {**_EXTENT, "items": {"type": ["string", "null"]}},
                        },
                    },
                    {
                        "properties": {"type": {"not": {"enum": ["spatial", "temporal", "geometry"]}}},
                        "anyOf": [{"required": ["extent"]}, {"required": ["values"]}],
                    },
                ],
            }
        },
        "cube:variables": {
            "additionalProperties": {
                "required": ["dimensions", "type"],
                "properties": {
                    "dimensions": {"type": "array", "items": {"type": "string"}},
                    "type": {"enum": ["data", "auxiliary"]},
                },
            }
        },
    },
}
"""What the datacube extension, version 2.2.0, requires."""


def check(document: dict[str, Any]) -> None:
    """Raise when a document is not what STAC's schemas, and that of the datacube extension, ask for."""
    cache = local_validator.get_local_schema_cache()
    kind = "catalog" if document["type"] == "Catalog" else "collection"
    (schema,) = (v for k, v in cache.items() if k.endswith(f"/{kind}.json"))
    registry: Any = Registry().with_resources([(k, Resource.from_contents(v)) for k, v in cache.items()])
    Draft7Validator(schema, registry=registry).validate(document)
    if kind == "collection":
        Draft7Validator(DATACUBE).validate(document)
    pystac.read_dict(document)


def test_a_collection_is_valid_and_says_how_to_open_the_store() -> None:
    store = StoreAddress("gs://bucket/my-data/v1.zarr", 3, True, None, "v1", "abc")
    made = make_collection(ABOUT, cube(), store, NOW)
    check(made)
    assert made["extent"]["spatial"]["bbox"] == [[0.0, -1.0, 3.0, 1.0]]
    assert made["extent"]["temporal"]["interval"] == [["2000-01-01T00:00:00Z", "2000-01-02T00:00:00Z"]]
    asset = made["assets"]["data"]
    assert asset["href"] == "gs://bucket/my-data/v1.zarr"
    assert asset["type"] == "application/vnd.zarr; version=3"
    assert asset["xarray:open_kwargs"] == {"engine": "zarr", "consolidated": True, "chunks": {}}
    assert asset["xarray:storage_options"] == {"anon": True}
    assert (made["license"], made["pangeo_forge:state"]) == ("CC-BY-4.0", "abc")
    assert [link["href"] for link in made["links"]] == ["https://example.org/license"]
    assert json.loads(to_bytes(made)) == made
    assert Description.from_entry(made).providers == ABOUT.providers


@pytest.mark.parametrize("url", ["/data/x.icechunk", "s3://b/x.json", "s3://b/x.parquet", "/data/x.zarr"])
def test_every_format_has_an_entry(url: str) -> None:
    made = make_collection(Description("x", "X"), cube(), StoreAddress(url, 2), NOW)
    check(made)
    assert made["license"] == "other"
    assert url in made["assets"]["data"]["description"]


def test_a_catalog_links_each_dataset_once_and_keeps_what_it_says() -> None:
    first = make_catalog(["b"])
    check(first)
    first["title"] = "Ours"
    second = make_catalog(["a", "b"], first)
    check(second)
    assert second["title"] == "Ours"
    assert [link["href"] for link in second["links"]] == ["./b/collection.json", "./a/collection.json"]
    assert make_catalog(["a"], second) == second


def test_links_to_the_root() -> None:
    made = linked(make_collection(ABOUT, cube(), StoreAddress("/x.zarr"), NOW), root=True)
    check(made)
    assert linked(made, root=True) == made
    assert {link["rel"] for link in made["links"]} == {"root", "parent", "license"}
    assert {link["rel"] for link in linked(made, root=False)["links"]} == {"license"}
