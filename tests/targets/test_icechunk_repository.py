from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import TargetError
from pangeo_forge.plan import Plan
from pangeo_forge.targets.icechunk_repository import IcechunkTarget
from pangeo_forge.targets.icechunk_storage import open_repository, readable_store, s3_arguments
from pangeo_forge.targets.protocol import Target
from pangeo_forge.targets.zarr import ZarrTarget
from tests.targets.test_zarr import make, values_for


def write_in_parts(target: IcechunkTarget, plan: Plan, values: dict[str, np.ndarray]) -> None:
    """As workers do: each task through a pickled copy of the target, its changes handed back in any order."""
    changes = []
    for task in plan.tasks():
        chunks = pickle.loads(pickle.dumps(target)).chunks
        for item, region in plan.regions(task):
            chunks.write_block(item, region, values[item.name][region])
        changes.append(pickle.loads(pickle.dumps(chunks.handover())))
    for change in reversed(changes):
        target.receive(change)


def build(path: Path, plan: Plan, run: str = "r1", seed: int = 0, **commit: Any) -> None:
    target = IcechunkTarget(str(path), run)
    target.create(plan, overwrite=True)
    write_in_parts(target, plan, values_for(plan, seed))
    target.commit(plan, **commit)


def opened(path: Path, cftime: bool = False) -> xr.Dataset:
    return xr.open_zarr(readable_store(str(path)), consolidated=False, chunks=None).load()


def history(path: Path) -> list[Any]:
    repository = open_repository(str(path))
    assert repository is not None
    return list(repository.ancestry(branch="main"))


def test_is_a_target() -> None:
    assert isinstance(IcechunkTarget("x.icechunk", "r"), Target)


@pytest.mark.parametrize("shards", [None, {"time": 8, "lat": 4}])
def test_holds_what_a_zarr_store_holds(tmp_path: Path, shards: Any) -> None:
    plan = make(shards=shards)
    build(tmp_path / "a.icechunk", plan)
    zarr = ZarrTarget(str(tmp_path / "a.zarr"), "r1")
    zarr.create(plan)
    for task in plan.tasks():
        for item, region in plan.regions(task):
            zarr.write_block(item, region, values_for(plan)[item.name][region])
    zarr.commit(plan)
    expected = xr.open_zarr(tmp_path / "a.zarr", chunks=None).load()
    found = opened(tmp_path / "a.icechunk")
    xr.testing.assert_identical(found, expected)
    for name in expected.variables:
        assert found[name].encoding.get("chunks") == expected[name].encoding.get("chunks")
        assert found[name].dtype == expected[name].dtype


def test_a_run_is_one_commit_that_says_what_made_it(tmp_path: Path) -> None:
    path = tmp_path / "a.icechunk"
    build(path, make(), "r1")
    build(path, make(chunks={"time": 5}), "r2", seed=1)
    second, first, _ = history(path)
    assert (first.metadata["run_id"], second.metadata["run_id"]) == ("r1", "r2")
    assert second.metadata["recipe_id"] == "kinds"
    assert second.metadata["versions"]["icechunk"] == icechunk.__version__
    assert "r2" in second.message
    expected = values_for(make(chunks={"time": 5}), 1)
    np.testing.assert_array_equal(opened(path)["count"].values, expected["count"])


def test_a_rebuild_leaves_nothing_of_the_old_dataset(tmp_path: Path) -> None:
    from dataclasses import replace

    path = tmp_path / "a.icechunk"
    build(path, make())
    plan = make()
    kept = tuple(a for a in plan.arrays if a.name in ("count", "time"))
    smaller = replace(plan, arrays=kept, stages=())
    target = IcechunkTarget(str(path), "r2")
    target.create(smaller, overwrite=True)
    target.commit(smaller)
    found = opened(path)
    assert set(found.variables) == {"count", "time"}
    assert not found["count"].values.any(), "chunks of the array of that name before"


def test_main_is_untouched_until_inspected(tmp_path: Path) -> None:
    path = tmp_path / "a.icechunk"
    build(path, make(), "r1")
    before = opened(path)
    seen = []

    def inspect(store: Any) -> None:
        new = xr.open_zarr(store, consolidated=False, chunks=None).load()
        seen.append(new["count"].identical(before["count"]))
        xr.testing.assert_identical(opened(path), before)
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        build(path, make(), "r2", seed=5, inspect=inspect)
    assert seen == [False]
    xr.testing.assert_identical(opened(path), before)
    assert len(history(path)) == 2


def test_abort_of_a_first_run_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.icechunk"
    target = IcechunkTarget(str(path), "r1")
    target.create(make())
    target.abort()
    assert not path.exists()


def test_abort_of_a_rebuild_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.icechunk"
    build(path, make())
    before = opened(path)
    target = IcechunkTarget(str(path), "r2")
    target.create(make(), overwrite=True)
    target.abort()
    xr.testing.assert_identical(opened(path), before)


def test_one_of_two_runs_at_once_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.icechunk"
    slow, plan = IcechunkTarget(str(path), "slow"), make()
    slow.create(plan)
    write_in_parts(slow, plan, values_for(plan))
    build(path, plan, "fast", seed=3)
    before = opened(path)
    with pytest.raises(TargetError, match="T064"):
        slow.commit(plan)
    slow.abort()
    xr.testing.assert_identical(opened(path), before)


def test_refuses_what_may_not_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.icechunk"
    build(path, make())
    with pytest.raises(TargetError, match="T001"):
        IcechunkTarget(str(path), "r2").create(make())
    other = tmp_path / "b.icechunk"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(TargetError, match="T002"):
        IcechunkTarget(str(other), "r2").create(make(), overwrite=True)
    assert [p.name for p in other.iterdir()] == ["thesis.txt"]


def test_refuses_a_repository_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "a.icechunk"
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(path)))
    session = repository.writable_session("main")
    xr.Dataset({"x": ("t", [1, 2])}).to_zarr(session.store, consolidated=False)
    session.commit("mine")
    with pytest.raises(TargetError, match="T002"):
        IcechunkTarget(str(path), "r").create(make(), overwrite=True)


def test_refuses_zarr_format_2_and_urls_that_it_cannot_use(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="T063"):
        IcechunkTarget(str(tmp_path / "a.icechunk"), "r").create(make(zarr_format=2))
    with pytest.raises(TargetError, match="T061"):
        open_repository("ftp://somewhere/a.icechunk")


def test_reading_what_is_not_there_is_an_error_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="T062"):
        readable_store(str(tmp_path / "none.icechunk"))
    assert list(tmp_path.iterdir()) == []


def test_s3_options_are_those_of_fsspec() -> None:
    given = s3_arguments({"key": "k", "secret": "s", "client_kwargs": {"endpoint_url": "http://127.0.0.1:5000"}})
    assert given["endpoint_url"] == "http://127.0.0.1:5000"
    assert given["allow_http"]
    assert given["force_path_style"]
    asked = given["get_credentials"]()
    assert (asked.access_key_id, asked.secret_access_key) == ("k", "s")
    assert s3_arguments({"anon": True})["anonymous"]
    assert s3_arguments({})["from_env"]


def test_secrets_are_not_shown() -> None:
    target = IcechunkTarget("s3://bucket/a.icechunk", "r", {"key": "AKIA", "secret": "hush"})
    assert "hush" not in repr(target)
    assert "hush" not in target.url
