"""The same store from threads and processes of this machine as from one thread: a few works on every push, all with the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pangeo_forge.recipe.bakery import NamedBakery

from .works import Work, assert_same_store, bakery, make_works

pytestmark = pytest.mark.slow

SINGLE = bakery("single", runner="local", options={"mode": "single"}, workers=1)
THREADS = bakery("threads", runner="local", workers=2)
PROCESSES = bakery("processes", runner="local", options={"mode": "processes"}, workers=2)
NAMES = ["merge", "grib", "netcdf3", "append", "two-pass", "skip", "reference", "icechunk"]
EVERY_PUSH = {("threads", "append"), ("threads", "two-pass")}
"""Processes take seconds to start."""


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Work]:
    return make_works(tmp_path_factory.mktemp("works"))


@pytest.fixture(scope="module")
def wanted(works: Sequence[Work], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Stores made in one thread, as they are asked for."""
    return {"": tmp_path_factory.mktemp("single")}


def store_of(work: Work, wanted: dict[str, Path]) -> Path:
    if work.name not in wanted:
        wanted[work.name] = work.run(SINGLE, wanted[""])
    return wanted[work.name]


CASES = [
    pytest.param(
        where, name, id=f"{where.name}-{name}", marks=() if (where.name, name) in EVERY_PUSH else pytest.mark.servers
    )
    for where in (THREADS, PROCESSES)
    for name in NAMES
]


@pytest.mark.parametrize(("where", "name"), CASES)
def test_store_is_the_same(
    where: NamedBakery, name: str, works: Sequence[Work], wanted: dict[str, Path], tmp_path: Path
) -> None:
    work = next(w for w in works if w.name == name)
    assert_same_store(work.run(where, tmp_path), store_of(work, wanted))
