"""kill -9 anywhere, run again, on object stores: the store is that of an uninterrupted run on a local disk."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from pangeo_forge.runs.place import Place
from pangeo_forge.targets.icechunk_storage import open_repository
from pangeo_forge.targets.objects import open_objects
from pangeo_forge.targets.opening import open_dataset
from tests.publish.archive import Daily, expected
from tests.publish.conftest import Bucket, s3_bucket
from tests.publish.killing import Zygote, kill_at_random, zygote

pytestmark = [pytest.mark.servers, pytest.mark.timeout(7200)]
KILLS = int(os.environ.get("PANGEO_FORGE_KILLS", "3"))
REFERENCE = {"append": "time", "format": "reference", "chunks": "auto"}
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "zarr": ("", {"append": "time"}),
    "icechunk": (".icechunk", {"append": "time", "format": "icechunk"}),
    "parquet": (".parquet", REFERENCE),
    "json": (".json", {**REFERENCE, "reference": {"format": "json"}}),
}
"""Ending of the target (none: a root that keeps versions) and what the recipe says of it. References as Parquet are rebuilt below
a root: at a path of their own on an object store there is a time without them."""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    with zygote(tmp_path_factory.mktemp("zygote")) as found:
        yield found


def test_killed(bucket: Bucket, runner: Zygote, tmp_path: Path) -> None:
    """``PANGEO_FORGE_KILLS`` moments on each store (default 3)."""
    kill_many(Trials(bucket, runner, "zarr"), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("form", ["icechunk", "parquet", "json"])
def test_killed_in_other_formats(s3_endpoint: str, runner: Zygote, tmp_path: Path, form: str) -> None:
    """The same in other formats, value for value. Icechunk cannot talk to the emulator of GCS."""
    kill_many(Trials(s3_bucket(s3_endpoint), runner, form), tmp_path)


@dataclass(frozen=True)
class Trials:
    """Histories of one format in one bucket."""

    bucket: Bucket
    runner: Zygote
    form: str
    spans: dict[str, float] = field(default_factory=dict)
    """How long a run of each kind takes here today: moments are drawn from all of it."""

    def run(self, archive: Daily, **given: Any) -> None:
        """A run that nobody kills."""
        assert self.runner.run(archive, **given) == 0, self.runner.log.read_text()[-3000:]

    def archive(self, folder: Path, url: str, options: dict[str, Any], what: str) -> Daily:
        """The folder's files, for a target."""
        ending, section = FORMS[self.form]
        if (self.form, what) == ("parquet", "rebuild"):
            ending = ""
        return Daily(folder, url + ending, options, target_section=section)

    def prepared(self, folder: Path, name: str, what: str) -> Daily:
        """The dataset before the run that is killed."""
        archive = self.archive(folder, f"{self.bucket.url}/{name}", self.bucket.options, what)
        archive.write(range(7))
        if what != "build":
            self.run(archive)
        archive.write(range(7, 10 if what == "append" else 7))
        archive.write([2] if what == "rebuild" else [], edition=1)
        return archive

    def crash(self, folder: Path, what: str, seed: int, kills: int) -> int:
        """One history; how many kills hit a running run."""
        given = {"rebuild": True} if what == "rebuild" else {}
        if what not in self.spans:
            whole = self.prepared(folder, f"whole{seed}", what)
            began = time.perf_counter()
            self.run(whole, **given)
            self.spans[what] = 1.1 * (time.perf_counter() - began)
            shutil.rmtree(folder)
        archive = self.prepared(folder, f"t{seed}", what)
        twin = self.archive(folder, str(folder / "twin"), {}, what)
        self.run(twin)
        old = None if what == "build" else expected(range(7))
        new = expected(range(10 if what == "append" else 7), {2: 1} if what == "rebuild" else {})

        def check() -> None:
            self.compare(archive, twin, what)

        return kill_at_random(
            self.runner, archive, given, self.spans[what], random.Random(seed), check, [old, new], kills
        )

    def compare(self, archive: Daily, twin: Daily, what: str) -> None:
        """The store that was killed is that of the run that was not; nothing unfinished is left."""
        ending = ".parquet" if self.form == "parquet" else ".zarr"
        places = [Place.of(a.target, "daily", a.storage_options, ending) for a in (archive, twin)]
        (one, two) = (place.current() for place in places)
        assert one is not None
        assert two is not None
        options = self.bucket.options
        assert not [key for key in places[0].objects.list() if key.startswith("work/")]
        if self.form == "zarr":
            assert objects_of(one, options) == objects_of(two, {})
            return
        found, wanted = (
            open_dataset(url, o, decode_cf=False, chunks=None).load() for url, o in ((one, options), (two, {}))
        )
        xr.testing.assert_identical(found, wanted)
        if self.form == "icechunk":
            repository = open_repository(one, options)
            assert repository is not None
            commits = len(list(repository.ancestry(branch="main")))
            # The first snapshot, the build, and what was killed; a rebuild that dies after its commit is done again.
            least = {"build": 2, "append": 3, "rebuild": 3}[what]
            assert commits == least or (what == "rebuild" and commits > least)


def objects_of(url: str, options: dict[str, object]) -> dict[str, bytes | None]:
    """All objects of a store."""
    objects = open_objects(url, options)
    return {key: objects.get(key) for key in objects.list()}


def kill_many(trials: Trials, folder: Path) -> None:
    """Build, append and rebuild in turn until as many kills as are wanted have hit a running run."""
    hit = trial = 0
    began = time.perf_counter()
    while hit < KILLS:
        what = ("build", "append", "rebuild")[trial % 3]
        kills = min(KILLS - hit, 1 + trial % 3)
        hit += trials.crash(folder / str(trial), what, trial, kills)
        shutil.rmtree(folder / str(trial))
        trial += 1
    seconds = time.perf_counter() - began
    print(f"{trials.form} on {trials.bucket.kind}: {hit} kills in {trial} histories, {seconds:.0f} s")
