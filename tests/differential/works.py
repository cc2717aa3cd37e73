"""Eight small recipes, with all that a recipe can ask of an engine, and what makes two of their stores the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.pipeline.engines import engine_of
from pangeo_forge.recipe.bakery import Bakery, NamedBakery
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.recipe.scalars import size_in_bytes
from pangeo_forge.runs.execution import run_recipe
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.settings import RunSettings
from pangeo_forge.targets.opening import open_dataset
from tests.datasets.conversion import DATA, RECIPES
from tests.targets.referring import oisst_like, write_recipe

DAYS = {"glob": "in/*.nc", "concat": {"time": {}}}


MERGED = {
    "concat": {"time": {"start": "1978-01-02", "end": "1978-01-05", "step": "1D"}},
    "merge": {"name": ["sst", "ice"]},
}


@dataclass(frozen=True)
class Work:
    """One recipe, its inputs, and the runs that make its store."""

    name: str
    recipe: str
    ending: str = ".zarr"
    runs: tuple[tuple[str, ...], ...] = ((),)
    """What each run sets in the recipe (``--set``)."""
    prune: int | None = None
    params: tuple[tuple[str, str], ...] = ()
    max_memory: str = "2GB"
    """Of one task: a process that does several at once gets as much for each."""
    asked: Callable[[RunResult], bool] = lambda result: True
    """Whether the run did what the work is there for."""

    def run(self, bakery: NamedBakery, target: Path, **more: Any) -> Path:
        """The store, made on a bakery."""
        store = target / f"{self.name}{self.ending}"
        memory = size_in_bytes(self.max_memory) * engine_of(bakery).workforce.per_process
        settings = RunSettings(
            target=str(store), cache=str(target / "cache"), bakery=bakery, prune=self.prune, max_memory=memory
        )
        for number, set_ in enumerate(self.runs):
            recipe = load_recipe(self.recipe, params=dict(self.params), set_=list(set_))
            result = run_recipe(recipe, replace(settings, **more))
            assert all(c.passed for c in result.checks)
            assert result.action == ("append" if number else "build")
            assert self.asked(result), result.plan
        return store


def bakery(name: str, **entry: Any) -> NamedBakery:
    """A bakery as a file would say it."""
    return NamedBakery(name, Bakery.model_validate(entry), "test")


def make_works(folder: Path) -> Sequence[Work]:
    """The works, with their inputs in a folder."""

    def made(name: str, days: int, *, split: bool = False, **sections: Any) -> str:
        (folder / name / "in").mkdir(parents=True)
        for path in oisst_like(folder / name / "in", days):
            if split:
                _split(path)
        return str(write_recipe(folder / name, **{"inputs": DAYS, **sections}))

    data = (("data", str(DATA)),)
    files = [f"in/{day:02d}.nc" for day in (2, 3, 4, 6, 5)]
    short = f"inputs.files={json.dumps(files[:3])}"
    return [
        Work(
            "merge",
            made("merge", 4, inputs={"url": "in/{name}-{time:%d}.nc", **MERGED}, target={"chunks": {"time": 3}}, split=True),
        ),
        Work("grib", str(RECIPES / "safrica-gfs"), params=data, prune=1),
        Work("netcdf3", str(RECIPES / "cmip5-tas"), params=data, prune=3),
        Work(
            "append",
            made("append", 4, inputs={"files": [*sorted(files[:3]), "in/05.nc"], "concat": {"time": {}}},
                 target={"chunks": {"time": 2}, "append": "time"}),
            runs=((short,), ()),
        ),
        Work(
            "two-pass",
            _wide(folder / "two-pass"),
            max_memory="900kB",
            asked=lambda result: result.plan["passes"] == 2,
        ),
        Work("skip", made("skip", 4, inputs={"files": sorted(files), "concat": {"time": {}}, "on_missing": "skip"},
                          target={"chunks": {"time": 3}, "zarr_format": 2})),
        Work("reference", made("reference", 4, target={"format": "reference", "reference": {"format": "json"}}), ".json"),
        Work("icechunk", made("icechunk", 4, target={"format": "icechunk", "chunks": {"time": 2}}), ".icechunk"),
    ]  # fmt: skip


def _wide(folder: Path, days: int = 24) -> str:
    """Days of a grid whose target chunks cut across every file, in more bytes than a task may hold."""
    (folder / "in").mkdir(parents=True)
    rng = np.random.default_rng(1)
    whole = {"zlib": True, "chunksizes": (1, 180, 360)}
    for day in range(days):
        values = rng.integers(0, 100, (1, 180, 360)).astype("i2")
        ds = xr.Dataset(
            {"rain": (("time", "lat", "lon"), values)}, {"time": ("time", [day], {"units": "days since 2000-01-01"})}
        )
        ds.to_netcdf(folder / "in" / f"{day:02d}.nc", engine="h5netcdf", encoding={"rain": whole})
    return str(write_recipe(folder, inputs=DAYS, target={"chunks": {"time": days, "lat": 45, "lon": 90}}))


def _split(path: Path) -> None:
    """One file a variable, as archives have it whose files are merged."""
    with xr.open_dataset(path, engine="h5netcdf", decode_cf=False) as ds:
        for name in ("sst", "ice"):
            ds[[name]].to_netcdf(path.with_name(f"{name}-{path.name}"), engine="h5netcdf")
    path.unlink()


def assert_same_store(found: Path, wanted: Path) -> None:
    """Byte for byte; an Icechunk repository names its objects at random, so there value for value."""
    if wanted.suffix == ".icechunk":
        one, other = open_dataset(str(found)), open_dataset(str(wanted))
        assert one.attrs == other.attrs
        for name in other.variables:
            assert one[name].dtype == other[name].dtype
            np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=str(name))
        assert set(one.variables) == set(other.variables)
        return
    if wanted.is_file():
        assert json.loads(found.read_text()) == json.loads(wanted.read_text())
        return
    assert _contents(found) == _contents(wanted)


def _contents(store: Path) -> dict[str, bytes]:
    return {str(p.relative_to(store)): p.read_bytes() for p in store.rglob("*") if p.is_file()}
