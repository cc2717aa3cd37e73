"""Runs the tasks of one plan in this process and prints the projected and the measured peak of its memory, as JSON.

python -m tests.performance.peak '{"folder": ..., "count": ..., "chunks": ..., "max_memory": ..., "tasks": ...}'
"""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

RECIPE = """\
format_version: 1
id: fields
title: Random fields
inputs:
  url: "{folder}/fields.{{number:03d}}.nc"
  concat: {{number: {{dim: time, values: {{start: 0, end: {last}, step: 1}}}}}}
target: {{}}
"""


def main() -> None:
    """Plan, run, print."""
    asked = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(asked, Path(folder))))


def measure(asked: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Projected and measured bytes, and what the plan was."""
    from pangeo_forge.dataset.archive import Archive
    from pangeo_forge.dataset.settings import CombineSettings
    from pangeo_forge.pattern.pattern import FilePattern
    from pangeo_forge.pipeline.prepare_inputs import InputPreparer
    from pangeo_forge.pipeline.write_task import TaskWriter
    from pangeo_forge.plan import Resources, make_plan
    from pangeo_forge.plan.layout import Layout
    from pangeo_forge.recipe.load import load_recipe
    from pangeo_forge.targets.buffers import BLOCKS
    from pangeo_forge.targets.chunks import ChunkStore
    from pangeo_forge.targets.zarr import ZarrTarget

    path = scratch / "fields" / "recipe.yaml"
    path.parent.mkdir()
    path.write_text(RECIPE.format(folder=asked["folder"], last=asked["count"] - 1))
    recipe = load_recipe(str(path))
    pattern = FilePattern.from_inputs(recipe.inputs, folder=recipe.folder, parameters={}, now=None)
    archive = Archive(recipe, pattern)
    prepared = InputPreparer(archive, CombineSettings.from_recipe(recipe)).prepare(0, len(pattern))
    template = prepared.combination.template()
    resources = Resources(max_memory=asked["max_memory"], concurrency=asked["tasks"], threads=2)
    layout = Layout(chunks=asked["chunks"], shards=asked["shards"], compressor=asked["compressor"])
    plan = make_plan(template, layout, resources=resources)
    target = ZarrTarget(str(scratch / "store.zarr"), "measured")
    target.create(plan)
    between = ChunkStore(str(scratch / "between")) if plan.intermediate else None
    writer = TaskWriter(plan, template, archive, target, between)
    before = reset_peak()
    for stage in range(len(plan.stages)):
        with ThreadPoolExecutor(asked["tasks"]) as pool:
            list(pool.map(lambda number, stage=stage: writer.run(number, stage), range(plan.n_tasks(stage))))
        BLOCKS.clear()
    used = peak() - before
    summary = plan.summary()
    return {
        "used": used,
        "projected": summary["memory_per_worker"],
        "tasks": summary["tasks"],
        "passes": summary["passes"],
    }


def reset_peak() -> int:
    """Resident bytes now; the kernel's record of the peak begins anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> int:
    """Most resident bytes since :func:`reset_peak`."""
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


if __name__ == "__main__":
    main()
