"""Measures pangeo-forge beside the limit of the machine and its peers, in turns, as whole processes.

    python -m benchmarks.run                                   # everything: about an hour
    python -m benchmarks.run --files 40 --repeat 1 --tools pangeo-forge limit

Makes the archive and the peers' virtual environments in the workspace, runs every tool of every work ``--repeat`` times in
turns, reads the stores back, compares them with the files, and writes results.json, results.md and results.png.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import machine, report
from benchmarks.archive import make_archive, make_small_inputs
from benchmarks.comparison import differences_in_child, stored_bytes
from benchmarks.environments import REQUIREMENTS, python_of
from benchmarks.processes import Usage, run
from benchmarks.works import HERE, OURS, SMALL, TOOLS, WORKS, Work, command, small_command

ROOT = HERE.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, compare, write the results; 1 when a store is wrong."""
    given = parser().parse_args(arguments)
    workspace, output = Path(given.workspace).resolve(), Path(given.output)
    workspace.mkdir(parents=True, exist_ok=True)
    archive = Path(given.archive).resolve() if given.archive else workspace / "archive"
    print(f"workspace {workspace}", flush=True)
    files = sorted(archive.glob("*.nc"))[: given.files] if given.archive else make_archive(archive, given.files)
    for peer in set(given.tools) & set(REQUIREMENTS):
        python_of(peer, workspace / "environments")
    results: dict[str, Any] = {"machine": machine.describe(workspace), "files": len(files), "runs": []}
    for record in _measured(given, workspace, archive, files):
        results["runs"].append(record)
        print(report.line(record), flush=True)
        _save(results, output)
    if SMALL in given.works:
        results["small"] = _small(given, workspace)
    _save(results, output)
    print(report.text(results))
    return int(any(r["problems"] for r in results["runs"]))


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--works", nargs="+", default=[*WORKS, SMALL], choices=[*WORKS, SMALL])
    made.add_argument("--tools", nargs="+", default=list(TOOLS), choices=TOOLS)
    made.add_argument("--files", type=int, default=400, help="daily files of the archive [400]")
    made.add_argument("--small", type=int, default=10_000, help="inputs of the work of small ones [10000]")
    made.add_argument("--repeat", type=int, default=3, help="times that each tool does each work [3]")
    made.add_argument("--limit", type=float, default=1800, help="seconds after which a run is stopped [1800]")
    made.add_argument("--workspace", default=str(Path(tempfile.gettempdir()) / "pangeo-forge-benchmarks"))
    made.add_argument("--lock", help="a file that is locked while a tool runs: others who measure wait for it")
    made.add_argument(
        "--first",
        action="store_true",
        help="give measured processes the CPUs before all others, where others work too (Linux, root)",
    )
    made.add_argument("--archive", help="a folder that holds the daily files already")
    made.add_argument("--output", default=str(HERE / "results"), help="folder of the results")
    made.add_argument(
        "--check", choices=["first", "all", "none"], default="first", help="which runs are read back [first]"
    )
    return made


def _measured(given: argparse.Namespace, workspace: Path, archive: Path, files: list[Path]) -> Iterator[dict[str, Any]]:
    for name in given.works:
        work = WORKS.get(name)
        if work is None:
            continue
        count = min(work.files or len(files), len(files))
        tools = [tool for tool in given.tools if tool in work.tools]
        for turn in range(given.repeat):
            for tool in tools:
                checked = given.check == "all" or (given.check == "first" and turn == 0)
                yield _one(work, tool, turn, archive, files[:count], workspace, given, checked)


def _one(
    work: Work,
    tool: str,
    turn: int,
    archive: Path,
    files: list[Path],
    workspace: Path,
    given: argparse.Namespace,
    checked: bool,
) -> dict[str, Any]:
    name = f"{work.name}-{tool}".replace(", ", "-").replace(" ", "-")
    store, log = workspace / f"{name}.zarr", workspace / f"{name}.log"
    shutil.rmtree(store, ignore_errors=True)
    with _lock(given.lock):
        usage = run(
            command(work, tool, archive, len(files), store, workspace),
            log,
            env=_environment(tool),
            limit=given.limit,
            first=given.first,
        )
    problems = [f"exit code {usage.status}, see {log}"] if usage.status else []
    nbytes = stored_bytes(store)
    if checked and not problems:
        problems = differences_in_child(store, archive, len(files))[:5]
    shutil.rmtree(store, ignore_errors=True)
    return {
        "work": work.name, "tool": tool, "turn": turn, "files": len(files), **asdict(usage), "cpu": usage.cpu,
        "stored": nbytes, "checked": checked, "problems": problems,
    }  # fmt: skip


def _environment(tool: str) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT)} if tool == OURS else {"PYTHONPATH": ""}


@contextmanager
def _lock(path: str | None) -> Iterator[None]:
    if path is None:
        yield
        return
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _small(given: argparse.Namespace, workspace: Path) -> dict[str, Any]:
    """CPU seconds per input beyond opening and copying."""
    count, archive, store, log = given.small, workspace / "small", workspace / "small.zarr", workspace / "small.log"
    make_small_inputs(archive, count)
    ours: list[Usage] = []
    bare: list[Usage] = []
    opening = [sys.executable, HERE / "opening.py", archive, str(count), workspace / "small.npy"]
    for _ in range(given.repeat):
        shutil.rmtree(store, ignore_errors=True)
        with _lock(given.lock):
            whole = small_command(archive, count, store, workspace)
            ours.append(run(whole, log, env=_environment(OURS), first=given.first))
            bare.append(run(opening, log, first=given.first))
    cpu, opening = (statistics.median(u.cpu for u in usages) for usages in (ours, bare))
    return {
        "inputs": count,
        "cpu": cpu,
        "opening": opening,
        "overhead_ms": 1000 * (cpu - opening) / count,
        "load": statistics.median(u.load for u in ours),
        "peak": max(u.peak for u in ours),
        "status": max(u.status for u in ours),
    }


def _save(results: dict[str, Any], output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(results, indent=1))
    (output / "results.md").write_text(report.text(results))
    report.picture(results, output / "results.png")


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
