"""Object stores and sftp: a killed transfer goes on where it stopped; caches on them through the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.inputs.fetch import Auth, Cache, Fetcher
from tests.cli.invocation import invoke
from tests.inputs.fetch.faulty_server import FaultyServer
from tests.inputs.fetch.servers import StallingProxy

pytestmark = pytest.mark.servers
BIG = os.urandom(1 << 20) * 24
_CHILD = """
import json, sys
from pangeo_forge.inputs.fetch import *
o = json.loads(sys.argv[3])
f = Fetcher(FetchOptions(storage_options=o, timeout=60), Cache(sys.argv[2]), politeness=Politeness(folder=sys.argv[4]))
f.fetch(sys.argv[1])
"""
Make = Callable[..., Fetcher]


@pytest.fixture
def proxies() -> Iterator[Callable[[str], StallingProxy]]:
    made: list[StallingProxy] = []

    def make(endpoint: str) -> StallingProxy:
        made.append(StallingProxy(int(endpoint.rpartition(":")[2].strip("/")), 14 << 20))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


def kill_in_the_middle(url: str, cache: Cache, options: dict[str, Any], folder: Path) -> None:
    command = [sys.executable, "-c", _CHILD, url, cache.url, json.dumps(options), str(folder / "polite")]
    child = subprocess.Popen(command)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and sum(size for _, size in cache.files("partial")) < 8 << 20:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert sum(size for _, size in cache.files("partial")) >= 8 << 20
    assert not list(cache.entries())


@pytest.mark.parametrize("kind", ["s3", "gs"])
def test_a_killed_transfer_goes_on(
    kind: str,
    request: pytest.FixtureRequest,
    proxies: Callable[[str], StallingProxy],
    make_fetcher: Make,
    cache: Cache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint, store = request.getfixturevalue("s3" if kind == "s3" else "gcs")
    if kind == "s3":
        store.put_object(Bucket="bucket", Key="big.nc", Body=BIG, ACL="public-read")
    else:
        store.pipe_file("bucket/big.nc", BIG)
    proxy = proxies(endpoint)
    through = f"http://127.0.0.1:{proxy.port}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", through)
    options = {"endpoint_url": through, **({"token": "anon"} if kind == "gs" else {"anon": True})}
    kill_in_the_middle(f"{kind}://bucket/big.nc", cache, options, tmp_path)
    proxy.open()
    found = make_fetcher({"storage_options": options, "timeout": 60}).fetch(f"{kind}://bucket/big.nc")
    assert Path(found.path).read_bytes() == BIG
    assert proxy.passed < len(BIG) - (7 << 20)  # what was there did not come again


@pytest.mark.parametrize("kind", ["s3", "gs"])
def test_a_cache_on_a_store_through_the_command_line(
    kind: str, request: pytest.FixtureRequest, make_fetcher: Make, server: FaultyServer
) -> None:
    endpoint, store = request.getfixturevalue("s3" if kind == "s3" else "gcs")
    options = {"endpoint_url": endpoint, **({"token": "anon"} if kind == "gs" else {"key": "a", "secret": "b"})}
    place = f"{kind}://bucket/listed"
    urls = [server.on(f"/{i}", lambda r: r.serve(b"CDF\x01" + r.path.encode() * 500)) for i in range(3)]
    assert not make_fetcher(cache=Cache(place, options)).fetch_all(urls).failed
    given = ["--cache", place, *(x for k, v in options.items() for x in ("--cache-option", f"{k}={v}")), "--json"]
    assert sorted(e["url"] for e in invoke("cache", "list", *given).json["entries"]) == urls
    assert invoke("cache", "verify", *given).json == {"ok": True, "checked": 3, "damaged": []}
    entry = next(e for e in invoke("cache", "list", *given).json["entries"] if e["url"] == urls[0])
    blob = f"listed/v1/blobs/{entry['sha256'][:2]}/{entry['sha256']}"
    damaged = b"x" * entry["size"]
    if kind == "s3":
        store.put_object(Bucket="bucket", Key=blob, Body=damaged)
    else:
        store.pipe_file(f"bucket/{blob}", damaged)
    # Whoever downloads it finds out, and so does who asks.
    assert [d["url"] for d in invoke("cache", "verify", *given).json["damaged"]] == [urls[0]]
    again = make_fetcher(cache=Cache(place, options)).fetch(urls[0])
    assert not again.from_cache
    assert Path(again.path).read_bytes() == b"CDF\x01" + b"/0" * 500
    assert invoke("cache", "verify", *given).json["ok"]
    pruned = invoke("cache", "prune", *given, "--max-size", "1B").json
    assert pruned["entries"] == 3
    assert invoke("cache", "list", *given).json["entries"] == []


def test_a_wrong_key_for_the_cache_is_told_without_it(s3: tuple[str, Any]) -> None:
    endpoint, _ = s3
    given = ["--cache", "s3://no-such-bucket/cache", "--cache-option", f"endpoint_url={endpoint}"]
    done = invoke("cache", "list", *given, "--cache-option", "key=KEY-0", "--cache-option", "secret=hunter2secret")
    assert "hunter2secret" not in done.out + done.err
    assert "Traceback" not in done.err


def test_named_secrets_for_s3_inputs(s3: tuple[str, Any], make_fetcher: Make, tmp_path: Path) -> None:
    endpoint, client = s3
    client.put_object(Bucket="bucket", Key="a.nc", Body=b"CDF\x01abc")
    for value in ("AKID-1:s3cr3t-of-s3", '{"key": "AKID-1", "secret": "s3cr3t-of-s3"}'):
        options = {"storage_options": {"endpoint_url": endpoint}, "auth": Auth("s3", "S"), "timeout": 20}
        cache = Cache(str(tmp_path / str(len(value))))
        assert make_fetcher(options, secrets={"S": value}, cache=cache).fetch("s3://bucket/a.nc").size == 7
    kept = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"s3cr3t-of-s3" not in kept
