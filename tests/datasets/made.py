"""Recipes and inputs that tests make on the fly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.pipeline.prepare_inputs import InputPreparer
from pangeo_forge.pipeline.write_task import TaskWriter
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.execution import run_recipe
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.session import opened_session
from pangeo_forge.runs.settings import RunSettings
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.zarr import ZarrTarget

HEADER = """
format_version: 1
id: made
title: Made
description: Made by a test.
license: CC0-1.0
providers: [{name: Test, roles: [producer], url: https://example.org}]
maintainers: [{name: Test, github: test}]
"""


def written(folder: Path, text: str) -> Recipe:
    """The recipe of these sections, in ``folder``."""
    home = folder / "made"
    home.mkdir(parents=True, exist_ok=True)
    (home / "recipe.yaml").write_text(HEADER + text)
    return load_recipe(str(home))


def run(folder: Path, text: str, **settings: Any) -> tuple[RunResult, xr.Dataset]:
    """Run the recipe of these sections; the result, and the store opened with plain xarray."""
    options: dict[str, Any] = {"mode": "single", "cache": str(folder / "cache"), **settings}
    result = run_recipe(written(folder, text), RunSettings(target=str(folder / "made.zarr"), **options))
    return result, xr.open_zarr(folder / "made.zarr")


def converted(folder: Path, text: str, **options: Any) -> xr.Dataset:
    """Scan, combine, plan, write and commit, without an engine; the store opened with plain xarray."""
    recipe = written(folder, text)
    store = str(folder / "made.zarr")
    with opened_session(recipe, RunSettings(target=store, mode="single", workers=1)) as session:
        preparer = InputPreparer(session.archive, CombineSettings.from_recipe(recipe))
        # In two halves, merged in the other order, as engines may.
        half = len(session.pattern) // 2
        one, two = preparer.prepare(0, half), preparer.prepare(half, len(session.pattern))
        for failed in (*one.failed, *two.failed):
            raise failed.error
        template = two.merge(one).combination.template()
        plan = session.plan(template)
        target = ZarrTarget(store, "run", zarr_format=recipe.target.zarr_format, threads=1)
        between = ChunkStore(f"{session.scratch}/intermediate", threads=1) if plan.intermediate else None
        target.create(plan)
        writer = TaskWriter(plan, template, session.archive, target, between)
        for number, stage in enumerate(plan.stages):
            for task in reversed(range(stage.n_tasks)):
                writer.run(task, number)
        target.commit(plan)
    return xr.open_zarr(store, **options)
