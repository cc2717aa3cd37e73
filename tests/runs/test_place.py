"""Where stores, versions, pointers and records are put."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from pangeo_forge.runs.place import DEFAULT_ROOT, Place, new_run_id


@pytest.mark.parametrize("ending", [".zarr", ".icechunk", ".parquet", ".json"])
def test_target_with_an_ending_is_the_store(ending: str, tmp_path: Path) -> None:
    place = Place.of(f"{tmp_path}/x{ending}/", "an-id")
    assert place.store == f"{tmp_path}/x{ending}"
    assert place.url_of("v1") == place.store
    assert place.home == f"{tmp_path}/.x{ending}.pangeo-forge"
    assert place.publish("v1", {}) is None


def test_other_targets_are_roots() -> None:
    place = Place.of("gs://bucket/arco/", "an-id")
    assert place.store is None
    assert place.home == "gs://bucket/arco/an-id"
    assert place.url_of("v1") == "gs://bucket/arco/an-id/v1.zarr"
    assert Place.of(None, "an-id").home == f"{DEFAULT_ROOT}/an-id"


def test_records_of_a_remote_store_are_beside_it() -> None:
    assert Place.of("s3://bucket/a/x.zarr", "an-id").home == "s3://bucket/a/.x.zarr.pangeo-forge"


def test_pointer_names_the_version_that_readers_follow(tmp_path: Path) -> None:
    place = Place.of(str(tmp_path), "an-id")
    assert place.latest()[0] is None
    assert place.current() is None
    for version in ("v1", "v2"):
        place.publish(version, {"run": version})
        said = json.loads((tmp_path / "an-id" / "latest.json").read_text())
        assert said == {"store": f"{version}.zarr", "run": version}
        assert place.current() == f"{tmp_path}/an-id/{version}.zarr"


def test_store_is_current_once_it_opens(tmp_path: Path) -> None:
    place = Place.of(f"{tmp_path}/x.zarr", "an-id")
    assert place.current() is None
    (tmp_path / "x.zarr").mkdir()
    assert place.current() is None
    (tmp_path / "x.zarr" / "zarr.json").write_text("{}")
    assert place.current() == f"{tmp_path}/x.zarr"


def test_run_ids_sort_by_time_and_tell_the_recipe() -> None:
    base = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    times = [base + dt.timedelta(milliseconds=n) for n in (0, 5, 999, 1000, 86_400_000)]
    ids = [new_run_id(t, "abcdef0123456789") for t in times]
    assert ids == sorted(set(ids))
    assert all(i.endswith("-abcdef01") for i in ids)
    assert ids[0].startswith("20260102T030405")


def test_options_with_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(Place.of("s3://b/x.zarr", "an-id", {"secret": "hunter2"}))
