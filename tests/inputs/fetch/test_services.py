"""OPeNDAP services are asked as politely as files are fetched, and signed in as the recipe says."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import xarray as xr
import yaml

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch import Auth, Guard, Secret
from tests.cli.invocation import Invocation, invoke
from tests.datasets.test_opendap import FOLDER, KINDS, recorded
from tests.inputs.fetch.faulty_server import FaultyServer, Request, stall

TOKEN = "t0ken-of-the-service-xyz"


def answer(request: Request) -> None:
    """DDS and DAS as recorded, the region asked for."""
    path, _, query = request.path.partition("?")
    if path.endswith((".dds", ".das")):
        return request.send("200 OK", {}, (FOLDER / ("fnoc1.nc." + path[-3:])).read_bytes())
    name, _, rest = unquote(query).partition("[")
    name = name.rpartition(".")[2]
    picks = [tuple(map(int, p.split(":"))) for p in rest.rstrip("]").split("][")]
    values = recorded()[name][tuple(slice(a, c + 1, b) for a, b, c in picks)]
    dims = "".join(f"[d{i} = {n}]" for i, n in enumerate(values.shape))
    head = f"Dataset {{\n    {KINDS[name]} {name}{dims};\n}} fnoc1.nc;\n\nData:\n".encode()
    return request.send("200 OK", {}, head + np.array([values.size] * 2, ">u4").tobytes() + values.tobytes())


def serve(server: FaultyServer, name: str, handler: object = answer) -> str:
    for suffix in (".dds", ".das", ".dods"):
        server.on(f"/{name}{suffix}", handler)  # type: ignore[arg-type]
    return server.url(f"/{name}")


def run(folder: Path, url: str, *options: object, **sections: object) -> Invocation:
    source = Path(__file__).parents[2] / "datasets/recipes/opendap-fnoc/recipe.yaml"
    recipe = yaml.safe_load(source.read_text())
    recipe = {**recipe, "id": "service", "parameters": {}, "inputs": {"url": url}, **sections}
    (folder / "service").mkdir(exist_ok=True)
    (folder / "service/recipe.yaml").write_text(yaml.safe_dump(recipe))
    return invoke("run", folder / "service", "--target", folder / "out.zarr", "--cache", folder / "cache", *options)


@pytest.fixture(autouse=True)
def _own_politeness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANGEO_FORGE_POLITENESS", str(tmp_path / "polite"))


@pytest.mark.servers
def test_a_service_is_signed_in_to_and_not_overrun(
    tmp_path: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANGEO_FORGE_SECRET_SERVICE_TOKEN", TOKEN)

    def handler(request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}" or request.headers.get("x-mine") != "1":
            return request.send("401 Unauthorized")
        if request.path.endswith(".das") and request.number == 1:
            return request.send("503 busy", {"Retry-After": "0"})
        stall(0.02)
        return answer(request)

    url = serve(server, "d", handler)
    fetch = {"auth": {"kind": "bearer", "secret": "SERVICE_TOKEN"}, "headers": {"X-Mine": "1"}, "max_concurrency": 1}
    done = run(tmp_path, url, "--workers", 3, fetch=fetch, target={"chunks": {"time_a": 2}})
    assert done.code == 0, done.err
    assert "retrying" in done.err
    assert server.open_most == 1
    assert TOKEN not in done.err + done.out
    with xr.open_zarr(tmp_path / "out.zarr", decode_times=False) as got:
        assert got.sizes["time_a"] == 16


@pytest.mark.servers
def test_a_service_that_refuses_says_why_and_an_absent_one_is_absent(tmp_path: Path, server: FaultyServer) -> None:
    def refuses(request: Request) -> None:
        request.send("403 Forbidden", {}, b'Error { code = 403;\n message = "Request Too Large: 900 Mbytes"; };')

    done = run(tmp_path, serve(server, "d", refuses), "--json")
    assert done.json["error"]["code"] == "I122"
    assert "Request Too Large" in done.json["error"]["message"]
    assert "open.max_request" in done.json["error"]["hint"]
    gone = run(tmp_path, server.url("/gone"), "--json")
    assert gone.json["error"]["code"] == "I301"


def test_answers_are_checked_and_bounded(server: FaultyServer, make_fetcher) -> None:
    fetcher = make_fetcher()

    def cut(r: Request) -> None:
        r.send("200 OK", {}, b"abc", length=5 if r.number == 1 else 3)
        if r.number == 1:
            raise ConnectionAbortedError

    assert fetcher.read(server.on("/cut", cut)) == b"abc"
    assert len(server.seen("/cut")) == 2
    with pytest.raises(InputError, match="larger than 2 bytes"):
        fetcher.read(server.on("/a", lambda r: r.send("200 OK", {}, b"abc")), limit=2)
    busy = server.on("/busy", lambda r: r.send("500 x", {}, b"out of memory") if r.number < 3 else r.serve(b"fine"))
    assert fetcher.read(busy) == b"fine"
    assert not fetcher.progress.snapshot().retrying
    with pytest.raises(InputError, match="out of memory") as caught:
        fetcher.read(server.on("/broken", lambda r: r.send("500 x", {}, b"out of memory")))
    assert caught.value.code == "I304"
    with pytest.raises(InputError, match="http"):
        fetcher.read("file:///etc/passwd")


def test_a_strangers_service_passes_the_guard(server: FaultyServer, make_fetcher) -> None:
    url = serve(server, "d")
    with pytest.raises(InputError) as caught:
        make_fetcher(guard=Guard()).read(url + ".dds")
    assert caught.value.code == "I306"
    assert not server.requests
    guard = Guard(allow_private=True)
    bound = make_fetcher({"auth": Auth("bearer", "T")}, guard=guard, secrets={"T": Secret(TOKEN, ("127.0.0.1",))})
    assert bound.read(url + ".dds").startswith(b"Dataset")
    assert server.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"
