"""Small archives of daily files that tests make, change and run; values tell day and place, so errors show."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.execution import run_recipe
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.settings import RunSettings

ID = "daily"
LAT, LON = 6, 8


def values_of(day: int, edition: int = 0) -> np.ndarray:
    """What the file of a day holds: stored int16 of shape (1, LAT, LON)."""
    grid = np.arange(LAT * LON).reshape(1, LAT, LON)
    return ((grid + 50 * day + 1000 * edition) % 30000).astype("<i2")


def write_file(path: Path, day: int, edition: int = 0, units: str = "days since 2000-01-01", dtype: str = "f8") -> None:
    """One NetCDF-3 file of a day: time, lat, lon, and packed ``sst(time, lat, lon)``."""
    from scipy.io import netcdf_file

    draft = path.with_name(f".{path.name}")
    with netcdf_file(str(draft), "w") as f:
        for dim, n in (("time", None), ("lat", LAT), ("lon", LON)):
            f.createDimension(dim, n)
        time = f.createVariable("time", dtype, ("time",))
        time.units, time[:] = units, [day]
        for dim, n in (("lat", LAT), ("lon", LON)):
            f.createVariable(dim, "f4", (dim,))[:] = np.arange(n, dtype="f4")
        sst = f.createVariable("sst", "i2", ("time", "lat", "lon"))
        sst.scale_factor, sst.add_offset, sst._FillValue = 0.01, 0.0, np.int16(-999)
        sst[:] = values_of(day, edition)
    os.replace(draft, path)


@dataclass
class Daily:
    """A folder of daily files and a recipe for them."""

    folder: Path
    target: str
    storage_options: dict[str, Any] = field(default_factory=dict)
    chunks: dict[str, int] = field(default_factory=lambda: {"time": 3, "lat": 4})
    target_section: dict[str, Any] = field(default_factory=lambda: {"append": "time"})
    memory: str = "2GB"
    """Some 900 B make a task of each chunk of the default."""

    def __post_init__(self) -> None:
        (self.folder / "in").mkdir(parents=True, exist_ok=True)

    def path(self, day: int) -> Path:
        """The file of a day."""
        return self.folder / "in" / f"day{day:05d}.nc"

    def write(self, days: Iterable[int], edition: int = 0) -> None:
        """Make the files of some days."""
        for day in days:
            write_file(self.path(day), day, edition)

    def recipe(self, **sections: Any) -> Recipe:
        """The recipe, written to a file and read."""
        document: dict[str, Any] = {
            "format_version": 1,
            "id": ID,
            "title": "Days",
            "inputs": {"glob": f"{self.folder}/in/day*.nc", "concat": {"time": {}}, "sort": "name"},
            "target": {"chunks": self.chunks, **self.target_section},
            "checks": [{"dim": "time", "monotonic": "increasing"}, {"variable": "sst", "min": 0}],
        }
        for name, section in sections.items():
            document[name] = (
                {**document[name], **section} if isinstance(section, dict) and name in document else section
            )
        path = self.folder / ID / "recipe.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(document))
        return load_recipe(str(path))

    def settings(self, **given: Any) -> RunSettings:
        """Settings for a quick run in this thread."""
        given = {"mode": "single", "workers": 1, "max_memory": self.memory, **given}
        return RunSettings(target=self.target, target_options=self.storage_options, **given)

    def run(self, recipe: Recipe | None = None, **given: Any) -> RunResult:
        """Run it here."""
        return run_recipe(recipe or self.recipe(), self.settings(**given))


def read(store: str, storage_options: dict[str, Any] | None = None) -> dict[str, np.ndarray]:
    """Stored values of a store's arrays, by plain zarr and consolidated metadata (an Icechunk repository's own)."""
    import zarr

    if store.endswith((".icechunk", ".json", ".parquet")):
        from pangeo_forge.targets.opening import store_of

        return {n: np.asarray(a[...]) for n, a in zarr.open_group(store_of(store, storage_options), mode="r").arrays()}

    options = storage_options if storage_options and "://" in store else None
    group = zarr.open_group(store, mode="r", storage_options=options, use_consolidated=True)
    return {name: np.asarray(array[...]) for name, array in group.arrays()}


def tree(store: str | Path) -> dict[str, bytes]:
    """All objects of a local store."""
    root = Path(store)
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def expected(days: Iterable[int], editions: dict[int, int] | None = None) -> np.ndarray:
    """What ``sst`` should hold."""
    return np.concatenate([values_of(d, (editions or {}).get(d, 0)) for d in days])
