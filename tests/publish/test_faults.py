"""Stores that fail for a moment: server errors, slow-down, time-outs, answers lost after a put that was done."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from pangeo_forge.errors import TargetError
from pangeo_forge.runs.lease import Lease
from pangeo_forge.runs.place import Place
from pangeo_forge.targets.conditional import Conflict, put_if, read_tagged
from pangeo_forge.targets.objects import FsspecObjects
from pangeo_forge.targets.retries import TRIES, is_transient, retried
from pangeo_forge.verify.checksums import check_checksums
from tests.publish.archive import Daily, expected, read


class HttpError(OSError):
    """As the clients of object stores raise it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"status {code}")
        self.code = code


class Faulty(MemoryFileSystem):
    """A file system whose requests fail now and then, before or after they were done."""

    protocol = ("faulty",)
    cachable = False
    store: dict[str, Any] = {}  # noqa: RUF012
    pseudo_dirs: list[str] = [""]  # noqa: RUF012
    rng = random.Random(0)
    rate = 0.0
    faults = 0
    requests = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("faulty://", "memory://"))

    def _request(self, done: bool) -> None:
        Faulty.requests += not done
        if Faulty.rng.random() < Faulty.rate:
            Faulty.faults += 1
            raise Faulty.rng.choice(
                [HttpError(500), HttpError(503), HttpError(429), TimeoutError(), ConnectionResetError()]
            )

    def pipe_file(self, path: str, value: bytes, **more: Any) -> None:
        self._request(False)
        super().pipe_file(path, value, **more)
        self._request(True)  # the put was done, its answer is lost

    def cat_file(self, path: str, *given: Any, **more: Any) -> bytes:
        self._request(False)
        return bytes(super().cat_file(path, *given, **more))

    def rm_file(self, path: str) -> None:
        self._request(False)
        super().rm_file(path)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> type[Faulty]:
    fsspec.register_implementation("faulty", Faulty, clobber=True)
    monkeypatch.setenv("PANGEO_FORGE_RETRY_PAUSE", "0.001")
    Faulty.store.clear()
    Faulty.rng, Faulty.rate, Faulty.faults, Faulty.requests = random.Random(1), 0.0, 0, 0
    return Faulty


def test_no_loss_and_no_duplicate(faulty: type[Faulty], tmp_path: Path) -> None:
    archive = Daily(tmp_path, "faulty://bucket/arco", memory="900B")
    archive.write(range(6))
    faulty.rate = 0.08
    archive.run()
    archive.write(range(6, 11))
    archive.run()
    assert archive.run().action == "nothing"
    assert faulty.faults > 5
    faulty.rate = 0.0
    store = Place.of(archive.target, "daily").current()
    assert store is not None
    np.testing.assert_array_equal(read(store, {"use_listings_cache": False})["sst"], expected(range(11)))
    assert check_checksums(store).passed
    clean = Daily(tmp_path, str(tmp_path / "clean"))
    made = Path(clean.run().store)
    theirs = FsspecObjects(store)
    assert {k: theirs.get(k) for k in theirs.list()} == {
        str(p.relative_to(made)): p.read_bytes() for p in made.rglob("*") if p.is_file()
    }


def test_retries_are_bounded(faulty: type[Faulty]) -> None:
    objects = FsspecObjects("faulty://bucket/x")
    faulty.rate = 1.0
    with pytest.raises(TargetError) as caught:
        objects.put("k", b"1")
    assert caught.value.code in ("T012", "T013")
    assert faulty.requests == TRIES


def test_lost_answer_of_a_conditional_put_is_no_conflict(faulty: type[Faulty]) -> None:
    """The put was done, the client sends it again, the store refuses the second: it was ours."""
    objects = FsspecObjects("memory://lost/x")
    objects.put("k", b"ours")
    put_if(objects, "k", b"ours", None)
    with pytest.raises(Conflict):
        put_if(objects, "k", b"theirs", None)


def test_lease_over_a_faulty_store(faulty: type[Faulty]) -> None:
    objects = FsspecObjects("faulty://bucket/home")
    faulty.rate = 0.2
    for number in range(1, 6):
        lease = Lease.take(objects, f"run-{number}")
        lease.check()
        assert lease.token == number
        lease.release()
    faulty.rate = 0.0
    assert read_tagged(objects, "lease.json")[0] is not None


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (HttpError(500), True),
        (HttpError(503), True),
        (HttpError(429), True),
        (HttpError(403), False),
        (HttpError(404), False),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (ValueError(), False),
        (KeyboardInterrupt(), False),
        (TargetError("no", code="T012"), False),
    ],
    ids=repr,
)
def test_what_is_tried_again(error: BaseException, transient: bool) -> None:
    assert is_transient(error) == transient
    tries = 0

    def request() -> None:
        nonlocal tries
        tries += 1
        raise error

    with pytest.raises(type(error)):
        retried(request, pause=0.0)
    assert tries == (TRIES if transient else 1)
