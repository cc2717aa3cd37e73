"""The memory that a plan projects is a promise: what its tasks really take stays under it.

Each plan runs in a process of its own, whose peak of resident memory is read from the kernel. The constant beside the
projection is what does not grow with the data: Python objects, the codecs' own state, freed memory that the allocator
keeps.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import h5netcdf
import numpy as np
import pytest

ALLOWED_BESIDE = 64_000_000
FILES, DAYS, LAT, LON = 12, 2, 400, 600

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads peaks from Linux's /proc"),
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two variables of different dtypes, 24 days in 12 files, 35 MB decoded, that hardly compress."""
    folder = tmp_path_factory.mktemp("fields")
    rng = np.random.default_rng(0)
    for number in range(FILES):
        with h5netcdf.File(folder / f"fields.{number:03d}.nc", "w") as file:
            file.dimensions = {"time": DAYS, "lat": LAT, "lon": LON}
            days = np.arange(DAYS * number, DAYS * (number + 1), dtype="i4")
            file.create_variable("time", ("time",), data=days).attrs["units"] = "days since 2000-01-01"
            for name, kind in (("rain", "f4"), ("level", "i2")):
                values = (1000 * rng.random((DAYS, LAT, LON))).astype(kind)
                options = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "chunks": (1, LAT, LON)}
                file.create_variable(name, ("time", "lat", "lon"), data=values, **options)
    return folder


def random_request(seed: int, folder: Path) -> dict:
    """Chunks, memory and parallelism of one plan."""
    rng = random.Random(seed)
    chunks = {
        "time": rng.choice([1, 2, 5, 8, 24]),
        "lat": rng.choice([50, 130, 400]),
        "lon": rng.choice([100, 300, 600]),
    }
    sharded = rng.random() < 0.25
    return {
        "folder": str(folder),
        "count": FILES,
        "chunks": chunks,
        "shards": {"time": 24, "lat": 2 * chunks["lat"], "lon": chunks["lon"]} if sharded else None,
        "compressor": rng.choice([None, {"name": "zstd", "level": 1}, {"name": "none"}]),
        "max_memory": rng.choice([80, 120, 300]) * 1_000_000,
        "tasks": rng.choice([1, 2]),
    }


def check(request: dict) -> dict:
    """Run one plan; its figures."""
    command = [sys.executable, "-m", "tests.performance.peak", json.dumps(request)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["used"] <= found["projected"] + ALLOWED_BESIDE, (request, found)
    assert found["projected"] <= request["max_memory"], (request, found)
    return found


def test_a_plan_takes_no_more_memory_than_it_projects(archive: Path) -> None:
    found = check(random_request(3, archive) | {"shards": None, "chunks": {"time": 8}, "tasks": 2})
    # The promise is not kept by projecting anything: most of what is projected is needed.
    assert found["projected"] < 4 * found["used"]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_random_plans_take_no_more_memory_than_they_project(archive: Path, seed: int) -> None:
    check(random_request(seed, archive))


@pytest.mark.long
@pytest.mark.parametrize("tasks", [1, 2])
def test_two_passes_take_no_more_memory_than_they_project(archive: Path, tasks: int) -> None:
    chunks = {"time": 24, "lat": 50, "lon": 100}
    request = {"folder": str(archive), "count": FILES, "chunks": chunks, "shards": None, "compressor": None}
    found = check(request | {"max_memory": 8_000_000 * tasks, "tasks": tasks})
    assert found["passes"] == 2
