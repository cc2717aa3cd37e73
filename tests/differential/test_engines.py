"""The same store from every engine as from one thread of this process; the same errors, too.

"Works locally, fails in the cloud" must be impossible: all engines get the same plan, and must write the same bytes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pangeo_forge.errors import CombineError, InputError
from pangeo_forge.recipe.bakery import NamedBakery
from tests.targets.referring import oisst_like, write_recipe

from .engines import ENGINES
from .test_local import NAMES, store_of
from .works import Work, assert_same_store, make_works

pytestmark = pytest.mark.servers
POOL = {"grib", "two-pass", "reference", "icechunk"}


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Work]:
    return make_works(tmp_path_factory.mktemp("works"))


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Stores made in one thread, as they are asked for."""
    return {"": tmp_path_factory.mktemp("single")}


@pytest.fixture(scope="module", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[NamedBakery]:
    """One engine after the other, each started once."""
    with ENGINES[request.param]() as made:
        yield made


@pytest.mark.parametrize("name", NAMES)
def test_store_is_the_same(
    engine: NamedBakery, name: str, works: Sequence[Work], wanted: dict[str, Path], tmp_path: Path
) -> None:
    if engine.name == "pool" and name not in POOL:
        pytest.skip("each pipeline starts processes; a few works show what that changes")
    work = next(w for w in works if w.name == name)
    assert_same_store(work.run(engine, tmp_path), store_of(work, wanted))


def test_an_error_of_an_input_is_told_as_locally(engine: NamedBakery, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    oisst_like(tmp_path / "in", 3)[1].write_bytes(b"CDF\x01 and then nothing")
    work = Work("broken", str(write_recipe(tmp_path, id="made-here", **_plain())))
    with pytest.raises(InputError) as caught:
        work.run(engine, tmp_path / "out")
    assert caught.value.code.startswith("I")
    assert "03.nc" in str(caught.value.where)
    assert not (tmp_path / "out" / "broken.zarr").exists()


def test_inputs_that_disagree_are_told_as_locally(engine: NamedBakery, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = oisst_like(tmp_path / "in", 3)[2]
    # In a process of its own: the file is open in no cache of this one.
    change = "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); f['lat'][3] = 5.5; f.close()"
    subprocess.run([sys.executable, "-c", change, str(path)], check=True)
    work = Work("odd", str(write_recipe(tmp_path, id="made-here", **_plain())))
    with pytest.raises(CombineError) as caught:
        work.run(engine, tmp_path / "out")
    assert "04.nc" in str(caught.value)
    assert caught.value.hint


def _plain() -> dict[str, object]:
    return {"inputs": {"glob": "in/*.nc", "concat": {"time": {}}}, "target": {"chunks": {"time": 2}}}
