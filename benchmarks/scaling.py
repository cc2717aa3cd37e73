"""Measures strong scaling on this machine: the same archive with one worker and with two, in turns, as whole processes.

    python -m benchmarks.scaling --files 100 --repeat 3
    python -m benchmarks.scaling --bakery FILE:NAME            # of another engine

Prints the wall time of the whole command and of its run, and how often the one fits into the other. A machine that others
use at the same time gives no figure worth keeping: the load is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.archive import make_archive
from benchmarks.processes import run
from benchmarks.works import OURS, WORKS, command

WORKERS = (1, 2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    given = _parser().parse_args(arguments)
    workspace = Path(given.workspace).resolve()
    archive = workspace / "archive"
    make_archive(archive, given.files)
    seconds: dict[int, list[tuple[float, float]]] = {n: [] for n in WORKERS}
    for _ in range(given.repeat):
        for workers in WORKERS:
            seconds[workers].append(_measured(given, workspace, archive, workers))
            whole, own = seconds[workers][-1]
            print(f"{workers} workers: {whole:.2f} s, its run {own:.2f} s, load {os.getloadavg()[0]:.1f}", flush=True)
    for number, what in enumerate(("the whole command", "the run")):
        one, two = (statistics.median(s[number] for s in seconds[n]) for n in WORKERS)
        print(f"{what}: {one:.2f} s with one, {two:.2f} s with two: {one / two:.2f} times as fast (medians)")
    return 0


def _measured(given: argparse.Namespace, workspace: Path, archive: Path, workers: int) -> tuple[float, float]:
    """Wall seconds of the command, and of the run as it tells them itself."""
    store = workspace / "store.zarr"
    shutil.rmtree(store, ignore_errors=True)
    more = ["--workers", str(workers), "--json", *(["--bakery", given.bakery] if given.bakery else [])]
    log = workspace / "log"
    used = run([*command(WORKS["slabs"], OURS, archive, given.files, store, workspace), *more], log, first=given.first)
    said = log.read_text()
    if used.status:
        sys.exit(said)
    return used.wall, float(json.loads(said[said.index("{") :])["seconds"])


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--files", type=int, default=100)
    made.add_argument("--repeat", type=int, default=3)
    made.add_argument("--bakery", default=None)
    made.add_argument("--first", action="store_true", help="give it the CPUs before all others (Linux, root)")
    made.add_argument("--workspace", default=str(Path(tempfile.gettempdir()) / "pangeo-forge-scaling"))
    return made


if __name__ == "__main__":
    sys.exit(main())
