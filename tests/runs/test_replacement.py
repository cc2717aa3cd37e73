"""Whole runs into Icechunk and references, through the command line."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
import xarray as xr

from pangeo_forge.targets.icechunk_storage import open_repository
from pangeo_forge.targets.opening import open_dataset
from tests.cli.invocation import PROJECT, Invocation, command, environment, invoke
from tests.targets.referring import assert_same, expected, oisst_like, write_recipe

FORMS = ["icechunk", "reference.parquet", "reference.json", "reference.icechunk"]
RECIPES = ["example-sea-ice-monthly", "example-pressure-daily", "example-station-merge", "example-temperature-netcdf3"]


def settings_of(form: str) -> list[str]:
    kind, _, more = form.partition(".")
    chosen = ["--set", f"target.format={kind}"]
    return [*chosen, "--set", f"target.reference.format={more}", "--set", "target.chunks=auto"] if more else chosen


def run(recipe: Path, place: Path, form: str, *more: object) -> Invocation:
    return invoke("run", recipe, "--target", place, "--mode", "single", *settings_of(form), *more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "series"
    made.mkdir()
    return made


@pytest.mark.parametrize("form", ["icechunk", "reference.parquet"])
def test_a_run_from_recipe_to_dataset(folder: Path, form: str) -> None:
    paths = oisst_like(folder)
    place = folder / f"out.{form.rpartition('.')[2]}"
    recipe = write_recipe(folder, target={"format": "zarr"})
    done = run(recipe, place, form)
    assert done.code == 0, done.err
    assert "checks" in done.out
    assert_same(open_dataset(str(place)).load(), expected(paths))
    checked = invoke("verify", place, "--full")
    assert checked.code == 0, checked.out
    assert "array sst" in checked.out
    again = run(recipe, place, form)
    assert again.code == 1
    assert "T001" in again.err


def test_a_wrong_ending_is_refused_before_anything_else(folder: Path) -> None:
    oisst_like(folder, 1)
    done = run(write_recipe(folder, target={"format": "zarr"}), folder / "out.zarr", "icechunk")
    assert done.code == 1
    assert "T066" in done.err
    assert not (folder / "out.zarr").exists()


@pytest.mark.long
def test_failing_checks_leave_main_where_it_was(folder: Path) -> None:
    oisst_like(folder)
    place = folder / "out.icechunk"
    recipe = write_recipe(folder, target={"format": "icechunk"})
    assert run(recipe, place, "icechunk").code == 0
    strict = write_recipe(folder, target={"format": "icechunk"}, checks=[{"variable": "sst", "max": -5}])
    done = run(strict, place, "icechunk", "--overwrite")
    assert done.code == 1
    assert "V001" in done.err
    repository = open_repository(str(place))
    assert repository is not None
    history = list(repository.ancestry(branch="main"))
    assert len(history) == 2
    assert str(history[0].metadata["run_id"]).startswith("20")
    assert len(str(history[0].metadata["recipe_fingerprint"])) > 8


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
def test_a_root_keeps_versions_with_a_pointer(folder: Path, form: str) -> None:
    paths = oisst_like(folder)
    root, home = folder / "arco", folder / "arco" / folder.name
    recipe = write_recipe(folder, target={"format": "zarr"})
    made = []
    for _ in range(3):
        assert run(recipe, root, form, "--keep", 2).code == 0
        made.append(json.loads((home / "latest.json").read_text())["store"])
    ending = f".{form.rpartition('.')[2]}"
    assert all(name.endswith(ending) for name in made)
    assert not (home / made[0]).exists()
    assert_same(open_dataset(str(home / made[2])).load(), expected(paths))
    listed = invoke("versions", "list", home, "--json")
    assert made[1].removesuffix(ending) in listed.out
    assert invoke("versions", "rollback", home).code == 0
    assert json.loads((home / "latest.json").read_text())["store"] == made[1]


@pytest.mark.long
def test_verify_finds_references_to_files_that_are_gone(folder: Path) -> None:
    paths = oisst_like(folder)
    place = folder / "out.json"
    assert run(write_recipe(folder, target={"format": "zarr"}), place, "reference.json").code == 0
    paths[1].unlink()
    done = invoke("verify", place, "--full")
    assert done.code == 1
    assert "sst" in done.out


@pytest.mark.long
@pytest.mark.parametrize("form", ["icechunk", "reference.parquet", "reference.icechunk"])
def test_killed_at_any_moment_readers_see_the_old_dataset_or_the_new_one(folder: Path, form: str) -> None:
    paths = oisst_like(folder, 6)
    old, new = expected(paths[:3]), expected(paths)
    for path in paths[3:]:
        path.rename(path.with_suffix(".later"))
    place = folder / f"out.{form.rpartition('.')[2]}"
    recipe = write_recipe(folder, target={"format": "zarr"})
    assert run(recipe, place, form).code == 0
    for path in paths[3:]:
        path.with_suffix(".later").rename(path)
    more = ["--target", place, "--mode", "single", "--overwrite", "--steal-lease", *settings_of(form)]
    began = time.perf_counter()
    states = set()
    moments = random.Random(1)
    longest = 4.0
    for _ in range(8):
        process = subprocess.Popen(
            command("run", recipe, *more),
            env=dict(environment()),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(moments.uniform(0.5, longest))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        found = open_dataset(str(place), chunks=None).load()
        states.add(found.sizes["time"])
        assert_same(found, new if found.sizes["time"] == 6 else old)
    assert states <= {3, 6}
    assert time.perf_counter() - began < 110
    done = invoke("run", recipe, *more)
    assert done.code == 0, done.err
    assert_same(open_dataset(str(place), chunks=None).load(), new)


@pytest.mark.long
def test_workers_in_processes_of_their_own(folder: Path) -> None:
    paths = oisst_like(folder, 6)
    place = folder / "out.icechunk"
    recipe = write_recipe(folder, target={"format": "icechunk", "chunks": {"time": 1, "lat": 6}})
    done = invoke("run", recipe, "--target", place, "--mode", "processes", "--workers", "2")
    assert done.code == 0, done.err
    assert_same(open_dataset(str(place)).load(), expected(paths))


@pytest.mark.long
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("form", FORMS)
def test_every_format_holds_the_same_dataset(tmp_path: Path, name: str, form: str) -> None:
    recipe = PROJECT / "recipes" / name
    zarr = invoke("run", recipe, "--target", tmp_path / "a.zarr", "--mode", "single")
    assert zarr.code == 0, zarr.err
    place = tmp_path / f"b.{form.rpartition('.')[2]}"
    done = run(recipe, place, form)
    assert done.code == 0, done.err
    found, wanted = (plain(open_dataset(str(p), chunks=None).load()) for p in (place, tmp_path / "a.zarr"))
    xr.testing.assert_identical(found, wanted)


def plain(ds: xr.Dataset) -> xr.Dataset:
    """Without what says how it was made."""
    ds.attrs = {k: v for k, v in ds.attrs.items() if not str(k).startswith("pangeo_forge")}
    return ds
