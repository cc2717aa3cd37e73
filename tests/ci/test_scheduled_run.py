"""Scheduled runs by the real command, in processes of their own: build, append, failure, recovery, timeout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from tests.ci.project import Project, make_project
from tests.cli.archive import ID, Archive, make_archive
from tests.cli.invocation import Invocation, command, environment, invoke, invoke_process


class Kept:
    """An archive with a feedstock, in a repository."""

    def __init__(self, folder: Path) -> None:
        self.project: Project = make_project(folder)
        self.archive: Archive = make_archive(folder / "recipes", 3)
        self.later = self.archive.files[2].rename(folder / "later.nc")
        self.archive.write_recipe(
            target={"chunks": {"time": 100}, "append": "time"}, combine={"time": {"units": "days since 1850-01-01"}}
        )
        self.write()

    def write(self, **keys: Any) -> None:
        lines = {"recipe": f"recipes/{ID}", "schedule": '"0 6 * * *"', "target": "out", **keys}
        self.project.write(f"feedstocks/{ID}.yaml", "".join(f"{k}: {v}\n" for k, v in lines.items()))

    def run(self, at: str, *more: str) -> Invocation:
        return invoke_process("ci", "run-due", "--at", at, "--json", *more, cwd=self.project.folder, timeout=800)

    def more(self) -> None:
        self.later.rename(self.archive.folder / "in" / "ta_later.nc")

    @property
    def home(self) -> Path:
        return self.project.folder / "out" / ID

    def length(self) -> int:
        [store] = self.home.glob("*.zarr")
        with xr.open_zarr(store, chunks=None) as ds:
            return int(ds.sizes["time"])

    @property
    def records(self) -> list[str]:
        return [p.stem.partition("_")[2] for p in sorted((self.home / "runs").iterdir())]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.chdir(tmp_path)
    return Kept(tmp_path)


@pytest.mark.servers
@pytest.mark.timeout(1800)
def test_build_then_append(kept: Kept) -> None:
    first = kept.run("2026-11-25T07:00")
    assert first.code == 0, first.out + first.err
    assert (first.json["ran"][0]["outcome"], first.json["ran"][0]["action"]) == ("done", "build")
    before = kept.length()
    assert kept.run("2026-11-25T23:00").json["ran"] == []
    kept.more()
    second = kept.run("2026-11-27T07:00").json["ran"]
    assert [(r["slot"], r["action"]) for r in second] == [("2026-11-27T06:00Z", "append")]
    assert kept.length() > before
    # What the catalog step of the workflow does: the recipe's new title reaches the entry, at the feedstock's target.
    entry = kept.home / "collection.json"
    assert json.loads(entry.read_text())["title"] != "Another title"
    kept.archive.write_recipe(
        title="Another title",
        target={"chunks": {"time": 100}, "append": "time"},
        combine={"time": {"units": "days since 1850-01-01"}},
    )
    got = invoke("catalog", "--feedstock", ID, "--write")
    assert (got.code, "written" in got.out) == (0, True), got.out + got.err
    assert json.loads(entry.read_text())["title"] == "Another title"
    assert kept.records == ["2026-11-25T0600Z_1_done", "2026-11-27T0600Z_1_done"]


def test_the_catalog_of_what_is_not_built_yet(kept: Kept) -> None:
    got = invoke("catalog", "--feedstock", ID, "--write", "--json")
    assert (got.code, got.json["written"]) == (0, [])
    assert "is not built yet" in got.err
    assert invoke("catalog", "--feedstock", ID, "--target", "out").code == 2
    assert invoke("catalog", "--feedstock", "nobody", "--json").json["error"]["code"] == "A020"
    kept.write(bakery="nowhere")
    assert invoke("catalog", "--feedstock", ID, "--json").json["error"]["code"] == "A011"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_failure_and_recovery(kept: Kept) -> None:
    wrong = kept.archive.files[1]
    whole = wrong.read_bytes()
    wrong.write_bytes(whole[:2000])
    got = kept.run("2026-11-25T07:00")
    assert got.code == 1
    assert got.json["ran"][0]["error"]["code"].startswith("I")
    assert not list(kept.home.glob("*.zarr"))
    due = invoke("ci", "due", "--json").json
    assert due["waiting"][0]["why"].startswith("failed") or due["due"]
    wrong.write_bytes(whole)
    again = kept.run("2030-01-01T12:00")
    assert again.json["ran"][0]["outcome"] == "done"
    kept.archive.write_recipe(target={"chunks": {"time": "many"}})
    broken = kept.run("2030-01-02T12:00")
    assert broken.json["ran"][0]["error"]["code"].startswith("R")
    assert kept.records[-1] == "2030-01-02T0600Z_1_failed" or "2030-01-02T0600Z_1_failed" in kept.records
    # The same recipe would fail again: it waits for its next slot.
    assert kept.run("2030-01-02T23:00").json["ran"] == []


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_recipe_that_no_longer_fits_is_built_anew_where_that_is_declared(kept: Kept) -> None:
    assert kept.run("2026-11-25T07:00").code == 0
    kept.archive.write_recipe(
        target={"chunks": {"time": 50}, "append": "time"}, combine={"time": {"units": "days since 1850-01-01"}}
    )
    assert kept.run("2026-11-26T07:00").json["ran"][0]["error"]["code"] == "T051"
    kept.write(recipe_changed="rebuild")
    assert kept.run("2026-11-27T07:00").json["ran"][0]["action"] == "build"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_timeout(kept: Kept) -> None:
    kept.write(timeout="0.5s", retries=1, retry_delay="1s")
    got = kept.run("2026-11-25T07:00")
    assert got.code == 1
    assert got.json["ran"][0]["error"]["code"] == "A030"
    assert kept.records == ["2026-11-25T0600Z_1_failed"]
    assert not list(kept.home.glob("*.zarr"))
    kept.write(timeout="10min", retries=1, retry_delay="1s")
    assert kept.run("2030-11-25T07:00").json["ran"][0]["outcome"] == "done"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_stopped_from_outside(kept: Kept) -> None:
    """systemd stops with SIGTERM: the run ends soundly, and the next call goes on with the same try."""
    process = subprocess.Popen(
        command("ci", "run-due", "--at", "2026-11-25T07:00"), cwd=kept.project.folder, env=dict(environment()),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "begins" in line:
                break
        os.kill(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=800)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert kept.run("2026-11-25T08:00").json["ran"][0]["attempt"] == 1
    assert kept.records[-1] == "2026-11-25T0600Z_1_done"
