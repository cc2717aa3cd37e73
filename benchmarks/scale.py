"""How the parts that see every input or every task grow: time, memory and size with 10^3 to 10^6 of them.

    python -m benchmarks.scale                      # all steps, up to 10^6: some minutes
    python -m benchmarks.scale --steps combine plan --sizes 1000 10000

Each step runs in a process of its own, with synthetic scans in OISST's layout: no array data is read or written. The table
ends with the exponent of growth between the two largest sizes: 1 is linear.
"""

from __future__ import annotations

import argparse
import json
import math
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

SIZES = (1_000, 10_000, 100_000, 1_000_000)
SMALLER = {"journal": 100_000, "reports": 10_000}
"""Steps that make a file for each: no more than so many."""

RECIPE = """\
format_version: 1
id: scale
title: Made for a benchmark
inputs:
  url: "https://example.org/data/{{step:%Y/%m}}/oisst-avhrr-v02r01.{{step:%Y%m%d%H}}.nc"
  concat: {{step: {{dim: time, values: {{start: 1582-10-15, end: {end}, step: 6h}}}}}}
target: {{chunks: {{time: 20}}}}
"""

Figures = dict[str, float]


class Stopwatch:
    """CPU seconds of named parts of a step: a busy machine does not add to them."""

    def __init__(self) -> None:
        self.seconds: Figures = {}

    @contextmanager
    def __call__(self, name: str) -> Any:
        began = time.process_time()
        yield
        self.seconds[f"{name} s"] = time.process_time() - began


def recipe_of(n: int, folder: Path) -> Any:
    """A recipe with ``n`` inputs, one every six hours."""
    import datetime as dt

    from pangeo_forge.recipe.load import load_recipe

    end = dt.datetime(1582, 10, 15) + dt.timedelta(hours=6 * (n - 1))
    path = folder / "scale" / "recipe.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(RECIPE.format(end=end.isoformat()))
    return load_recipe(str(path))


def pattern_of(recipe: Any) -> Any:
    """Its inputs."""
    from pangeo_forge.pattern.pattern import FilePattern

    return FilePattern.from_inputs(recipe.inputs, folder=recipe.folder, parameters={}, now=None)


