"""Whole runs with credentials through the real command line: no byte of what they leave holds the secret."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.io import netcdf_file

from tests.cli.invocation import command, environment
from tests.inputs.fetch.faulty_server import FaultyServer, Request

TOKEN = "tok3n-Abcdef-0123456789-zyxw"
PASSWORD = "pa55w0rd/with+odd=chars"
AUTH = {
    "basic": (
        "CORP_LOGIN",
        f"someone:{PASSWORD}",
        "Basic " + base64.b64encode(f"someone:{PASSWORD}".encode()).decode(),
    ),
    "bearer": ("CORP_TOKEN", TOKEN, f"Bearer {TOKEN}"),
    "query": ("CORP_TOKEN", TOKEN, TOKEN),
}


def netcdf(hour: int) -> bytes:
    out = io.BytesIO()
    with netcdf_file(out, "w") as file:
        file.createDimension("time", None)
        file.createDimension("x", 3)
        time = file.createVariable("time", "i4", ("time",))
        time.units = "hours since 2020-01-01"
        time[:] = [hour]
        file.createVariable("v", "f4", ("time", "x"))[:] = np.full((1, 3), hour, "f4")
        file.flush()
        return out.getvalue()


def guarded(kind: str, answer: Callable[[Request], None]) -> Callable[[Request], None]:
    expected = AUTH[kind][2]

    def handler(request: Request) -> None:
        shown = request.path.partition("token=")[2] if kind == "query" else request.headers.get("authorization")
        if shown != expected:
            return request.send("401 Unauthorized")
        return answer(request)

    return handler


def write_recipe(folder: Path, url: str, kind: str) -> Path:
    folder.mkdir()
    auth = {"kind": kind, "secret": AUTH[kind][0], **({"parameter": "token"} if kind == "query" else {})}
    recipe = {
        "format_version": 1,
        "id": folder.name,
        "title": "Behind a login",
        "license": "CC0-1.0",
        "maintainers": [{"name": "N", "github": "n"}],
        "providers": [{"name": "P", "roles": ["producer"]}],
        "inputs": {"url": url, "concat": {"time": [0, 1]}},
        "fetch": {"auth": auth, "retries": 1, "timeout": "10s"},
        "target": {"chunks": {"time": 2}},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder


def forms(kind: str) -> list[bytes]:
    """The secret as it is, as it travels, and as others might write it down."""
    value = AUTH[kind][1]
    from urllib.parse import quote

    found = {
        value,
        value.rpartition(":")[2],
        AUTH[kind][2].rpartition(" ")[2],
        quote(value.rpartition(":")[2], safe=""),
    }
    return [f.encode() for f in found] + [f.encode("utf-16-le") for f in found]


def assert_nowhere(kind: str, *places: bytes | Path) -> None:
    checked = 0
    for place in places:
        files = [p for p in place.rglob("*") if p.is_file()] if isinstance(place, Path) else []
        contents = [p.read_bytes() + str(p).encode() for p in files] if isinstance(place, Path) else [place]
        for content in contents:
            checked += 1
            for form in forms(kind):
                assert form not in content, place if isinstance(place, Path) else content.decode(errors="replace")
    assert checked > len(places)  # some folder had files


def call(tmp_path: Path, kind: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    name, value, _ = AUTH[kind]
    env = environment(
        **{f"PANGEO_FORGE_SECRET_{name}": value},
        TMPDIR=str(scratch),
        PANGEO_FORGE_POLITENESS=str(tmp_path / "polite"),
        XDG_CACHE_HOME=str(tmp_path / "home"),
    )
    return subprocess.run(
        command(*arguments), cwd=tmp_path, env=dict(env), capture_output=True, timeout=120, check=False
    )


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["basic", "bearer", "query"])
def test_a_run_leaves_no_trace_of_the_secret(tmp_path: Path, server: FaultyServer, kind: str) -> None:
    for hour in range(2):
        server.on(
            f"/{hour}.nc", guarded(kind, lambda r, hour=hour: r.send("200 OK", {"ETag": f'"{hour}"'}, netcdf(hour)))
        )  # type: ignore[misc]
    recipe = write_recipe(tmp_path / "behind", server.url("/{time}.nc"), kind)
    done = call(
        tmp_path, kind, "run", recipe, "--json", "--debug", "--target", tmp_path / "arco", "--cache", tmp_path / "cache"
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b'"ok": true' in done.stdout
    assert list((tmp_path / "arco").rglob("zarr.json"))
    planned = call(tmp_path, kind, "plan", recipe, "--json", "--probe", "--cache", tmp_path / "cache")
    assert planned.returncode == 0, planned.stderr.decode()
    assert_nowhere(kind, done.stdout, done.stderr, planned.stdout, planned.stderr, tmp_path)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("kind", "fault"), [("basic", "503 Service Unavailable"), ("bearer", "reset"), ("query", "403 Forbidden")]
)
def test_a_failing_run_tells_no_secret(tmp_path: Path, server: FaultyServer, kind: str, fault: str) -> None:
    def answer(request: Request) -> None:
        # A server that repeats what it was sent, as debugging servers do.
        if fault == "reset":
            request.reset()
        echo = repr((request.path, request.headers)).encode()
        request.send(fault, {"WWW-Authenticate": request.headers.get("authorization", "x")}, echo)

    for hour in range(2):
        server.on(f"/{hour}.nc", guarded(kind, answer))
    recipe = write_recipe(tmp_path / "behind", server.url("/{time}.nc"), kind)
    options = ["--target", tmp_path / "arco", "--cache", tmp_path / "cache", "--mode", "single"]
    done = call(tmp_path, kind, "run", recipe, "--debug", *options)
    assert done.returncode != 0
    assert b"Traceback" in done.stderr
    assert_nowhere(kind, done.stdout, done.stderr, tmp_path)


_UNCAUGHT = """
import logging, sys, threading
logging.basicConfig(level="DEBUG")
from pangeo_forge.inputs.fetch import Secrets
value = Secrets().resolve("CORP_TOKEN").reveal()
late = logging.StreamHandler(sys.stdout)
logging.getLogger("other").addHandler(late)
logging.getLogger("other").warning("sent %s", {"Authorization": value})
try:
    raise ValueError(value)
except ValueError:
    logging.getLogger("other").exception("failed")
def fail(): raise KeyError(value)
thread = threading.Thread(target=fail); thread.start(); thread.join()
raise RuntimeError(f"https://example.org/?token={value}")
"""


def test_logs_and_tracebacks_of_any_library_are_masked() -> None:
    env = environment(PANGEO_FORGE_SECRET_CORP_TOKEN=TOKEN)
    done = subprocess.run(
        [sys.executable, "-c", _UNCAUGHT], env=dict(env), capture_output=True, timeout=60, check=False
    )
    text = done.stdout + done.stderr
    assert done.returncode == 1
    assert text.count(b"Traceback") == 4
    assert b"RuntimeError: https://example.org/?token=***" in text
    assert TOKEN.encode() not in text
