from __future__ import annotations

import json
from typing import Any

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.pattern.sources import SourceContext, expand

from .conftest import Answer, Request, Server

DATA = "http://esipfed.org/ns/fedsearch/1.1/data#"
FAST = SourceContext(attempts=2, wait=0.01)


def granule(number: int, links: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    own = [
        {"rel": DATA, "href": f"https://host/g_{number}.nc4", "type": "application/x-netcdf"},
        {"rel": "http://esipfed.org/ns/fedsearch/1.1/s3#", "href": f"s3://bucket/g_{number}.nc4"},
        {"rel": "http://esipfed.org/ns/fedsearch/1.1/service#", "href": "https://host/opendap"},
        {"rel": DATA, "href": "https://host/collection/", "inherited": True},
        {"rel": DATA, "href": f"s3://bucket/g_{number}.nc4"},
    ]
    return {"id": f"G{number}", "title": f"granule {number}", "links": own if links is None else links}


def search(server: Server, granules: list[Any], *, page: int = 2, announced: int | None = None) -> None:
    """Answer as CMR does: pages, CMR-Hits, and CMR-Search-After until a page is empty."""

    def route(request: Request) -> Answer:
        headers = {k.lower(): v for k, v in request.headers.items()}
        begin = int(json.loads(headers["cmr-search-after"])[0]) if "cmr-search-after" in headers else 0
        found = granules[begin : begin + page]
        answer = {
            "Content-Type": "application/json",
            "CMR-Hits": str(announced if announced is not None else len(granules)),
        }
        if found:
            answer["CMR-Search-After"] = json.dumps([begin + len(found)])
        return 200, answer, json.dumps({"feed": {"entry": found}}).encode()

    server.routes["/search/granules.json"] = route


def found(server: Server, context: SourceContext = FAST, **spec: Any) -> list[str]:
    return expand("catalog", {"cmr": {"url": server.url + "/search", **spec}}, context=context)


def test_all_pages_in_order(server: Server) -> None:
    search(server, [granule(i) for i in (3, 10, 2, 7, 5)])
    assert found(server, short_name="X") == [f"https://host/g_{i}.nc4" for i in (3, 10, 2, 7, 5)]
    assert len(server.requests) == 4


def test_what_is_asked(server: Server) -> None:
    search(server, [granule(1)])
    found(server, short_name="GPM_3IMERGHHL", version="06", provider="GES_DISC", temporal=["2020-01-01", "2020-01-31"])
    query = server.requests[0].query
    assert query["short_name"] == ["GPM_3IMERGHHL"]
    assert query["version"] == ["06"]
    assert query["provider"] == ["GES_DISC"]
    assert query["temporal"] == ["2020-01-01T00:00:00Z,2020-01-31T23:59:59Z"]
    assert query["sort_key"] == ["start_date"]
    found(server, concept_id="C1-X", temporal="2020-01-01T00:00:00Z,", bounding_box=[-10, 0, 10.5, 20])
    query = server.requests[-2].query
    assert (query["collection_concept_id"], query["bounding_box"]) == (["C1-X"], ["-10,0,10.5,20"])


def test_match_chooses_a_link(server: Server) -> None:
    links = [{"rel": DATA, "href": f"https://host/g.{x}"} for x in ("nc", "png")]
    search(server, [granule(1, links)])
    assert found(server, short_name="X", match=r"\.nc") == ["https://host/g.nc"]
    with pytest.raises(InputError, match=r"has 2 data links.*g\.nc, g\.png.*I608"):
        found(server, short_name="X")


@pytest.mark.parametrize(
    ("granules", "announced", "code", "says"),
    [
        ([], None, "I601", "short_name=X"),
        ([granule(1, [])], None, "I608", "no data link"),
        ([granule(1)], 3, "I608", "1 granules came of 3"),
        ([granule(1)], 10**8, "I602", "narrow"),
    ],
)
def test_errors(server: Server, granules: list[Any], announced: int | None, code: str, says: str) -> None:
    search(server, granules, announced=announced)
    with pytest.raises(InputError) as caught:
        found(server, short_name="X")
    assert caught.value.code == code
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [(200, b"<html>", "I608"), (200, b"[]", "I608"), (200, b'{"feed": 1}', "I608"), (400, b"", "I604")],
)
def test_answers_that_are_none(server: Server, status: int, body: bytes, code: str) -> None:
    server.routes["/search/granules.json"] = lambda _: (status, {}, body)
    with pytest.raises(InputError) as caught:
        found(server, short_name="X")
    assert caught.value.code == code


def test_pattern_from_granules(server: Server) -> None:
    search(server, [granule(i) for i in range(5)])
    inputs = {"catalog": {"cmr": {"url": server.url + "/search", "short_name": "{name}"}}, "concat": {"time": {}}}
    made = FilePattern.from_inputs(inputs, parameters={"name": "GPM"}, context=FAST)
    assert len(made) == 5
    assert made[4].key["time"].name == "g_4.nc4"
    assert server.requests[0].query["short_name"] == ["GPM"]
