"""Whole runs by the command line: their memory stays under what was allowed, and does not grow with the number of inputs."""

from __future__ import annotations

import subprocess
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


# Not ru_maxrss, which begins with the peak of the process that started this one.
_RUN = """
import sys
from pangeo_forge.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    if stop.code:
        raise
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def _peak(archive: Path, count: int, folder: Path, memory: str) -> int:
    """Bytes that the process of a run holds at most, by the kernel's account (its children are smaller)."""
    recipe = folder / "fields" / "recipe.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(RECIPE.format(folder=archive, last=count - 1))
    command = [sys.executable, "-c", _RUN, "run", str(recipe), "--target", f"{folder}/fields.zarr"]
    done = subprocess.run([*command, "--max-memory", memory], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) * 1024


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak")
def test_memory_is_bounded_and_does_not_grow_with_the_number_of_inputs(archive: Path, tmp_path: Path) -> None:
    few, many = (_peak(archive, count, tmp_path / str(count), "100MB") for count in (30, 120))
    print(f"peak {few / 1e6:.0f} MB with 30 inputs, {many / 1e6:.0f} MB with 120")
    assert many <= 1.1 * few
    assert many <= 100_000_000 + PROGRAM
