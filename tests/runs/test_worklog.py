"""What a run's work took: in its record, in --json, in status, also when it failed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.runs.worklog import WorkLog
from tests.cli.archive import Archive, make_archive
from tests.cli.invocation import invoke


@contextmanager
def _served(folder: Path, refuse: int) -> Iterator[str]:
    """A server of a folder that answers 503 to the first ``refuse`` requests."""
    left = [refuse]

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if left[0]:
                left[0] -= 1
                self.send_error(503)
            else:
                super().do_GET()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_archive(tmp_path, 2)


def test_record_and_status_tell_what_a_run_took(archive: Archive, tmp_path: Path) -> None:
    names = [p.name for p in archive.files]
    size = sum(p.stat().st_size for p in archive.files)
    with _served(archive.folder / "in", refuse=1) as host:
        archive.write_recipe(
            inputs={"files": [f"{host}/{n}" for n in names], "concat": {"time": {}}}, fetch={"retries": 3}
        )
        done = archive.run("--json", "--cache", tmp_path / "cache")
    assert done.code == 0, done.err
    work = done.json["work"]
    assert (work["fetched"], work["cached"], work["in_place"], work["failed"]) == (2, 0, 0, 0)
    assert work["bytes_fetched"] == size
    assert work["retries"] == 1
    assert work["tasks"] == done.json["tasks"] > 0
    assert {"inputs", "plan", "write", "verify"} <= set(work["seconds"])
    assert work["workers"] == 1
    assert work["peak_process"] > 10**7
    assert {s["step"] for s in work["slowest"]} <= {"fetch", "scan", "read"}
    assert any(names[0] in s["input"] for s in work["slowest"])
    [dataset] = invoke("status", archive.store, "--json").json["datasets"]
    assert dataset["runs"][0]["work"] == work
    shown = invoke("status", archive.store).out
    assert "2 fetched" in shown
    assert "1 retries" in shown
    assert "peak of a process" in shown
    # What is in the cache does not come again.
    again = archive.run("--json", "--cache", tmp_path / "cache", "--overwrite").json["work"]
    assert (again["fetched"], again["cached"], again["bytes_fetched"], again["retries"]) == (0, 2, 0, 0)


def test_a_run_that_failed_tells_it_too(archive: Archive) -> None:
    archive.write_recipe(checks=[{"variable": "ta", "max": 1.0}])
    assert archive.run().code == 1
    [dataset] = invoke("status", archive.store, "--json").json["datasets"]
    [record] = dataset["runs"]
    assert record["outcome"] == "failed"
    assert record["work"]["in_place"] == 2
    assert record["work"]["tasks"] > 0


def test_seconds_of_a_step_add_up() -> None:
    log = WorkLog()
    for _ in range(2):
        with log.timed("plan"):
            pass
    with pytest.raises(ValueError, match="x"), log.timed("write"):
        raise ValueError("x")
    assert set(log.to_json()["seconds"]) == {"plan", "write"}
