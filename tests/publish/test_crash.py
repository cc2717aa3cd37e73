"""kill -9 anywhere, run again: the store is that of an uninterrupted run, byte for byte; readers never see a half."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from pangeo_forge.runs.place import Place
from pangeo_forge.targets.icechunk_storage import open_repository
from pangeo_forge.targets.opening import open_dataset
from tests.publish.archive import Daily, expected, tree
from tests.publish.killing import Zygote, kill_at_random, zygote

pytestmark = pytest.mark.slow

MANY = int(os.environ.get("PANGEO_FORGE_KILLS", "100"))


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with zygote(tmp_path_factory.mktemp("zygote")) as found:
        yield found


def current(target: str) -> str:
    store = Place.of(target, "daily").current()
    assert store is not None
    return store


def same_values(one: str, two: str, is_rebuild: bool) -> None:
    """Equal in every value and attribute; in Icechunk, of as many commits."""
    found, wanted = (open_dataset(a, decode_cf=False, chunks=None).load() for a in (one, two))
    xr.testing.assert_identical(found, wanted)
    if one.endswith(".icechunk"):
        repositories = [open_repository(a) for a in (one, two)]
        counts = [len(list(r.ancestry(branch="main"))) for r in repositories if r is not None]
        # A rebuild that dies after its commit is done again when it is asked for again.
        assert counts[0] == counts[1] or (is_rebuild and counts[0] > counts[1])


SECTIONS: dict[str, dict[str, Any]] = {
    "path": {"append": "time"},
    "icechunk": {"append": "time", "format": "icechunk"},
    "parquet": {"append": "time", "format": "reference", "chunks": "auto"},
    "json": {"append": "time", "format": "reference", "chunks": "auto", "reference": {"format": "json"}},
}


def crash(runner: Zygote, folder: Path, what: str, seed: int, form: str, kills: int = 1) -> int:
    """One trial: prepare the state before, kill, run again, compare with a run that nobody killed."""
    rng = random.Random(seed)
    name = "" if form == "root" else "/x.zarr" if form == "path" else f"/x.{form}"
    section = SECTIONS.get(form, SECTIONS["path"])
    archive = Daily(folder, f"{folder}/out{name}", target_section=section)
    archive.write(range(7))
    given = {"rebuild": True} if what == "rebuild" else {}
    before, after = (None, 7) if what == "build" else (7, 10) if what == "append" else (7, 7)
    if before is not None:
        assert runner.run(archive) == 0
        archive.write(range(after))
    if what == "rebuild":
        archive.write([2], edition=1)
    # What an uninterrupted run makes of the same state.
    twin = Daily(folder, f"{folder}/twin{name}", target_section=section)
    if before is not None:
        shutil.copytree(folder / "out", folder / "twin")
    began = time.perf_counter()
    assert runner.run(twin, **given) == 0, runner.log.read_text()[-3000:]
    longest = (time.perf_counter() - began) * 1.1
    editions = {2: 1} if what == "rebuild" else {}
    new = expected(range(after), editions)
    old = None if before is None else expected(range(before))

    def check() -> None:
        if form in SECTIONS and form != "path":
            same_values(archive.target, twin.target, what == "rebuild")
        else:
            assert tree(current(archive.target)) == tree(current(twin.target))
        home = Path(Place.of(archive.target, "daily").home)
        assert not any((home / "work").rglob("*"))
        assert not list(Path(archive.target).parent.glob(".*partial*"))

    return kill_at_random(runner, archive, given, longest, rng, check, [old, new], kills)


@pytest.mark.parametrize("what", ["build", "append", pytest.param("rebuild", marks=pytest.mark.long)])
def test_killed_once(runner: Zygote, tmp_path: Path, what: str) -> None:
    crash(runner, tmp_path, what, seed=1, form="root")


@pytest.mark.long
def test_killed_at_a_path_of_its_own(runner: Zygote, tmp_path: Path) -> None:
    crash(runner, tmp_path, "append", seed=2, form="path")


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("form", ["icechunk", "parquet", "json"])
def test_killed_many_times_in_other_formats(runner: Zygote, tmp_path: Path, form: str) -> None:
    """A third as many, value for value."""
    hit = trial = 0
    while hit < MANY / 3:
        what = ("build", "append", "rebuild")[trial % 3]
        hit += crash(runner, tmp_path / str(trial), what, seed=trial, form=form, kills=1 + trial % 3)
        shutil.rmtree(tmp_path / str(trial))
        trial += 1
    print(f"{form}: {hit} kills hit a running run, in {trial} trials")


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_killed_many_times(runner: Zygote, tmp_path: Path) -> None:
    """``PANGEO_FORGE_KILLS`` moments (default 100); the command for the whole measure is in docs/publish.md."""
    hit = trial = 0
    while hit < MANY:
        what = ("build", "append", "rebuild")[trial % 3]
        form = "path" if what != "rebuild" and trial % 2 else "root"
        folder = tmp_path / str(trial)
        hit += crash(runner, folder, what, seed=trial, form=form, kills=1 + trial % 3)
        shutil.rmtree(folder)
        trial += 1
    print(f"local: {hit} kills hit a running run, in {trial} trials")
