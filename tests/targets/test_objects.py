from __future__ import annotations

import errno
import os
import pickle
import uuid
from pathlib import Path

import pytest

from pangeo_forge.errors import TargetError
from pangeo_forge.targets.objects import WRITING, FsspecObjects, LocalObjects, ObjectStore, open_objects, write_error


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    url = str(tmp_path / "root") if request.param == "local" else f"memory://{uuid.uuid4().hex}/root"
    return open_objects(url)


def test_put_get_list_delete_clear(store: ObjectStore) -> None:
    assert store.get("a/b") is None
    assert list(store.list()) == []
    assert store.is_empty()
    store.delete("a/b")
    store.put("a/b", b"one")
    store.put("a/c/0", memoryview(b"two"))
    store.put("z", b"")
    store.put("a/b", b"three")
    assert store.get("a/b") == b"three"
    assert store.get("z") == b""
    assert store.exists("a/c/0")
    assert not store.is_empty()
    assert not store.exists("a/c/1")
    assert sorted(store.list()) == ["a/b", "a/c/0", "z"]
    assert sorted(store.list("a")) == ["a/b", "a/c/0"]
    store.delete("a/b")
    assert not store.exists("a/b")
    store.clear()
    assert list(store.list()) == []


def test_stores_are_picklable(store: ObjectStore) -> None:
    store.put("k", b"v")
    assert pickle.loads(pickle.dumps(store)).get("k") == b"v"


def test_url_and_repr_hold_no_secret() -> None:
    store = FsspecObjects("s3://user:word@bucket/x", {"secret": "hidden"})
    assert store.url == "s3://bucket/x"
    assert "word" not in repr(store)
    assert "hidden" not in repr(store)


def test_a_failed_local_put_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalObjects(tmp_path)
    store.put("a", b"old")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(TargetError, match=r"the disk is full: .* free, the next object needs 3 B.*T010"):
        store.put("a", b"new")
    monkeypatch.undo()
    assert store.get("a") == b"old"
    assert os.listdir(tmp_path / WRITING) == []
    store.settle()
    assert not (tmp_path / WRITING).exists()


def test_a_really_full_disk() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    with open("/dev/full", "wb", buffering=0) as file, pytest.raises(OSError) as error:  # noqa: PT011
        file.write(b"x")
    assert write_error(error.value, "/data", 5).code == "T010"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_permission_denied(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(TargetError, match="T011"):
        LocalObjects(tmp_path / "x").put("a", b"1")


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, "T011"), (errno.EROFS, "T011"), (errno.EIO, "T012")])
def test_write_errors_have_codes(number: int, code: str) -> None:
    error = write_error(OSError(number, os.strerror(number)), "/x", 1)
    assert (error.code, error.where) == (code, "/x")
    assert error.hint


def test_unknown_protocol() -> None:
    with pytest.raises(TargetError, match="T012"):
        open_objects("nosuch://bucket/x").get("a")
