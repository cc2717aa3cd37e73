"""Append to Icechunk: one commit a run, of the new chunks only; the policies are those of Zarr stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.pipeline.write_task import TaskReport, TaskWriter
from pangeo_forge.runs.place import Place
from pangeo_forge.targets.icechunk_storage import open_repository
from pangeo_forge.targets.opening import open_dataset
from tests.publish.archive import Daily, expected, read

pytestmark = pytest.mark.slow

SECTION = {"append": "time", "format": "icechunk"}


@pytest.fixture(params=["x.icechunk", pytest.param("arco", marks=pytest.mark.long)])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Daily:
    made = Daily(tmp_path, str(tmp_path / "out" / request.param), target_section=SECTION)
    made.write(range(5))
    return made


def store_of(archive: Daily) -> str:
    store = Place.of(archive.target, "daily", ending=".icechunk").current()
    assert store is not None
    return store


def history(archive: Daily) -> list[Any]:
    repository = open_repository(store_of(archive))
    assert repository is not None
    return list(repository.ancestry(branch="main"))


def code_of(archive: Daily, **given: object) -> str:
    head = history(archive)[0].id
    with pytest.raises(PangeoForgeError) as caught:
        archive.run(archive.recipe(**given))
    assert history(archive)[0].id == head
    return caught.value.code


def test_appends_are_one_commit_each_and_twice_is_once(archive: Daily, tmp_path: Path) -> None:
    assert archive.run().action == "build"
    assert archive.run().action == "nothing"
    for days in ([5], [6, 7, 8, 9]):
        archive.write(days)
        result = archive.run()
        assert result.action == "append"
        assert result.inputs == len(days)
        assert archive.run().action == "nothing"
    runs = [c.metadata.get("run_id") for c in history(archive)]
    assert runs[0] == result.run_id
    assert len(runs) == 4, "an empty first one, a build, two appends"
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(10)))
    at_once = Daily(tmp_path, str(tmp_path / "other" / "y.icechunk"), target_section=SECTION)
    at_once.run()
    wanted, found = (open_dataset(store_of(a), chunks=None).load() for a in (at_once, archive))
    xr.testing.assert_identical(found, wanted)


def test_only_the_new_part_is_written(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.run()
    archive.write([5])
    tasks: list[int] = []
    real = TaskWriter.run

    def noting(self: TaskWriter, number: int, stage: int = 0) -> TaskReport:
        tasks.append(number)
        return real(self, number, stage)

    monkeypatch.setattr(TaskWriter, "run", noting)
    result = archive.run()
    assert result.bytes_written == 8 * 8 * 2 * 3, "the last chunks along time"
    assert tasks == [0]


def test_readers_that_opened_before_keep_their_snapshot(archive: Daily) -> None:
    archive.run()
    before = open_dataset(store_of(archive), decode_cf=False, chunks=None)
    archive.write([5, 6])
    archive.run()
    np.testing.assert_array_equal(before["sst"].values, expected(range(5)))


def test_changed_input(archive: Daily) -> None:
    archive.run()
    archive.write([2], edition=1)
    assert code_of(archive) == "T052"
    assert archive.run(archive.recipe(target={"on_changed": "ignore"})).action == "nothing"
    rewritten = archive.run(archive.recipe(target={"on_changed": "rewrite"}))
    assert rewritten.action == "build"
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(5), {2: 1}))
    archive.write([5])
    assert archive.run().action == "append"
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(6), {2: 1}))


def test_vanished_and_late_inputs(archive: Daily) -> None:
    archive.path(2).unlink()
    archive.run()
    archive.write([2])
    assert code_of(archive) == "T054"
    archive.path(2).unlink()
    archive.path(1).unlink()
    assert code_of(archive) == "T053"


def test_other_recipe_and_other_data_are_refused(archive: Daily) -> None:
    archive.run()
    archive.write([5])
    assert code_of(archive, transforms=[{"drop": ["lat"]}]) == "T051"
    assert code_of(archive, checks=[{"variable": "sst", "max": 0.1}]) == "V001"
    assert archive.run().action == "append"


def test_a_run_that_fails_leaves_main_and_the_next_one_goes_on(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.run()
    archive.write(range(5, 12))
    real = TaskWriter.run

    def broken(self: TaskWriter, number: int, stage: int = 0) -> TaskReport:
        real(self, number, stage)
        raise KeyboardInterrupt

    monkeypatch.setattr(TaskWriter, "run", broken)
    with pytest.raises(KeyboardInterrupt):
        archive.run()
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(5)))
    monkeypatch.setattr(TaskWriter, "run", real)
    assert archive.run().action == "append"
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(12)))
    assert not list((Path(Place.of(archive.target, "daily").home) / "work").rglob("*"))


def test_another_commit_meanwhile_is_not_overwritten(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    from pangeo_forge.runs import append_chunks

    archive.run()
    archive.write([5])
    real = append_chunks.write_tasks

    def robbed(*given: Any, **more: Any) -> Any:
        repository = open_repository(store_of(archive))
        assert repository is not None
        session = repository.writable_session("main")
        import zarr

        zarr.open_group(session.store, mode="a").attrs["note"] = "by hand"
        session.commit("by hand")
        return real(*given, **more)

    monkeypatch.setattr(append_chunks, "write_tasks", robbed)
    with pytest.raises(PangeoForgeError) as caught:
        archive.run()
    assert caught.value.code == "T064"
    assert history(archive)[0].message == "by hand"
    monkeypatch.setattr(append_chunks, "write_tasks", real)
    assert archive.run().action == "append"
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(6)))


def test_a_repository_without_ledger(archive: Daily) -> None:
    import shutil

    archive.run()
    archive.write([5])
    shutil.rmtree(Path(Place.of(archive.target, "daily").home) / "ledger")
    assert code_of(archive) == "T050"
    assert archive.run(rebuild=True).action == "build"
