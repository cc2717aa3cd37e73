"""Work on its way to workers: versions are compared, hooks travel along."""

from __future__ import annotations

import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr

from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline import parcel as parcels
from pangeo_forge.pipeline.environment import environment
from pangeo_forge.pipeline.parcel import Parcel
from pangeo_forge.pipeline.prepare_inputs import InputPreparer
from pangeo_forge.pipeline.scratch import Scratch
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.runs.session import opened_session
from pangeo_forge.runs.settings import RunSettings
from tests.cli.archive import Archive, make_archive

HOOK = """
import os

def warmer(ds):
    return ds.assign(ta=ds.ta + 1).assign_attrs(made_by=str(os.getpid()))
"""


@pytest.fixture
def hooked(tmp_path: Path) -> Archive:
    archive = make_archive(tmp_path, 2)
    hook = {"function": "hooks.py:warmer", "requirements": ["numpy>=2", "xarray"]}
    archive.write_recipe(transforms=[{"python": hook}], combine={"attrs": "first"})
    archive.recipe.with_name("hooks.py").write_text(HOOK)
    return archive


def test_parcel_opens_to_the_same_work_where_the_folder_is_not(hooked: Archive) -> None:
    recipe = load_recipe(hooked.recipe)
    with opened_session(recipe, RunSettings(allow_python=True)) as session:
        session._check_hooks()
        preparer = InputPreparer(session.archive, CombineSettings.from_recipe(recipe))
        packed = pickle.dumps(Parcel.of(preparer, travels=True))
        whole = preparer.prepare(0, 2)
        shutil.rmtree(hooked.recipe.parent)
        again = pickle.loads(packed).opened().prepare(0, 2)
    assert again.failed == ()
    assert again.combination.template().sizes == whole.combination.template().sizes


def test_parcel_names_what_the_hook_lacks_on_the_worker(hooked: Archive) -> None:
    recipe = load_recipe(hooked.recipe)
    with opened_session(recipe, RunSettings(allow_python=True)) as session:
        parcel = Parcel.of(InputPreparer(session.archive, CombineSettings.from_recipe(recipe)), travels=True)
    assert parcel.requirements == ("numpy>=2", "xarray")
    with pytest.raises(BakeryError, match="no-such-package") as caught:
        replace(parcel, requirements=("no-such-package",)).opened()
    assert caught.value.code == "B111"


@pytest.mark.parametrize("damage", ["content", "fingerprint"])
def test_what_cannot_be_opened_is_told(hooked: Archive, damage: str) -> None:
    recipe = load_recipe(hooked.recipe)
    with opened_session(recipe, RunSettings()) as session:
        parcel = Parcel.of(InputPreparer(session.archive, CombineSettings.from_recipe(recipe)), travels=False)
    # A class that this version does not have, as a worker of another version would find.
    odd = {"content": b"cpangeo_forge.pipeline.prepare_inputs\nNoSuchClass\n.", "fingerprint": "0" * 64}
    with pytest.raises(BakeryError) as caught:
        replace(parcel, **{damage: odd[damage]}).opened()
    assert caught.value.code == "B101"
    assert ("NoSuchClass" if damage == "content" else "fingerprint") in caught.value.message


def test_large_work_does_not_burden_the_graph(hooked: Archive, tmp_path: Path) -> None:
    recipe = load_recipe(hooked.recipe)
    depot = Scratch(str(tmp_path / "temp"))
    with opened_session(recipe, RunSettings(allow_python=True)) as session:
        session.recipe.hooks["large.py"] = "# much\n" * 100_000
        work = InputPreparer(session.archive, CombineSettings.from_recipe(recipe))
        parcel = Parcel.of(work, travels=True, depot=depot)
        assert len(pickle.dumps(parcel)) < 5000
        again = pickle.loads(pickle.dumps(parcel)).opened()
        assert again.archive.recipe.hooks == session.recipe.hooks
        # Threads of the driver get it by the graph, which never leaves the process.
        assert Parcel.of(work, travels=False, depot=depot).depot is None
        depot.clear()
        with pytest.raises(BakeryError, match="see the same `temp`") as caught:
            parcel.opened()
    assert caught.value.code == "B101"


@pytest.mark.servers
def test_hook_runs_in_worker_processes(hooked: Archive) -> None:
    done = hooked.run("--mode", "processes", "--workers", 2, "--allow-python")
    assert done.code == 0, done.err
    with xr.open_zarr(hooked.store, chunks=None) as ds:
        assert ds.attrs["made_by"] != str(os.getpid())
        with xr.open_dataset(hooked.files[0], engine="h5netcdf") as raw:
            assert float(ds.ta[0, 0, 0, 0]) == pytest.approx(float(raw.ta[0, 0, 0, 0]) + 1)


def test_other_versions_end_the_run_at_the_first_task(hooked: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcels, "environment", lambda: {**environment(), "zarr": "1.2.3"})
    done = hooked.run("--mode", "processes", "--workers", 1, "--allow-python", "--json")
    assert done.code == 2
    error = done.json["error"]
    assert error["code"] == "B100"
    assert "1.2.3" in error["message"]
    assert "pip install zarr==1.2.3" in error["hint"]
    assert hooked.leftovers == []


def test_missing_requirement_is_found_before_anything_is_fetched(hooked: Archive) -> None:
    hook = {"function": "hooks.py:warmer", "requirements": ["no-such-package>=2"]}
    hooked.write_recipe(
        transforms=[{"python": hook}],
        inputs={"files": ["http://127.0.0.1:9/never.nc"], "concat": {"time": {}}},
    )
    done = hooked.run("--allow-python", "--json")
    assert (done.code, done.json["error"]["code"]) == (2, "B110")
    assert "pip install 'no-such-package>=2'" in done.json["error"]["hint"]


def test_hook_that_may_not_run_is_refused_before_anything_is_fetched(hooked: Archive) -> None:
    hooked.write_recipe(
        transforms=[{"python": "hooks.py:warmer"}],
        inputs={"files": ["http://127.0.0.1:9/never.nc"], "concat": {"time": {}}},
    )
    done = hooked.run("--json")
    assert (done.code, done.json["error"]["code"]) == (1, "R208")
