"""The way for many small files: one thread, no policy; whatever is unusual goes to the crew of threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pangeo_forge.inputs.fetch import Auth, Cache, Fetcher, Politeness
from pangeo_forge.inputs.fetch.crew import Crew
from pangeo_forge.inputs.fetch.partial import KEEP_OVER
from tests.inputs.fetch.faulty_server import FaultyServer, Request, stall

SMALL = b"CDF\x01" + bytes(5000)
LARGE = os.urandom(KEEP_OVER + 1000)
Make = Callable[..., Fetcher]


@pytest.fixture
def crews(monkeypatch: pytest.MonkeyPatch) -> list[Crew]:
    """The crews that were needed."""
    made: list[Crew] = []
    real = Crew.__iter__

    def counted(self: Crew) -> object:
        made.append(self)
        return real(self)

    monkeypatch.setattr(Crew, "__iter__", counted)
    return made


def test_small_files_need_no_crew(server: FaultyServer, make_fetcher: Make, crews: list[Crew]) -> None:
    urls = [server.on(f"/{i}", lambda r: r.serve(SMALL + r.path.encode())) for i in range(40)]
    outcome = make_fetcher().fetch_all([*urls[:20], server.url("/gone"), *urls[20:]])
    assert [Path(f.path).read_bytes() for f in outcome.fetched if f] == [SMALL + f"/{i}".encode() for i in range(40)]
    assert [(f.url, f.code) for f in outcome.failed] == [(server.url("/gone"), "I301")]
    assert not crews
    assert server.open_most <= 8


@pytest.mark.parametrize("fault", ["503", "redirect", "large", "cut", "stall"])
def test_what_is_unusual_is_left_to_the_crew(
    server: FaultyServer, make_fetcher: Make, crews: list[Crew], cache: Cache, fault: str
) -> None:
    data = LARGE if fault == "large" else SMALL

    def odd(r: Request) -> None:
        if fault == "503" and r.number == 1:
            return r.send("503 Service Unavailable")
        if fault == "redirect":
            return r.send("302 Found", {"Location": "/there"})
        if fault == "stall" and r.number == 1:
            stall(3)
        return r.serve(data, cut=1000 if fault == "cut" and r.number == 1 else None)

    server.on("/there", lambda r: r.serve(data))
    urls = [server.on(f"/{i}", odd if i == 5 else lambda r: r.serve(SMALL)) for i in range(30)]
    fetcher = make_fetcher()
    outcome = fetcher.fetch_all(urls)
    assert not outcome.failed
    assert [Path(f.path).read_bytes() for f in outcome.fetched if f] == [data if i == 5 else SMALL for i in range(30)]
    assert len(crews) == 1
    assert not list(cache.files("partial"))
    fetcher.fetch_all([server.on(f"/later{i}", lambda r: r.serve(SMALL)) for i in range(3)])
    assert len(crews) == 2  # this host is not swept again


def test_files_of_two_hosts(server: FaultyServer, make_fetcher: Make, crews: list[Crew], tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(SMALL)
    server.on("/a", lambda r: r.serve(SMALL))
    items = [server.url("/a"), str(tmp_path / "local"), server.url("/a?x=1", "localhost"), server.url("/a?x=2")]
    outcome = make_fetcher().fetch_all(items)
    assert [f.size for f in outcome.fetched if f] == [len(SMALL)] * 4
    assert len(crews) == 1


def test_a_partial_file_of_another_worker_is_waited_for(server: FaultyServer, make_fetcher: Make, cache: Cache) -> None:
    """It is fetched once, by whoever began."""
    begun = threading.Event()

    def slow(r: Request) -> None:
        begun.set()
        stall(0.5)
        r.serve(SMALL)

    url = server.on("/a", slow)
    other = threading.Thread(target=lambda: make_fetcher().fetch(url))
    other.start()
    begun.wait(5)
    assert make_fetcher().fetch_all([url]).fetched[0] is not None
    other.join(5)
    assert len(server.seen("/a")) == 1


def test_a_secret_without_a_value_fails_each_input(server: FaultyServer, make_fetcher: Make) -> None:
    urls = [server.on(f"/{i}", lambda r: r.serve(SMALL)) for i in range(3)]
    outcome = make_fetcher({"auth": Auth("bearer", "NOBODY_KNOWS")}).fetch_all(urls)
    assert [f.code for f in outcome.failed] == ["I309"] * 3
    assert not server.requests


def test_slots_come_back_when_another_waits(
    server: FaultyServer, make_fetcher: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pangeo_forge.inputs.fetch.politeness.LEASE", 0.1)
    got = threading.Event()

    def slow(r: Request) -> None:
        if r.path == "/3":
            threading.Thread(target=wait_for_slot).start()
        stall(0.05)
        r.serve(SMALL)

    def wait_for_slot() -> None:
        slot = Politeness(2, folder=str(tmp_path / "polite")).host("127.0.0.1").acquire()
        got.set()
        stall(0.3)
        slot.release()

    urls = [server.on(f"/{i}", slow) for i in range(40)]
    assert not make_fetcher({"max_concurrency": 2}).fetch_all(urls).failed
    assert got.is_set()
    assert server.open_most <= 2
