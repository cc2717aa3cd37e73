"""Whole runs by the command line: their memory stays under what was allowed, and does not grow with the number of inputs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import h5netcdf
import numpy as np
import pytest

LAT, LON = 400, 600
PROGRAM = 350_000_000
"""What a process may take beside the memory that it is allowed."""

RECIPE = """\
format_version: 1
id: fields
title: Fields
inputs:
  url: "{folder}/fields.{{number:03d}}.nc"
  concat: {{number: {{dim: time, values: {{start: 0, end: {last}, step: 1}}}}}}
target:
  chunks: {{time: 10}}
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 days of one field in 120 files, 115 MB decoded; all files hold the same values."""
    folder = tmp_path_factory.mktemp("fields")
    rng = np.random.default_rng(0)
    values = rng.random((1, LAT, LON), "f4")
    for number in range(120):
        with h5netcdf.File(folder / f"fields.{number:03d}.nc", "w") as file:
            file.dimensions = {"time": 1, "lat": LAT, "lon": LON}
            file.create_variable("time", ("time",), data=np.array([number], "i4")).attrs["units"] = (
                "days since 2000-01-01"
            )
            file.create_variable("rain", ("time", "lat", "lon"), data=values, compression="gzip", compression_opts=1)
    return folder


def _peak(archive: Path, count: int, folder: Path, memory: str) -> int:
    """Bytes that the process of a run holds at most, by the kernel's account (its children are smaller)."""
    recipe = folder / "fields" / "recipe.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(RECIPE.format(folder=archive, last=count - 1))
    command = [sys.executable, "-m", "pangeo_forge", "run", str(recipe), "--target", f"{folder}/fields.zarr"]
    process = os.posix_spawn(sys.executable, [*command, "--max-memory", memory], os.environ)
    _, status, used = os.wait4(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return used.ru_maxrss * 1024


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="asks the kernel for the peak")
def test_memory_is_bounded_and_does_not_grow_with_the_number_of_inputs(archive: Path, tmp_path: Path) -> None:
    few, many = (_peak(archive, count, tmp_path / str(count), "100MB") for count in (30, 120))
    print(f"peak {few / 1e6:.0f} MB with 30 inputs, {many / 1e6:.0f} MB with 120")
    assert many <= 1.1 * few
    assert many <= 100_000_000 + PROGRAM
