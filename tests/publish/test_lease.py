"""One run at a time; the second says who holds it; a dead holder blocks nobody; a deposed one publishes nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pangeo_forge.errors import TargetError
from pangeo_forge.runs.lease import KEY, Holder, Lease, held, read_holder
from pangeo_forge.runs.place import Place
from pangeo_forge.targets.conditional import Conflict, put_if, read_tagged
from pangeo_forge.targets.objects import FsspecObjects, LocalObjects, ObjectStore
from tests.publish.archive import Daily


@pytest.fixture(params=["local", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return LocalObjects(tmp_path / "home")
    return FsspecObjects(f"memory://lease{tmp_path.name}")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_conditional_put(objects: ObjectStore) -> None:
    assert read_tagged(objects, "k") == (None, None)
    put_if(objects, "k", b"1", None)
    put_if(objects, "k", b"1", None)  # the echo of our own put is no conflict
    with pytest.raises(Conflict):
        put_if(objects, "k", b"2", None)
    _, tag = read_tagged(objects, "k")
    put_if(objects, "k", b"2", tag)
    with pytest.raises(Conflict):
        put_if(objects, "k", b"3", tag)
    assert objects.get("k") == b"2"


def test_one_of_many_wins(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)

    def add(_: int) -> None:
        while True:
            data, tag = read_tagged(objects, "n")
            try:
                # Distinct bytes: equal ones would be taken for an echo.
                return put_if(objects, "n", f"{int((data or b'0').split()[0]) + 1} {os.urandom(8).hex()}".encode(), tag)
            except Conflict:
                continue

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(100)))
    assert (objects.get("n") or b"").split()[0] == b"100"


def test_second_run_says_who(objects: ObjectStore) -> None:
    with held(objects, "first"), pytest.raises(TargetError) as caught:
        Lease.take(objects, "second")
    assert caught.value.code == "T040"
    for part in ("first", socket.gethostname(), str(os.getpid()), "until", "--steal-lease"):
        assert part in str(caught.value)
    with held(objects, "second") as lease:
        assert lease.token == 2


def test_expired_lease_is_free(objects: ObjectStore) -> None:
    clock = Clock()
    one = Lease.take(objects, "one", seconds=10, clock=clock)
    clock.now += 9
    one.check()
    clock.now += 9
    with pytest.raises(TargetError):
        Lease.take(objects, "two", seconds=10, clock=clock)
    clock.now += 2
    two = Lease.take(objects, "two", seconds=10, clock=clock)
    assert two.token > one.token
    with pytest.raises(TargetError) as caught:
        one.check()
    assert caught.value.code == "T041"
    two.check()


def test_heartbeat_renews(tmp_path: Path) -> None:
    import time

    objects = LocalObjects(tmp_path)
    with held(objects, "one", seconds=0.6):
        time.sleep(1.0)
        with pytest.raises(TargetError):
            Lease.take(objects, "two")


def test_lease_of_a_dead_process_is_free(objects: ObjectStore) -> None:
    Lease.take(objects, "dead")
    holder, tag = read_holder(objects)
    assert holder is not None
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    put_if(objects, KEY, replace(holder, pid=child.pid).to_bytes(), tag)
    Lease.take(objects, "next").release()


def test_lease_of_another_process_with_the_same_number_is_free(objects: ObjectStore) -> None:
    Lease.take(objects, "dead")
    holder, tag = read_holder(objects)
    assert holder is not None
    put_if(objects, KEY, replace(holder, born=1.0).to_bytes(), tag)
    Lease.take(objects, "next").release()


def test_lease_of_another_machine_holds(objects: ObjectStore) -> None:
    Lease.take(objects, "far")
    holder, tag = read_holder(objects)
    assert holder is not None
    put_if(objects, KEY, replace(holder, machine="elsewhere", pid=1, host="far-away").to_bytes(), tag)
    with pytest.raises(TargetError, match="far-away"):
        Lease.take(objects, "next")
    Lease.take(objects, "next", steal=True).release()


def test_lease_of_another_version_can_only_be_stolen(objects: ObjectStore) -> None:
    objects.put(KEY, b'{"who": "knows"}')
    with pytest.raises(TargetError):
        Lease.take(objects, "next")
    Lease.take(objects, "next", steal=True).release()


def test_run_that_lost_its_lease_publishes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pangeo_forge.runs import build

    archive = Daily(tmp_path, str(tmp_path / "arco"))
    archive.write(range(3))
    place = Place.of(archive.target, "daily")
    real = build.write_tasks

    def robbed(*given: object, **more: object) -> object:
        Lease.take(place.objects, "thief", steal=True)
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "write_tasks", robbed)
    with pytest.raises(TargetError) as caught:
        archive.run()
    assert caught.value.code == "T041"
    assert "thief" in str(caught.value)
    assert place.current() is None
    assert isinstance(read_holder(place.objects)[0], Holder)
