"""Recipes and inputs that tests make on the fly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.execution import run_recipe
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.settings import RunSettings

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
