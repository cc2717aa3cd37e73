"""Listings and catalogs are read with the credentials of the recipe, which no other host is shown."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.sources import source_context

PAGE = '<html><a href="a_1.nc">a</a><a href="a_2.nc">b</a></html>'
LOGIN = "Basic " + base64.b64encode(b"me:pass-word").decode()


def recipe(folder: Path, inputs: dict[str, Any], fetch: dict[str, Any]) -> Recipe:
    path = folder / "recipe.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "format_version": 1,
                "id": "x",
                "title": "T",
                "inputs": {**inputs, "concat": {"time": {}}},
                "fetch": {"retries": 0, **fetch},
            }
        )
    )
    return load_recipe(path)


class Server:
    """Answers by host and path, and keeps what it was sent."""

    def __init__(self, **pages: Any) -> None:
        self.seen: list[tuple[str, str | None]] = []
        self.client = httpx.Client(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((str(request.url), request.headers.get("authorization")))
        if request.url.path == "/moved/":
            return httpx.Response(302, headers={"location": "https://elsewhere.example/data/"})
        if request.url.path.endswith("granules.json"):
            links = [{"rel": "http://esipfed.org/ns/fedsearch/1.1/data#", "href": "https://h.example/a_1.nc"}]
            return httpx.Response(200, json={"feed": {"entry": [{"title": "g", "links": links}]}})
        return httpx.Response(200, html=PAGE, headers={"x-key": request.headers.get("x-key", "")})


def pattern(model: Recipe, server: Server, **context: Any) -> FilePattern:
    found = source_context(model, secrets={"LOGIN": "me:pass-word"}, **context)
    return FilePattern.from_inputs(model.inputs, folder=model.folder, context=replace(found, client=server.client))


def test_a_listing_is_signed(tmp_path: Path) -> None:
    server = Server()
    inputs = {"listing": {"url": "https://h.example/data/", "match": r"a_\d\.nc"}}
    auth = {"auth": {"kind": "basic", "secret": "LOGIN"}}
    made = pattern(recipe(tmp_path, inputs, auth), server)
    assert [i.url for i in made] == ["https://h.example/data/a_1.nc", "https://h.example/data/a_2.nc"]
    assert server.seen == [("https://h.example/data/", LOGIN)]


def test_a_redirect_to_another_host_is_not(tmp_path: Path) -> None:
    server = Server()
    inputs = {"listing": {"url": "https://h.example/moved/", "match": r"a_\d\.nc"}}
    pattern(recipe(tmp_path, inputs, {"auth": {"kind": "basic", "secret": "LOGIN"}}), server)
    assert server.seen == [("https://h.example/moved/", LOGIN), ("https://elsewhere.example/data/", None)]


def test_a_secret_in_the_query(tmp_path: Path) -> None:
    server = Server()
    inputs = {"listing": {"url": "https://h.example/data/", "match": r"a_\d\.nc"}}
    fetch = {"auth": {"kind": "query", "secret": "LOGIN", "parameter": "k"}}
    made = pattern(recipe(tmp_path, inputs, fetch), server)
    assert server.seen[0][0] == "https://h.example/data/?k=me%3Apass-word"
    assert "pass-word" not in "".join(i.label for i in made)


def test_a_catalog_that_the_recipe_does_not_name_sees_no_secret(tmp_path: Path) -> None:
    inputs = {"catalog": {"cmr": {"short_name": "S"}}}
    fetch = {"auth": {"kind": "bearer", "secret": "LOGIN"}}
    server = Server()
    pattern(recipe(tmp_path, inputs, fetch), server)
    assert [a for _, a in server.seen] == [None]
    inputs["catalog"]["cmr"]["url"] = "https://cmr.example/search"
    server = Server()
    pattern(recipe(tmp_path, inputs, fetch), server)
    assert [a for _, a in server.seen] == ["Bearer me:pass-word"]


def test_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine h.example login me password pass-word\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    server = Server()
    inputs = {"listing": {"url": "https://h.example/moved/", "match": r"a_\d\.nc"}}
    pattern(recipe(tmp_path, inputs, {"auth": {"kind": "netrc"}}), server)
    assert [a for _, a in server.seen] == [LOGIN, None]


def test_an_untrusted_recipe_is_guarded(tmp_path: Path) -> None:
    server = Server()
    inputs = {"listing": {"url": "https://h.example/moved/", "match": r"a_\d\.nc"}}
    with pytest.raises(InputError) as caught:
        pattern(recipe(tmp_path, inputs, {}), server, guard=Guard(hosts=("h.example",)))
    assert caught.value.code == "I306"
    assert [u for u, _ in server.seen] == ["https://h.example/moved/"]


def test_headers(tmp_path: Path) -> None:
    context = source_context(recipe(tmp_path, {"glob": "*.nc"}, {"headers": {"x-key": "1"}, "timeout": "5s"}))
    assert (context.headers, context.timeout, context.attempts, context.sign) == ({"x-key": "1"}, 5.0, 1, None)
