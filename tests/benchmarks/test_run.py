"""The benchmark does what it says: it measures whole processes, sees wrong stores, and judges by the targets."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

from benchmarks import report, run
from benchmarks.archive import NAMES, make_archive
from benchmarks.comparison import differences
from benchmarks.processes import run as run_process


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    make_archive(folder, 2)
    return folder


def test_usage_holds_cpu_memory_and_status_of_children(tmp_path: Path) -> None:
    child = "x = bytearray(80_000_000); sum(range(4_000_000))"
    code = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {child!r}]); sys.exit(3)"
    usage = run_process([sys.executable, "-c", code], tmp_path / "log")
    assert usage.status == 3
    assert usage.peak > 80_000_000
    assert 0 < usage.cpu < 20


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    usage = run_process([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", limit=0.5)
    assert usage.status == -1
    assert usage.wall < 20


def test_a_wrong_store_is_found_out(archive: Path, tmp_path: Path) -> None:
    files = sorted(archive.glob("*.nc"))
    store = tmp_path / "limit.zarr"
    command = [sys.executable, "benchmarks/limit.py", archive, "2", '{"time": 2}', store]
    assert run_process(command, tmp_path / "log").status == 0, (tmp_path / "log").read_text()
    assert differences(store, files) == []
    array = zarr.open_group(store)["err"]
    array[1, 0, 5, 5] = np.int16(4321)
    assert differences(store, files) == [f"err differs from {files[1].name}"]
    shutil.rmtree(store / "ice")
    assert any("ice" in problem for problem in differences(store, files))
    assert differences(tmp_path / "nothing.zarr", files)[0].startswith("it does not open")


def test_verdicts_compare_medians_with_targets() -> None:
    def record(tool: str, wall: float, **other: object) -> dict:
        quantities = {
            "cpu": wall,
            "peak": 1e9,
            "stored": 1e9,
            "load": 1.0,
            "status": 0,
            "checked": True,
            "problems": [],
        }
        return {"work": "slabs", "tool": tool, "wall": wall, **quantities, **other}

    runs = [record("pangeo-forge", w) for w in (12.0, 14.0, 90.0)] + [record("limit", 10.0), record("dask", 60.0)]
    results = {"machine": {}, "files": 4, "runs": [*runs, record("limit", 0.1, status=1, problems=["exit code 1"])]}
    rows = {name: (found, met) for name, _, found, met in report.verdicts(results)}
    assert rows["slabs: wall against the limit"] == ("1.40 ×", True)
    assert rows["slabs: wall against dask"] == ("4.3 ×", False)
    assert "exit code 1" in report.text(results)


@pytest.mark.long
def test_the_whole_command(archive: Path, tmp_path: Path) -> None:
    options = ["--archive", archive, "--files", "2", "--repeat", "1", "--works", "slabs", "tiles", "small-inputs"]
    places = ["--workspace", tmp_path / "work", "--output", tmp_path / "out"]
    chosen = ["--tools", "pangeo-forge", "limit", "--small", "20"]
    assert run.main([str(part) for part in (*options, *places, *chosen)]) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert {(r["work"], r["tool"]) for r in results["runs"]} == {
        (work, tool) for work in ("slabs", "tiles") for tool in ("pangeo-forge", "limit")
    }
    assert results["small"]["status"] == 0
    assert (tmp_path / "out" / "results.png").stat().st_size > 10_000
    assert set(NAMES) == {"sst", "anom", "err", "ice"}
