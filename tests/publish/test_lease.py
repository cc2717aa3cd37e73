"""One run at a time; the second says who holds it; a dead holder blocks nobody; a deposed one publishes nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pangeo_forge.errors import TargetError
from pangeo_forge.runs import lease as leases
from pangeo_forge.runs.lease import AGREEING, KEY, SECONDS, Holder, Lease, held, read_holder
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

    def sleep(self, seconds: float) -> None:
        self.now += seconds


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
    # Its process is there, so it might only have slept: it is watched, and does not move.
    two = Lease.take(objects, "two", seconds=10, clock=clock, wait=clock.sleep)
    assert clock.now > 1_000_024
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


SKEWS = {"10 min slow": -600.0, "2 h slow": -7200.0, "exact": 0.0, "10 min fast": 600.0, "a year fast": 31e6}


@dataclass
class World:
    """Two machines, of which one has another time; and what has happened since."""

    objects: ObjectStore
    skew: float
    """Seconds by which the holder's clock is ahead."""
    monkeypatch: pytest.MonkeyPatch
    now: float = 1_700_000_000.0
    holder: Lease | None = None
    """Renews as long as it is alive."""
    _renewed: float = 0.0

    def theirs(self) -> float:
        return self.now + self.skew

    def begin(self) -> Lease:
        """The other machine takes the lease."""
        with self.monkeypatch.context() as patch:
            patch.setattr(leases, "_machine", lambda: "elsewhere")
            self.holder = Lease.take(self.objects, "theirs", clock=self.theirs)
        self._renewed = self.now
        return self.holder

    def wait(self, seconds: float) -> None:
        """Time passes; a living holder renews once a minute."""
        end = self.now + seconds
        while self.holder is not None and self._renewed + SECONDS / 3 <= end:
            self.now = self._renewed = self._renewed + SECONDS / 3
            self.holder.check()
        self.now = end

    def take(self) -> Lease:
        """This machine tries."""
        return Lease.take(self.objects, "ours", clock=lambda: self.now, wait=self.wait)


@pytest.fixture(params=SKEWS.values(), ids=SKEWS)
def world(request: pytest.FixtureRequest, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(objects, request.param, monkeypatch)


def test_no_two_runs_at_once_whatever_the_clocks_say(world: World) -> None:
    theirs = world.begin()
    for _ in range(20):
        world.wait(97)
        began = world.now
        with pytest.raises(TargetError) as caught:
            world.take()
        assert caught.value.code == "T040"
        assert "theirs" in str(caught.value)
        # A renewal is waited for, no longer.
        assert world.now - began <= SECONDS / 2
    theirs.check()


def test_no_lease_lasts_for_ever_whatever_the_clocks_say(world: World) -> None:
    theirs = world.begin()
    world.holder = None  # its machine is gone
    world.wait(SECONDS + AGREEING)
    began = world.now
    tries = 0
    while True:
        tries += 1
        try:
            ours = world.take()
            break
        except TargetError:
            # A few minutes ahead: it holds a little longer.
            world.wait(SECONDS)
            assert tries < 5
    assert world.now - began <= 2 * SECONDS + AGREEING
    # It was only asleep: it has lost, and finds out before it publishes.
    assert ours.token == theirs.token + 1
    with pytest.raises(TargetError) as lost:
        theirs.check()
    assert lost.value.code == "T041"
    ours.check()


def test_lease_that_was_given_back_is_free_at_once(world: World) -> None:
    world.begin().release()
    world.holder = None
    before = world.now
    world.take().release()
    assert world.now == before


def test_holder_that_ends_while_it_is_watched(objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(objects, -600.0, monkeypatch)
    theirs = world.begin()

    def wait(seconds: float) -> None:
        world.now += seconds
        theirs.release()

    told: list[str] = []
    Lease.take(objects, "ours", clock=lambda: world.now, wait=wait, tell=told.append).release()
    assert world.now < 1_700_000_000 + 20
    assert len(told) == 1
    assert "theirs" in told[0]
