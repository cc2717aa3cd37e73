"""Ctrl-C and kill -9 while an engine of another process works: nothing goes on behind the user's back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.cli.archive import Archive, make_archive
from tests.cli.invocation import environment
from tests.cli.test_stop import SLOW

pytestmark = pytest.mark.servers


@contextmanager
def writing(archive: Archive, bakery: str) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A run that has begun to write, and the processes that it has started."""
    file = archive.folder / "bakeries.yaml"
    file.write_text(f"it: {bakery}\n")
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "run", archive.recipe, "--target", archive.store, "--bakery", file],
        env=dict(environment()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children: list[psutil.Process] = []
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("writing")
        children += psutil.Process(process.pid).children(recursive=True)
        yield process, children
    finally:
        for one in [process, *children]:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        process.communicate()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=lambda s: s.name)
def test_the_job_server_ends_with_the_run(tmp_path: Path, end: signal.Signals) -> None:
    archive = make_archive(tmp_path, 2)
    with writing(archive, "{runner: portable, options: {job_endpoint: start}}") as (process, children):
        servers = [c for c in children if "local_job_service_main" in " ".join(c.cmdline())]
        assert servers
        if end is signal.SIGINT:
            os.killpg(process.pid, end)
        else:
            process.kill()
        _, err = process.communicate(timeout=120)
        if end is signal.SIGINT:
            assert process.returncode == 130, err
            assert "error: stopped" in err
            assert "Traceback" not in err
        _, alive = psutil.wait_procs(servers, timeout=60)
        assert not alive
    assert archive.leftovers == []
    assert archive.run().code == 0
