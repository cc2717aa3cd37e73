"""A run that was stopped goes on where it stopped; what it left behind never becomes part of something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pangeo_forge.errors import InputError, PangeoForgeError, TargetError
from pangeo_forge.pipeline.write_task import TaskReport, TaskWriter
from pangeo_forge.runs.place import Place
from pangeo_forge.runs.workspace import unfinished
from pangeo_forge.targets.zarr import ZarrTarget, exchange
from tests.publish.archive import Daily, expected, read, tree

DAYS = 16


@pytest.fixture(params=["x.zarr", "arco"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Daily:
    made = Daily(tmp_path, str(tmp_path / "out" / request.param), chunks={"time": 2}, memory="770B")
    made.write(range(DAYS))
    return made


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """``tasks(after, error)``: the numbers of tasks that are done from now on; ``error`` is raised instead of one more."""
    real = TaskWriter.run

    def start(after: int | None = None, error: type[BaseException] | BaseException = KeyboardInterrupt) -> list[int]:
        done: list[int] = []

        def run(self: TaskWriter, number: int, stage: int = 0) -> TaskReport:
            if after is not None and len(done) >= after:
                raise error
            report = real(self, number, stage)
            done.append(number)
            return report

        monkeypatch.setattr(TaskWriter, "run", run)
        return done

    return start


def store_of(archive: Daily) -> str:
    store = Place.of(archive.target, "daily").current()
    assert store is not None
    return store


FLAKY = InputError("the connection broke", code="I304")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), FLAKY], ids=["stopped", "flaky"])
def test_finished_tasks_are_not_done_again(
    archive: Daily, tasks: Callable[..., list[int]], error: BaseException
) -> None:
    first = tasks(2, error)
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # Beam may wrap what stops it
        archive.run()
    assert not isinstance(caught.value, AssertionError)
    second = tasks()
    result = archive.run()
    assert len(first) == 2
    assert result.tasks > 3
    assert sorted(first + second) == list(range(result.tasks))
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(DAYS)))
    assert unfinished(Place.of(archive.target, "daily")) == []


def test_resumed_append(archive: Daily, tasks: Callable[..., list[int]]) -> None:
    archive.run()
    archive.write(range(DAYS, DAYS + 15))
    first = tasks(2, FLAKY)
    with pytest.raises(InputError):
        archive.run()
    second = tasks()
    result = archive.run()
    assert result.action == "append"
    assert result.tasks > 3
    assert sorted(first + second) == list(range(result.tasks))
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(DAYS + 15)))


def test_other_inputs_begin_anew(archive: Daily, tasks: Callable[..., list[int]]) -> None:
    tasks(2, FLAKY)
    with pytest.raises(InputError):
        archive.run()
    archive.write([0], edition=1)
    again = tasks()
    result = archive.run()
    assert sorted(again) == list(range(result.tasks))
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(DAYS), {0: 1}))
    assert unfinished(Place.of(archive.target, "daily")) == []


def test_append_that_was_stopped_and_whose_inputs_are_gone(archive: Daily, tasks: Callable[..., list[int]]) -> None:
    archive.write([DAYS])
    archive.run()
    before = tree(store_of(archive))
    late = range(DAYS + 1, DAYS + 16)
    archive.write(late)
    tasks(2, FLAKY)
    with pytest.raises(InputError):
        archive.run()
    assert tree(store_of(archive)) != before
    for day in late:
        archive.path(day).unlink()
    tasks()
    assert archive.run().action == "nothing"
    assert tree(store_of(archive)) == before


def test_killed_between_visible_and_done(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Place.publish

    def dying(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Place, "publish", dying)
    with pytest.raises(KeyboardInterrupt):
        archive.run()
    monkeypatch.setattr(Place, "publish", real)
    assert archive.run().action in ("build", "nothing")
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(DAYS)))
    stores = list(Path(archive.target).rglob("*.zarr")) if archive.target.endswith("arco") else [1]
    assert len(stores) == 1


def test_what_is_wrong_for_good_leaves_nothing(archive: Daily) -> None:
    with pytest.raises(PangeoForgeError) as caught:
        archive.run(archive.recipe(checks=[{"variable": "sst", "max": 0.1}]))
    assert caught.value.code == "V001"
    place = Place.of(archive.target, "daily")
    assert unfinished(place) == []
    assert place.current() is None


def test_store_removed_under_the_run_is_an_error(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    real, seen = TaskWriter.run, []

    def run(self: TaskWriter, number: int, stage: int = 0) -> TaskReport:
        report = real(self, number, stage)
        seen.append(number)
        if len(seen) == 3:
            shutil.rmtree(self.target.chunks.url)
        return report

    monkeypatch.setattr(TaskWriter, "run", run)
    with pytest.raises(TargetError) as caught:
        archive.run()
    assert caught.value.code in ("T012", "T033")
    assert Place.of(archive.target, "daily").current() is None
    monkeypatch.setattr(TaskWriter, "run", real)
    archive.run()
    np.testing.assert_array_equal(read(store_of(archive))["sst"], expected(range(DAYS)))


def test_exchange_has_no_moment_without_either(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    assert exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "x").read_text() == "b"
    assert not exchange(tmp_path / "a", tmp_path / "absent")


def test_mark_of_a_dead_run_is_cleared(tmp_path: Path) -> None:
    from pangeo_forge.targets.objects import open_objects

    place = "memory://dead/x.zarr"
    objects = open_objects(place)
    objects.put(".pangeo-forge-building", b'{"run_id": "dead"}')
    objects.put("a/c/0", b"1")
    ZarrTarget(place, "mine").discard_dead()
    assert list(objects.list()) == []
