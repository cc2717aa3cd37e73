"""Ctrl-C in the middle of writing: a word, exit code 130, and nothing that opens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr

from tests.cli.archive import make_archive
from tests.cli.invocation import environment

pytestmark = pytest.mark.slow

SLOW = """
import sys, time
from pangeo_forge.targets import chunks
real = chunks.ChunkStore._write

def slow(self, array, *more):
    if array.name == "ta":
        print("writing", flush=True)
        time.sleep(0.3)
    return real(self, array, *more)

chunks.ChunkStore._write = slow
from pangeo_forge.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("mode", ["threads", pytest.param("single", marks=pytest.mark.long)])
def test_stop_while_writing(tmp_path: Path, mode: str) -> None:
    archive = make_archive(tmp_path, 2)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "run", str(archive.recipe), "--target", str(archive.store), "--mode", mode],
        env=dict(environment()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("writing")
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert "error: stopped" in err
    assert "Traceback" not in err
    assert "store" not in out
    assert time.monotonic() - began < 20
    assert archive.leftovers == []
    # The same command again makes the whole store, and tidies up.
    assert archive.run().code == 0
    assert archive.unfinished == []
    with xr.open_zarr(archive.store, chunks=None) as ds:
        assert ds.sizes["time"] == 360
