"""Reads a store back and compares every value with the files, read by h5py alone.

    python -m benchmarks.comparison STORE FOLDER COUNT     # prints what differs, a line each

It runs in a process of its own: a child's peak memory, as the kernel tells it, begins with that of the parent.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import zarr

from benchmarks.archive import MISSING, NAMES

SCALE = 0.01


def differences(store: Path, files: list[Path]) -> list[str]:
    """What is wrong with a store of daily fields; empty when it is right."""
    try:
        group = zarr.open_group(store, mode="r")
    except Exception as error:  # whatever zarr says of a store that a tool left behind
        return [f"it does not open: {type(error).__name__}: {error}"]
    return [problem for name in NAMES for problem in _of_variable(group, name, files)]


def differences_in_child(store: Path, folder: Path, count: int) -> list[str]:
    """The same, in another process."""
    command = [sys.executable, "-m", "benchmarks.comparison", str(store), str(folder), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    return (
        [line for line in done.stdout.splitlines() if line]
        if done.returncode == 0
        else [f"the comparison failed: {done.stderr[-300:]}"]
    )


def stored_bytes(store: Path) -> int:
    """Bytes of all objects of a store."""
    return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())


def _of_variable(group: zarr.Group, name: str, files: list[Path]) -> list[str]:
    if name not in group:
        return [f"{name} is not there"]
    array = group[name]
    values = np.asarray(array[...])  # type: ignore[index]
    if values.shape[0] != len(files):
        return [f"{name} has {values.shape[0]} days, not {len(files)}"]
    scale = dict(array.attrs).get("scale_factor", 1.0)
    problems = []
    for day, path in enumerate(files):
        with h5py.File(path) as file:
            wanted = np.asarray(file[name][0])
        if not _equal(values[day].reshape(wanted.shape), float(scale), wanted):
            problems.append(f"{name} differs from {path.name}")
    return problems


def _equal(found: np.ndarray, scale: float, wanted: np.ndarray) -> bool:
    if found.dtype == wanted.dtype:
        return np.array_equal(found, wanted) and np.isclose(scale, SCALE)
    decoded = np.where(wanted == MISSING, np.nan, wanted * SCALE)
    return bool(np.allclose(found * (scale if found.dtype.kind == "i" else 1), decoded, atol=1e-3, equal_nan=True))


if __name__ == "__main__":
    print("\n".join(differences(Path(sys.argv[1]), sorted(Path(sys.argv[2]).glob("*.nc"))[: int(sys.argv[3])])))