def scan_of_one() -> Any:
    """The scan of one daily file: four packed variables on a quarter-degree grid, with coordinates."""
    import numpy as np
    import xarray as xr

    from pangeo_forge.dataset.scan import scan_dataset

    packed = {"scale_factor": np.float32(0.01), "add_offset": np.float32(0), "_FillValue": np.int16(-999)}
    lat, lon = np.linspace(-89.875, 89.875, 720, dtype="f4"), np.linspace(0.125, 359.875, 1440, dtype="f4")
    field = np.zeros((1, 720, 1440), "i2")
    names = ("sst", "anom", "err", "ice")
    ds = xr.Dataset(
        {name: (("time", "lat", "lon"), field, {**packed, "units": "Celsius", "long_name": name}) for name in names},
        coords={
            "time": ("time", np.zeros(1, "i4"), {"units": "hours since 1582-10-15", "calendar": "proleptic_gregorian"}),
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
        attrs={"title": "made", "id": "0", "date_created": "0"},
    )
    return scan_dataset(ds, (0,), "0", ("time",), key={}, decode_times=True)


def combined(n: int, watch: Stopwatch) -> Any:
    """What ``prepare`` hands over of ``n`` inputs: ranges of 64, merged as Beam's workers merge them."""
    import numpy as np

    from pangeo_forge.dataset.combine import Combination
    from pangeo_forge.dataset.settings import CombineSettings
    from pangeo_forge.pipeline.prepare_inputs import LedgerEntry, Prepared
    from pangeo_forge.pipeline.ranges import INPUTS_PER_ELEMENT

    settings = CombineSettings(("time",))
    first = scan_of_one()
    parts = []
    with watch("scans"):
        for low in range(0, n, INPUTS_PER_ELEMENT):
            part, ledger = Combination.empty(settings), []
            for i in range(low, min(n, low + INPUTS_PER_ELEMENT)):
                hours = np.array([6 * i], "i4")
                variables = [
                    replace(v, values=hours, digest=f"{i:064x}") if v.name == "time" else v for v in first.variables
                ]
                label = f"step={i} https://example.org/data/oisst-avhrr-v02r01.{i:012d}.nc"
                attrs = {**first.attrs, "id": str(i), "date_created": str(i)}
                part.add(replace(first, index=(i,), label=label, variables=tuple(variables), attrs=attrs))
                ledger.append(LedgerEntry((i,), label, label[5:], 2_700_000, f'"{i:x}"', "x" * 25, f"{i:064x}"))
            # As they come from other processes.
            parts.append(pickle.dumps(Prepared(part, tuple(ledger))))
    with watch("merge"):
        results = [pickle.loads(data) for data in parts]
        parts.clear()
        return Prepared.join(results)


def step_pattern(n: int, folder: Path, watch: Stopwatch) -> Figures:
    """The list of inputs, which holds keys and no URLs."""
    recipe = recipe_of(n, folder)
    with watch("make"):
        pattern = pattern_of(recipe)
    with watch("1000 URLs"):
        for i in range(0, n, max(1, n // 1000)):
            _ = pattern[i].url
    return {"pickled bytes": len(pickle.dumps(pattern))}


def step_graph(n: int, folder: Path, watch: Stopwatch) -> Figures:
    """What goes into the pipeline's graph: the work, packed for workers, and the ranges of inputs."""
    from pangeo_forge.dataset.archive import Archive
    from pangeo_forge.dataset.settings import CombineSettings
    from pangeo_forge.pipeline.parcel import Parcel
    from pangeo_forge.pipeline.prepare_inputs import InputPreparer
    from pangeo_forge.pipeline.ranges import INPUTS_PER_ELEMENT, ranges
    from pangeo_forge.pipeline.scratch import Scratch

    recipe = recipe_of(n, folder)
    preparer = InputPreparer(Archive(recipe, pattern_of(recipe)), CombineSettings(("time",)))
    with watch("pack"):
        parcel = Parcel.of(preparer, travels=True, depot=Scratch(str(folder / "temp")))
    elements = ranges(n, INPUTS_PER_ELEMENT, shares=1000)
    return {"graph bytes": len(pickle.dumps((parcel, elements))), "ranges": len(elements)}


def step_combine(n: int, folder: Path, watch: Stopwatch) -> Figures:
    """Merging what is known of all inputs, handing it over, and the template made of it."""
    prepared = combined(n, watch)
    with watch("hand over"):
        data = pickle.dumps(prepared)
        prepared = pickle.loads(data)
    size = len(data)
    del data
    with watch("template"):
        template = prepared.combination.template()
    return {"mailbox bytes": size, "template bytes": len(pickle.dumps(template))}


def step_plan(n: int, folder: Path, watch: Stopwatch) -> Figures:
    """The plan, which computes its tasks, and the work of the second pipeline, packed."""
    from pangeo_forge.dataset.archive import Archive
    from pangeo_forge.pipeline.parcel import Parcel
    from pangeo_forge.pipeline.ranges import TASKS_PER_ELEMENT, ranges
    from pangeo_forge.pipeline.scratch import Scratch
    from pangeo_forge.pipeline.write_task import TaskWriter
    from pangeo_forge.plan import Resources, make_plan
    from pangeo_forge.targets.zarr import ZarrTarget

    recipe = recipe_of(n, folder)
    template = combined(n, Stopwatch()).combination.template()
    with watch("plan"):
        plan = make_plan(template, recipe.target, resources=Resources(max_memory=2 * 10**9, concurrency=1))
    tasks = plan.n_tasks(0)
    with watch("1000 tasks"):
        for number in range(0, tasks, max(1, tasks // 1000)):
            for array, region in plan.regions(plan.task(number, 0)):
                _ = list(plan.overlaps(array, region))
    writer = TaskWriter(plan, template, Archive(recipe, pattern_of(recipe)), ZarrTarget(str(folder / "x.zarr"), "x"))
    depot = Scratch(str(folder / "temp"))
    with watch("pack"):
        parcel = Parcel.of(writer, travels=True, depot=depot)
    with watch("open"):
        parcel.opened()
    work = sum(depot.objects.size(key) or 0 for key in depot.objects.list()) or len(parcel.content)
    graph = len(pickle.dumps((parcel, ranges(tasks, TASKS_PER_ELEMENT, shares=1000))))
    return {"tasks": tasks, "plan bytes": len(plan.to_json()), "work bytes": work, "graph bytes": graph}


def step_ledger(n: int, folder: Path, watch: Stopwatch) -> Figures:
    """The ledger of a store: made, put, and what one more input costs."""
    from pangeo_forge.runs.ledger import Ledger, Row

    url = "https://example.org/data/2000/01/oisst-avhrr-v02r01.{:012d}.nc"
    rows = [
        Row(f"step={i} {url.format(i)}", url.format(i), 2_700_000, f'"{i:x}"', "x" * 25, f"{i:064x}", i, i + 1, "run")
        for i in range(n)
    ]
    ledger = Ledger("scale", "0" * 64, "time", n, 3, {}, (), {}, tuple(rows))
    with watch("put"):
        _ = ledger.state
        data = ledger.to_bytes()
    with watch("append one"):
        known = Ledger.from_bytes(data)
        grown = replace(known, length=n + 1, rows=(*known.rows, rows[-1]))
        _ = grown.state, grown.to_bytes()
    return {"bytes": len(data)}


def step_journal(n: int, folder: Path, watch: Stopwatch) -> Figures:
    """Marks of finished tasks on a local disk: put one by one, read all as a resumed run does."""
    from pangeo_forge.targets.journal import TaskJournal
    from pangeo_forge.targets.protocol import Written

    journal = TaskJournal(str(folder / "tasks"))
    objects = {f"sst/c/{i}/0/0": (40_000_000, "0" * 8) for i in range(5)}
    with watch("put"):
        for number in range(n):
            journal.mark(0, number, Written(5, 0, 2 * 10**8, 10**8, objects))
    with watch("read all"):
        assert len(journal.done()) == n
    return {"objects": n}


def step_checksums(n: int, folder: Path, watch: Stopwatch) -> Figures:
    """Size and CRC of every object of a store: gathered from tasks, written, read."""
    from pangeo_forge.pipeline.write_task import TaskReport
    from pangeo_forge.targets.checksums import read_checksums, write_checksums
    from pangeo_forge.targets.objects import LocalObjects
    from pangeo_forge.targets.protocol import Written

    home = LocalObjects(folder / "home")
    reports = []
    for low in range(0, n, 320):
        objects = {f"sst/c/{i}/0/0": (40_000_000, f"{i:08x}") for i in range(low, min(n, low + 320))}
        reports.append(TaskReport(64, written=Written(len(objects), 0, 0, 0, objects)))
    with watch("gather"):
        written = TaskReport.join(reports).written
    with watch("write"):
        write_checksums(home, "state", written.objects)
    size = (folder / "home" / "objects" / "state.json").stat().st_size
    with watch("read"):
        assert len(read_checksums(home, "state") or ()) == n
    return {"bytes": size}


def step_reports(n: int, folder: Path, watch: Stopwatch) -> Figures:
    """Progress of ``n`` worker processes: each puts a report, the driver reads all."""
    from pangeo_forge.progress import Patience, Reporter, Silent
    from pangeo_forge.progress.beacon import Beacon
    from pangeo_forge.progress.monitor import Monitor, Screen
    from pangeo_forge.progress.report import ReportFolder

    where, screen = ReportFolder(str(folder / "progress")), Screen(Silent())
    where.make()
    monitor = Monitor(Reporter(screen), screen, where, 1.0, Patience())
    workers = [Beacon(Reporter(), where, 1.0) for _ in range(n)]
    for worker in workers:
        worker.reporter.advance("write", 1, 10**8)
    with watch("put"):
        for worker in workers:
            worker.beat()
    with watch("gather"):
        monitor.gather()
    return {"bytes of one": next((folder / "progress").iterdir()).stat().st_size}


STEPS: dict[str, Callable[[int, Path, Stopwatch], Figures]] = {
    name.removeprefix("step_"): function for name, function in globals().items() if name.startswith("step_")
}


def one(step: str, n: int) -> Figures:
    """Run a step in this process."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        sizes = STEPS[step](n, Path(folder), watch)
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    return {**watch.seconds, **sizes, "peak bytes": peak}


def growth(found: dict[int, Figures], name: str) -> float | None:
    """Exponent between the two largest sizes; None where there is nothing to compare."""
    sizes = sorted(found)[-2:]
    if len(sizes) < 2 or not all(found[n].get(name) for n in sizes):
        return None
    return math.log(found[sizes[1]][name] / found[sizes[0]][name]) / math.log(sizes[1] / sizes[0])


def table(step: str, found: dict[int, Figures]) -> str:
    """Markdown."""
    sizes = sorted(found)
    lines = [f"| {step} | " + " | ".join(f"{n:,}" for n in sizes) + " | growth |", "|---" * (len(sizes) + 2) + "|"]
    for name in found[sizes[0]]:
        power = growth(found, name)
        row = [f"{found[n][name]:,.3g}" if name.endswith(" s") else f"{found[n][name]:,.0f}" for n in sizes]
        lines.append(f"| {name} | " + " | ".join(row) + f" | {'' if power is None else f'{power:.2f}'} |")
    return "\n".join(lines)


def main() -> None:
    """Run all that was asked for, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--one", nargs=2, metavar=("STEP", "N"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(asked.one[0], int(asked.one[1]))))
        return
    for step in asked.steps:
        found: dict[int, Figures] = {}
        for n in asked.sizes:
            if n <= SMALLER.get(step, n):
                command = [sys.executable, "-m", "benchmarks.scale", "--one", step, str(n)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise SystemExit(f"{step} {n}: {done.stderr[-2000:]}")
                found[n] = json.loads(done.stdout.splitlines()[-1])
        print(f"\n{STEPS[step].__doc__}\n\n{table(step, found)}", flush=True)


if __name__ == "__main__":
    main()
