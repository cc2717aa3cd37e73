"""Icechunk and references on an object store, with real requests to an emulator of S3."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from pangeo_forge.errors import TargetError
from pangeo_forge.targets.icechunk_repository import IcechunkTarget
from pangeo_forge.targets.icechunk_storage import open_repository, readable_store
from pangeo_forge.targets.opening import open_dataset
from pangeo_forge.targets.reference import ReferenceTarget
from tests.publish.conftest import Bucket, s3_bucket, s3_endpoint  # noqa: F401
from tests.targets.referring import assert_same, expected, oisst_like, refer, write_recipe
from tests.targets.test_icechunk_repository import write_in_parts
from tests.targets.test_zarr import make, values_for

pytestmark = pytest.mark.servers


@pytest.fixture
def bucket(s3_endpoint: str) -> Bucket:  # noqa: F811
    return s3_bucket(s3_endpoint)


def built(bucket: Bucket, run: str, seed: int = 0) -> IcechunkTarget:
    """A target that is ready to be committed."""
    target, plan = IcechunkTarget(f"{bucket.url}/a.icechunk", run, bucket.options), make()
    target.create(plan, overwrite=True)
    write_in_parts(target, plan, values_for(plan, seed))
    return target


def history(bucket: Bucket) -> list[Any]:
    repository = open_repository(f"{bucket.url}/a.icechunk", bucket.options)
    assert repository is not None
    return list(repository.ancestry(branch="main"))


def test_build_and_rebuild(bucket: Bucket) -> None:
    for number, run in enumerate(("r1", "r2")):
        built(bucket, run, number).commit(make())
        found = xr.open_zarr(
            readable_store(f"{bucket.url}/a.icechunk", bucket.options), consolidated=False, chunks=None
        )
        assert (found["count"].values == values_for(make(), number)["count"]).all()
    assert [s.metadata.get("run_id") for s in history(bucket)] == ["r2", "r1", None]


def test_of_runs_that_commit_at_once_one_wins(bucket: Bucket) -> None:
    built(bucket, "first").commit(make())
    targets = [built(bucket, f"run{i}", i) for i in range(4)]
    outcomes: dict[str, str] = {}
    gate = threading.Barrier(len(targets))

    def commit(target: IcechunkTarget) -> None:
        gate.wait()
        try:
            target.commit(make())
            outcomes[target.run_id] = "done"
        except TargetError as error:
            outcomes[target.run_id] = error.code

    threads = [threading.Thread(target=commit, args=(t,)) for t in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [run for run, outcome in outcomes.items() if outcome == "done"]
    assert len(winners) == 1
    assert set(outcomes.values()) == {"done", "T064"}
    assert [s.metadata.get("run_id") for s in history(bucket)] == [winners[0], "first", None]


def test_abort_of_a_first_run_leaves_an_empty_prefix(bucket: Bucket) -> None:
    from pangeo_forge.targets.objects import open_objects

    built(bucket, "r1").abort()
    assert open_objects(f"{bucket.url}/a.icechunk", bucket.options).is_empty()


@pytest.mark.parametrize("form", ["json", "parquet", "icechunk"])
def test_references_to_inputs_in_a_bucket(bucket: Bucket, tmp_path: Path, form: str) -> None:
    import s3fs

    data, folder = tmp_path / "data", tmp_path / "series"
    data.mkdir()
    folder.mkdir()
    paths = oisst_like(data)
    files = s3fs.S3FileSystem(**bucket.options)
    for path in paths:
        files.pipe_file(f"{bucket.url}/in/{path.name}", path.read_bytes(), ACL="public-read")
    options = {"endpoint_url": bucket.options["endpoint_url"], "anon": True}
    recipe = write_recipe(
        folder,
        inputs={"files": [f"{bucket.url}/in/{p.name}" for p in paths], "concat": {"time": {}}},
        fetch={"storage_options": options},
        target={"format": "reference", "reference": {"format": form}},
    )
    place = refer(recipe, cache=tmp_path / "cache")
    assert_same(open_dataset(str(place), input_options=options).load(), expected(paths))


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_references_kept_in_a_bucket(
    bucket: Bucket, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    paths = oisst_like(folder)
    address = f"{bucket.url}/refs/made.{form}"
    original = ReferenceTarget.__init__

    def on_s3(self: ReferenceTarget, _: str, run_id: str, *more: Any, **given: Any) -> None:
        original(self, address, run_id, bucket.options, *more[1:], **given)

    monkeypatch.setattr(ReferenceTarget, "__init__", on_s3)
    recipe = write_recipe(folder, target={"format": "reference", "reference": {"format": form}})
    refer(recipe)
    assert_same(open_dataset(address, bucket.options).load(), expected(paths))
    with pytest.raises(TargetError, match="T001"):
        refer(recipe)
