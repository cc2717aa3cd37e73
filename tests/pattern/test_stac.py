from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.pattern.sources import SourceContext, expand

from .conftest import Answer, Request, Server

FAST = SourceContext(attempts=2, wait=0.01)


def item(name: str, time: str, assets: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    own = {
        "data": {"href": f"https://host/{name}.nc", "roles": ["data"]},
        "thumb": {"href": "t.png", "roles": ["thumbnail"]},
    }
    return {
        "type": "Feature",
        "id": name,
        "properties": {"datetime": time},
        "assets": own if assets is None else assets,
        **more,
    }


ITEMS = [item("c", "2020-01-03"), item("a", "2020-01-01"), item("b", "2020-01-02")]


def found(url: str, context: SourceContext = FAST, folder: Path | None = None, **spec: Any) -> list[str]:
    return expand("catalog", {"stac": {"url": url, **spec}}, context=context, folder=folder)


def answer(value: Any) -> Answer:
    return 200, {"Content-Type": "application/geo+json"}, json.dumps(value).encode()


def api(server: Server) -> None:
    """A STAC API: a landing page, and a search with pages by GET (links) and by POST (a token to merge)."""

    def search(request: Request) -> Answer:
        body = json.loads(request.body) if request.body else {}
        begin = int(body.get("token") or request.query.get("token", ["0"])[0])
        page: dict[str, Any] = {"type": "FeatureCollection", "features": ITEMS[begin : begin + 2], "links": []}
        if begin + 2 < len(ITEMS):
            link: dict[str, Any] = {"rel": "next", "href": f"{server.url}/search?token={begin + 2}"}
            if request.method == "POST":
                link = {"rel": "next", "href": "/search", "method": "POST", "merge": True, "body": {"token": begin + 2}}
            page["links"] = [link]
        return answer(page)

    landing = {"type": "Catalog", "id": "api", "links": [{"rel": "search", "href": "/search"}]}
    server.page("/api", json.dumps(landing), "application/json")
    server.routes["/search"] = search


EXPECTED = [f"https://host/{n}.nc" for n in "abc"]


def test_api_by_get(server: Server) -> None:
    api(server)
    assert found(f"{server.url}/api", collection="sst", datetime="2020-01-01/..", bbox=[0, 1, 2, 3]) == EXPECTED
    query = server.requests[1].query
    assert (query["collections"], query["datetime"], query["bbox"]) == (["sst"], ["2020-01-01/.."], ["0,1,2,3"])


def test_api_by_post(server: Server) -> None:
    api(server)
    assert found(f"{server.url}/api", collection="sst", query={"platform": {"eq": "aqua"}}) == EXPECTED
    bodies = [json.loads(r.body) for r in server.requests if r.method == "POST"]
    assert [b["collections"] for b in bodies] == [["sst"], ["sst"]]
    assert [b.get("token") for b in bodies] == [None, 2]


def test_static_catalog_on_disk(tmp_path: Path) -> None:
    (tmp_path / "items" / "a").mkdir(parents=True)
    catalog = {
        "type": "Catalog",
        "id": "x",
        "links": [
            {"rel": "self", "href": "https://elsewhere/catalog.json"},
            {"rel": "child", "href": "./items/collection.json"},
        ],
    }
    collection = {
        "type": "Collection",
        "id": "y",
        "links": [{"rel": "item", "href": f"./{n}/{n}.json"} for n in "ab"]
        + [{"rel": "parent", "href": "../catalog.json"}],
    }
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    (tmp_path / "items" / "collection.json").write_text(json.dumps(collection))
    (tmp_path / "items" / "b").mkdir()
    for name, time in [("a", "2021"), ("b", "2020")]:
        one = item(name, time, {"nc": {"href": f"./{name}.nc"}})
        (tmp_path / "items" / name / f"{name}.json").write_text(json.dumps(one))
    assert found("catalog.json", folder=tmp_path) == [str(tmp_path / "items" / n / f"{n}.nc") for n in "ba"]


def test_static_collection_over_http(server: Server) -> None:
    server.page("/c/collection.json", json.dumps({"type": "Collection", "links": [{"rel": "items", "href": "items"}]}))
    server.page(
        "/c/items", json.dumps({"type": "FeatureCollection", "features": [item("a", "x", {"nc": {"href": "../a.nc"}})]})
    )
    assert found(f"{server.url}/c/collection.json") == [f"{server.url}/a.nc"]


def test_asset_by_name(server: Server) -> None:
    assets = {"sst": {"href": "s3://b/sst.nc", "roles": ["data"]}, "ice": {"href": "s3://b/ice.nc", "roles": ["data"]}}
    server.page("/i.json", json.dumps(item("a", "2020", assets)))
    assert found(f"{server.url}/i.json", asset="ice") == ["s3://b/ice.nc"]
    with pytest.raises(InputError, match=r"it has sst, ice.*I608"):
        found(f"{server.url}/i.json")
    with pytest.raises(InputError, match=r"no asset 'wind'.*I608"):
        found(f"{server.url}/i.json", asset="wind")


@pytest.mark.parametrize(
    ("document", "spec", "code", "says"),
    [
        ({"type": "Catalog", "links": []}, {}, "I601", "no item"),
        ({"type": "Catalog", "links": []}, {"datetime": "2020"}, "I608", "only an API"),
        ({"hello": 1}, {}, "I608", "not STAC"),
        ([1], {}, "I608", "no JSON object"),
        ({"type": "FeatureCollection"}, {}, "I608", "item collection"),
        ({"type": "FeatureCollection", "features": ITEMS}, {"limit": 2}, "I602", "more than 2"),
        ({"type": "FeatureCollection", "features": ITEMS, "links": [{"rel": "next", "href": "/d"}]}, {}, "I608", "circle"),
        ({"type": "FeatureCollection", "features": [], "links": [{"rel": "next", "href": "/e"}]}, {}, "I608", "empty page"),
    ],
)  # fmt: skip
def test_errors(server: Server, document: Any, spec: dict[str, Any], code: str, says: str) -> None:
    server.page("/d", json.dumps(document), "application/json")
    context = SourceContext(attempts=1, limit=spec.pop("limit", 10**6))
    with pytest.raises(InputError) as caught:
        found(f"{server.url}/d", context, **spec)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_absent_and_unreadable(tmp_path: Path, server: Server) -> None:
    with pytest.raises(InputError, match="I603"):
        found("no.json", folder=tmp_path)
    with pytest.raises(InputError, match="I604"):
        found(f"{server.url}/no.json")
