"""What people and programs do to stores, inputs and targets behind our back: an error that says so, or it is mended."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
import zarr
from click.testing import CliRunner

from pangeo_forge.cli import app
from pangeo_forge.errors import PangeoForgeError, TargetError
from pangeo_forge.inputs.fetch import local as fetching
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.runs import local_inputs
from pangeo_forge.runs.place import Place
from tests.publish.archive import Daily, expected, read, tree

pytestmark = pytest.mark.slow


@pytest.fixture
def archive(tmp_path: Path) -> Daily:
    made = Daily(tmp_path, str(tmp_path / "out" / "x.zarr"))
    made.write(range(5))
    made.run()
    return made


def refused(archive: Daily, code: str, **given: object) -> TargetError:
    before = tree(archive.target)
    with pytest.raises(TargetError) as caught:
        archive.run(**given)
    assert caught.value.code == code, str(caught.value)
    assert tree(archive.target) == before
    return caught.value


# -- the store -----------------------------------------------------------------------------------------------------------


def test_consolidated_metadata_that_somebody_removed_are_put_again(archive: Daily) -> None:
    root = Path(archive.target) / "zarr.json"
    document = json.loads(root.read_text())
    whole = document.pop("consolidated_metadata")
    root.write_text(json.dumps(document))
    assert archive.run().action == "nothing"
    assert json.loads(root.read_text())["consolidated_metadata"] == whole
    document = json.loads(root.read_text())
    document.pop("consolidated_metadata")
    root.write_text(json.dumps(document))
    archive.write([5])
    assert archive.run().action == "append"
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(6)))


@pytest.mark.parametrize("zarr_format", [3, pytest.param(2, marks=pytest.mark.long)])
def test_arrays_that_somebody_resized_are_told(tmp_path: Path, zarr_format: int) -> None:
    archive = Daily(tmp_path, str(tmp_path / "x.zarr"), target_section={"append": "time", "zarr_format": zarr_format})
    archive.write(range(5))
    archive.run()
    group = zarr.open_group(archive.target, mode="r+", use_consolidated=False)
    group["sst"].resize((9, 6, 8))  # type: ignore[union-attr]
    zarr.consolidate_metadata(archive.target)
    archive.write([5])
    assert "sst" in str(refused(archive, "T035"))
    assert archive.run(rebuild=True).action == "build"


def test_arrays_that_somebody_added_or_removed_are_told(archive: Daily) -> None:
    group = zarr.open_group(archive.target, mode="r+", use_consolidated=False)
    group.create_array("mine", shape=(3,), dtype="i4")
    zarr.consolidate_metadata(archive.target)
    archive.write([5])
    assert "mine is not known" in str(refused(archive, "T035"))
    del group["mine"]
    del group["lat"]
    zarr.consolidate_metadata(archive.target)
    assert "lat is gone" in str(refused(archive, "T035"))


def test_own_metadata_of_an_array_follow_what_readers_see(archive: Daily) -> None:
    """A run that died, or somebody who resized without consolidating: readers saw nothing of it."""
    zarr.open_group(archive.target, mode="r+", use_consolidated=False)["sst"].resize((9, 6, 8))  # type: ignore[union-attr]
    assert archive.run().action == "nothing"
    assert zarr.open_group(archive.target, mode="r", use_consolidated=False)["sst"].shape == (5, 6, 8)  # type: ignore[union-attr]


def test_a_foreign_store_is_told_at_once(tmp_path: Path) -> None:
    archive = Daily(tmp_path, str(tmp_path / "x.zarr"))
    archive.write(range(2))
    zarr.create_group(archive.target)
    for given in ({}, {"overwrite": True}, {"rebuild": True}):
        refused(archive, "T002", **given)


@pytest.mark.long
def test_commits_of_others_to_a_repository_are_told(tmp_path: Path) -> None:
    from pangeo_forge.targets.icechunk_storage import open_repository

    archive = Daily(tmp_path, str(tmp_path / "x.icechunk"), target_section={"append": "time", "format": "icechunk"})
    archive.write(range(3))
    archive.run()
    repository = open_repository(archive.target)
    assert repository is not None
    session = repository.writable_session("main")
    zarr.open_group(session.store, mode="r+")["sst"].resize((9, 6, 8))  # type: ignore[union-attr]
    session.commit("by hand")
    archive.write([3])
    with pytest.raises(TargetError, match=r"sst changed.*T035"):
        archive.run()


# -- inputs --------------------------------------------------------------------------------------------------------------


def test_an_input_replaced_by_one_of_the_same_size_and_date_is_seen(archive: Daily) -> None:
    path = archive.path(2)
    before = path.stat()
    archive.write([2], edition=1)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    refused(archive, "T052")


def test_inputs_that_were_moved_are_read_once(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    read_again: list[str] = []

    def noting(path: str) -> str:
        read_again.append(path)
        return fetching.file_digest(path)

    monkeypatch.setattr(local_inputs, "file_digest", noting)
    os.chmod(archive.path(2), 0o600)
    for _ in range(2):
        assert archive.run().action == "nothing"
    assert read_again == [str(archive.path(2))]


def test_an_input_that_vanished_while_it_was_asked_for(archive: Daily) -> None:
    archive.path(3).unlink()
    archive.path(3).symlink_to(archive.path(99))
    refused(archive, "T053")


# -- the target ----------------------------------------------------------------------------------------------------------


def test_the_target_is_no_input(archive: Daily) -> None:
    taken = Daily(archive.folder, str(archive.path(1).with_suffix(".zarr")))
    # Beside inputs it may lie, in one it may not.
    assert taken.run().action == "build"
    taken.recipe()
    path = taken.folder / "daily" / "recipe.yaml"
    document = yaml.safe_load(path.read_text())
    document["inputs"] = {"files": [taken.target], "concat": {"time": {}}}
    path.write_text(yaml.safe_dump(document))
    recipe = load_recipe(str(path))
    with pytest.raises(TargetError, match="T036"):
        taken.run(recipe, overwrite=True)
    within = Daily(archive.folder, f"{taken.target}/y.zarr")
    with pytest.raises(TargetError, match="T036"):
        within.run(recipe)


def test_a_link_to_a_target_is_followed(tmp_path: Path) -> None:
    real = tmp_path / "disk" / "real.zarr"
    real.parent.mkdir()
    link = tmp_path / "x.zarr"
    link.symlink_to(real)
    archive = Daily(tmp_path, str(link))
    archive.write(range(3))
    for days in ([], [3], None):
        archive.write(days or [])
        archive.run(rebuild=days is None)
    assert link.is_symlink()
    assert real.is_dir()
    np.testing.assert_array_equal(read(str(link))["sst"], expected(range(4)))
    assert Place.of(str(link), "daily").home == str(tmp_path / "disk" / ".real.zarr.pangeo-forge")


def test_names_in_any_script_and_large_attributes(tmp_path: Path) -> None:
    archive = Daily(tmp_path, str(tmp_path / "été 海 #1%20" / "x.zarr"))
    archive.write(range(3))
    recipe = archive.recipe(
        target={"attrs": {"set": {"history": "ж" * 200_000, "größe": [1.5] * 1000, "note": "\ud800"[:0] + "a\u0000b"}}}
    )
    assert archive.run(recipe).action == "build"
    archive.write([3])
    assert archive.run(recipe).action == "append"
    assert len(zarr.open_group(archive.target, mode="r").attrs["history"]) == 200_000  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["nothing.zarr", "nothing.icechunk", "nothing.parquet", "nothing"])
def test_status_of_what_is_not_there_is_a_usage_error(tmp_path: Path, name: str) -> None:
    result = CliRunner().invoke(app, ["status", str(tmp_path / name)])
    assert result.exit_code == 2
    assert not any(tmp_path.iterdir())


def test_a_full_disk_keeps_what_is_done(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from pangeo_forge.targets.objects import LocalObjects, write_error

    archive.write([5, 6])
    real, count = LocalObjects.put, 0

    def full(objects: LocalObjects, key: str, data: bytes) -> None:
        nonlocal count
        count += "/c/" in key
        if count > 1:
            raise write_error(OSError(errno.ENOSPC, "No space left on device"), objects.url, len(data))
        real(objects, key, data)

    with monkeypatch.context() as patch:
        patch.setattr(LocalObjects, "put", full)
        with pytest.raises(PangeoForgeError, match="T010"):
            archive.run()
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(5)))
    assert archive.run().action == "append"
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(7)))
