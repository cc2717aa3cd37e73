"""pangeo-forge-recipes#715: a job hung at scale, and nothing told where. A stalled step is named, and ends."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from tests.cli.archive import Archive, make_archive
from tests.cli.invocation import Invocation, environment, invoke_process

pytestmark = pytest.mark.slow

MORE = ("--stall-timeout", "5min", "--stall-limit", "10min")

SCRIPT = """
import sys, time
from pangeo_forge.cli import main
from pangeo_forge.progress import Patience, channels

def lose_patience():
    # Only now: on a loaded machine, imports alone take longer.
    for monitor in channels._here.values():
        monitor._stall.patience = Patience(0.5, 2.0)
"""

HANGING_CODEC = """
from pangeo_forge.targets import chunks
real = chunks.ChunkStore._write

def hang(self, array, *more):
    if array.name == "ta":
        lose_patience()
        time.sleep(3600)
    return real(self, array, *more)

chunks.ChunkStore._write = hang
"""

TRICKLING_SERVER = """
from pangeo_forge.inputs.fetch.progress import Progress
real = Progress.started

def started(self, name):
    real(self, name)
    lose_patience()

Progress.started = started
"""

HANGING_HOOK = """
import os, time

def wait(ds):
    while os.path.exists({flag!r}):
        time.sleep(0.1)
    return ds
"""


@contextmanager
def trickling() -> Iterator[str]:
    """A server that sends a byte now and then, for ever."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000000")
            self.end_headers()
            try:
                while not over.wait(0.05):
                    self.wfile.write(b"x" * 64)
            except OSError:
                return

        def log_message(self, *_: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            return

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def test_an_input_that_trickles_is_named(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, 1)
    with trickling() as host:
        archive.write_recipe(inputs={"files": [f"{host}/slow.nc"], "concat": {"time": {}}})
        done = _run(TRICKLING_SERVER, archive, "--cache", str(tmp_path / "cache"))
    assert done.code == 2, done.err
    assert "B120" in done.err
    assert f"{host}/slow.nc" in done.err.split("error: ")[1]
    assert "fetch" in done.err.split("error: ")[1]
    assert archive.leftovers == []


def test_a_codec_that_hangs_is_named_and_the_store_stays_sound(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, 2)
    done = _run(HANGING_CODEC, archive)
    assert done.code == 2, done.err
    said = done.err.split("error: ")[1]
    assert "in write (0 of" in said
    assert "task 0 (ta: time 0-" in said
    assert archive.leftovers == []
    # Once it does not hang any more, the same command makes the whole store.
    again = archive.run()
    assert again.code == 0, again.err
    with xr.open_zarr(archive.store, chunks=None) as ds:
        assert ds.sizes["time"] == 360


@pytest.mark.servers
def test_a_worker_process_that_hangs_is_named(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, 2)
    flag = tmp_path / "hang"
    flag.touch()
    archive.write_recipe(transforms=[{"python": "hooks.py:wait"}])
    archive.recipe.with_name("hooks.py").write_text(HANGING_HOOK.format(flag=str(flag)))
    more = ("--mode", "processes", "--workers", 2, "--allow-python")
    patience = ("--stall-timeout", "25s", "--stall-limit", "50s")
    done = invoke_process("run", archive.recipe, "--target", archive.store, *more, *patience, timeout=200)
    assert done.code == 2, done.err
    said = done.err.split("error: ")[1]
    assert "scan" in said
    assert archive.files[0].name in said
    assert f"on {socket.gethostname()}:" in said
    assert archive.leftovers == []


def _run(change: str, archive: Archive, *more: str) -> Invocation:
    arguments = ["run", str(archive.recipe), "--target", str(archive.store), *MORE, *more]
    command = [sys.executable, "-c", SCRIPT + change + "main(sys.argv[1:])", *arguments]
    done = subprocess.run(command, env=dict(environment()), capture_output=True, text=True, timeout=200)
    return Invocation(done.returncode, done.stdout, done.stderr)
