"""Small archives of real files in a folder of the test's own, to be damaged at will, and recipes that read them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr
import yaml

from tests.cli.invocation import PROJECT, Invocation, invoke

DATA = PROJECT / "tests" / "data"
TEMPERATURE = DATA / "cmip6_cams_ta_units_differ"
"""NetCDF-4: five files of 180 months, ta(time, plev, lat, lon), each with time units of its own."""

ID = "made-here"


@dataclass(frozen=True)
class Archive:
    """A folder with copies of real files, a recipe for them, and a place for the store."""

    folder: Path

    @property
    def files(self) -> list[Path]:
        """The inputs, in order."""
        return sorted((self.folder / "in").glob("*.nc"))

    @property
    def recipe(self) -> Path:
        """The recipe's file."""
        return self.folder / ID / "recipe.yaml"

    @property
    def store(self) -> Path:
        """Where the store goes."""
        return self.folder / "out" / "ta.zarr"

    def write_recipe(self, **sections: Any) -> Path:
        """Write the recipe; ``sections`` replace those of a plain one, None takes one away."""
        recipe: dict[str, Any] = {
            "format_version": 1,
            "id": ID,
            "title": "Made by a test",
            "description": "Made by a test.",
            "license": "CC-BY-4.0",
            "providers": [{"name": "A test"}],
            "maintainers": [{"name": "A test", "github": "nobody"}],
            "inputs": {"glob": "../in/*.nc", "concat": {"time": {}}},
            "target": {"chunks": {"time": 100}},
        }
        recipe.update(sections)
        self.recipe.parent.mkdir(exist_ok=True)
        self.recipe.write_text(yaml.safe_dump({k: v for k, v in recipe.items() if v is not None}, sort_keys=False))
        return self.recipe

    def change(self, number: int, change: Callable[[xr.Dataset], xr.Dataset], **encoding: Any) -> Path:
        """Rewrite one input: ``change`` gets it as stored (CF attributes not applied)."""
        path = self.files[number]
        with xr.open_dataset(path, engine="h5netcdf", decode_cf=False) as ds:
            made = change(ds.load())
        path.unlink()
        made.to_netcdf(path, engine="h5netcdf", encoding=encoding or None)
        return path

    def run(self, *more: object, target: object | None = None) -> Invocation:
        """Run the recipe in this thread."""
        return invoke("run", self.recipe, "--target", target or self.store, "--mode", "single", *more)

    @property
    def leftovers(self) -> list[str]:
        """What a failed run has left at the store's place: all but its records and what a second run may go on with,
        which is a hidden folder that does not open."""
        out = self.folder / "out"
        found = [p.relative_to(out) for p in out.rglob("*")] if out.exists() else []
        return sorted(str(p) for p in found if not (_is_kept(p)))

    @property
    def unfinished(self) -> list[str]:
        """Hidden folders with chunks that a second run may go on with."""
        return sorted(p.name for p in (self.folder / "out").glob(".*.partial-*"))


def _is_kept(path: Path) -> bool:
    top = path.parts[0]
    if top.startswith(".") and top.endswith(".pangeo-forge"):
        return True
    opens = len(path.parts) == 2 and path.name in ("zarr.json", ".zgroup", ".zmetadata")
    return top.startswith(".") and ".partial-" in top and not opens


def make_archive(folder: Path, count: int = 3, source: Path = TEMPERATURE) -> Archive:
    """An archive of the first ``count`` files of ``source``, with a plain recipe."""
    (folder / "in").mkdir(parents=True)
    for path in sorted(source.glob("*.nc"))[:count]:
        shutil.copy(path, folder / "in" / path.name)
    archive = Archive(folder)
    archive.write_recipe()
    return archive
