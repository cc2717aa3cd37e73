"""What workers do, without Beam: prepare ranges of inputs, do write tasks; twice is the same as once."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.dataset.archive import Archive as Inputs
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.pipeline.prepare_inputs import InputPreparer, is_absent
from pangeo_forge.pipeline.write_task import TaskReport, TaskWriter
from pangeo_forge.plan import Resources, make_plan
from pangeo_forge.progress import Recorder, channel
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.runs.session import opened_session
from pangeo_forge.runs.settings import RunSettings
from pangeo_forge.targets.protocol import Written
from pangeo_forge.targets.zarr import ZarrTarget
from tests.cli.archive import Archive, make_archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return make_archive(tmp_path_factory.mktemp("archive"), 4)


@contextmanager
def _preparer(archive: Archive, tell: str = "") -> Iterator[InputPreparer]:
    recipe = load_recipe(archive.recipe)
    with opened_session(recipe, RunSettings()) as session:
        inputs = replace(session.archive, channel=tell) if tell else session.archive
        yield InputPreparer(inputs, CombineSettings.from_recipe(recipe))


# -- prepare ---------------------------------------------------------------------------------------------------------


def test_ranges_prepared_apart_are_the_whole(archive: Archive) -> None:
    with _preparer(archive) as preparer:
        whole = preparer.prepare(0, 4)
        apart = preparer.empty()
        for start, stop in ((2, 4), (0, 1), (1, 2)):
            apart = apart.merge(preparer.prepare(start, stop))
    assert apart.nbytes == whole.nbytes == sum(p.stat().st_size for p in archive.files)
    assert sorted(e.index for e in apart.ledger) == [(0,), (1,), (2,), (3,)]
    one, other = whole.combination.template(), apart.combination.template()
    assert dict(one.sizes) == dict(other.sizes)
    np.testing.assert_array_equal(one.array("time").values, other.array("time").values)


def test_ledger_knows_the_state_of_inputs(archive: Archive) -> None:
    with _preparer(archive) as preparer:
        [entry] = preparer.prepare(1, 2).ledger
    assert entry.url.endswith(archive.files[1].name)
    assert entry.size == archive.files[1].stat().st_size
    assert entry.last_modified


def test_preparer_is_picklable(archive: Archive) -> None:
    with _preparer(archive) as preparer:
        again = pickle.loads(pickle.dumps(preparer))
        assert again.prepare(0, 1).nbytes == preparer.prepare(0, 1).nbytes


def test_failures_do_not_stop_the_others(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, 4)
    archive.write_recipe(
        inputs={"files": [f"../in/{p.name}" for p in archive.files] + ["../in/never.nc"], "concat": {"time": {}}}
    )
    archive.files[1].write_bytes(b"")
    told = Recorder()
    with channel(told) as name, _preparer(archive, name) as preparer:
        found = preparer.prepare(0, 5)
    assert [f.index for f in found.failed] == [(1,), (4,)]
    assert [(f.error.code, f.absent, is_absent(f.error)) for f in found.failed] == [
        ("I102", False, False),
        ("I301", True, True),
    ]
    assert len(found.ledger) == 3
    assert told.done["inputs"] == 5


# -- write -----------------------------------------------------------------------------------------------------------


@contextmanager
def _writer(archive: Archive, place: Path) -> Iterator[TaskWriter]:
    recipe = load_recipe(archive.recipe)
    with _preparer(archive) as preparer:
        inputs: Inputs = preparer.archive
        template = preparer.prepare(0, 4).combination.template()
        resources = Resources(max_memory=10**8, concurrency=1, threads=1, workers=1)
        plan = make_plan(template, recipe.target, resources=resources, recipe={"id": recipe.id})
        target = ZarrTarget(str(place), "run", threads=1)
        target.create(plan)
        yield TaskWriter(plan, template, inputs, target)


def _files(place: Path) -> dict[str, bytes]:
    return {str(p.relative_to(place)): p.read_bytes() for p in place.rglob("*") if p.is_file()}


def test_tasks_write_the_store_in_any_order_and_twice(archive: Archive, tmp_path: Path) -> None:
    with _writer(archive, tmp_path / "x.zarr") as writer:
        again = pickle.loads(pickle.dumps(writer))
        numbers = list(range(writer.plan.n_tasks(0)))
        total = TaskReport()
        for number in reversed(numbers):
            total = total.merge(again.run(number))
        building = Path(writer.target.building_url)
        once = _files(building)
        assert [p for p in tmp_path.iterdir() if not p.name.startswith(".")] == []
        for number in numbers:
            writer.run(number)
        assert _files(building) == once
        writer.target.commit(writer.plan)
    assert total.tasks == len(numbers)
    assert total.written.chunks >= 8
    coder = xr.coders.CFDatetimeCoder(use_cftime=True)
    parts = [xr.open_dataset(p, engine="h5netcdf", decode_times=coder).ta.values for p in archive.files]
    with xr.open_zarr(tmp_path / "x.zarr", chunks=None) as ds:
        np.testing.assert_array_equal(ds.ta.values, np.concatenate(parts))


def test_reports_add_up() -> None:
    one = TaskReport(1, 2, 30, Written(1, 0, 8, 4), 0.5)
    assert one.merge(one) == TaskReport(2, 4, 60, Written(2, 0, 16, 8), 1.0)
    assert one.merge(TaskReport()) == one
