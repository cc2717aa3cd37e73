"""The same promises on object stores: conditional puts, builds, appends, a store that goes away."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pangeo_forge.errors import PangeoForgeError, TargetError
from pangeo_forge.runs.lease import Lease
from pangeo_forge.runs.place import Place
from pangeo_forge.runs.retention import list_versions, prune_versions, roll_back
from pangeo_forge.targets.conditional import Conflict, put_if, read_tagged
from pangeo_forge.targets.objects import open_objects
from pangeo_forge.verify.checksums import check_checksums
from tests.publish.archive import Daily, expected, read
from tests.publish.conftest import Bucket

pytestmark = pytest.mark.servers


def test_conditional_puts(bucket: Bucket) -> None:
    objects = open_objects(f"{bucket.url}/x", bucket.options)
    assert read_tagged(objects, "k") == (None, None)
    put_if(objects, "k", b"1", None)
    with pytest.raises(Conflict):
        put_if(objects, "k", b"2", None)
    data, tag = read_tagged(objects, "k")
    assert data == b"1"
    put_if(objects, "k", b"2", tag)
    with pytest.raises(Conflict):
        put_if(objects, "k", b"3", tag)
    assert objects.get("k") == b"2"
    objects.delete("k")
    _, gone = read_tagged(objects, "k")
    assert gone is None
    with pytest.raises(Conflict):
        put_if(objects, "k", b"3", tag)


def test_one_of_many_writers_wins(bucket: Bucket) -> None:
    objects = open_objects(f"{bucket.url}/x", bucket.options)

    def take(number: int) -> bool:
        try:
            put_if(objects, "race", str(number).encode(), None)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1


def test_lease(bucket: Bucket) -> None:
    objects = open_objects(f"{bucket.url}/x", bucket.options)
    one = Lease.take(objects, "run-one")
    with pytest.raises(TargetError, match="run-one"):
        Lease.take(objects, "run-two")
    two = Lease.take(objects, "run-two", steal=True)
    assert two.token == one.token + 1
    with pytest.raises(TargetError, match="run-two") as lost:
        one.check()
    assert lost.value.code == "T041"
    two.release()
    Lease.take(objects, "run-three").release()


@pytest.mark.parametrize("form", ["path", "root"])
def test_build_append_and_read(bucket: Bucket, tmp_path: Path, form: str) -> None:
    target = f"{bucket.url}/arco" + ("/x.zarr" if form == "path" else "")
    archive = Daily(tmp_path, target, bucket.options)
    archive.write(range(5))
    first = archive.run()
    assert first.action == "build"
    archive.write(range(8))
    assert archive.run().action == "append"
    assert archive.run().action == "nothing"
    store = Place.of(target, "daily", bucket.options).current()
    assert store is not None
    np.testing.assert_array_equal(read(store, bucket.options)["sst"], expected(range(8)))
    result = check_checksums(store, bucket.options)
    assert result.passed
    assert result.figures["objects"] > 3


def test_versions(bucket: Bucket, tmp_path: Path) -> None:
    archive = Daily(tmp_path, f"{bucket.url}/arco", bucket.options)
    archive.write(range(3))
    archive.run()
    time.sleep(0.002)
    archive.run(rebuild=True)
    place = Place.of(archive.target, "daily", bucket.options)
    newest, oldest = list_versions(place)
    assert newest.is_latest
    assert roll_back(place) == oldest.name
    assert prune_versions(place, 1) == [newest.name]
    assert [v.name for v in list_versions(place)] == [oldest.name]


def test_a_bucket_deleted_under_the_run_is_an_error(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pangeo_forge.runs import build

    monkeypatch.setenv("PANGEO_FORGE_RETRY_PAUSE", "0.01")
    archive = Daily(tmp_path, f"{bucket.url}/arco", bucket.options)
    archive.write(range(4))
    real = build.write_tasks

    def after_deletion(*given: object, **more: object) -> object:
        open_objects(f"{bucket.url}/arco", bucket.options).clear()
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "write_tasks", after_deletion)
    began = time.monotonic()
    with pytest.raises(PangeoForgeError) as caught:
        archive.run()
    assert caught.value.code in ("T012", "T013", "T033", "T041")
    assert time.monotonic() - began < 60
