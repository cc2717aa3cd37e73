from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch import (
    Cache,
    FetchOptions,
    Guard,
    Politeness,
    Progress,
    list_entries,
    prune_entries,
    verify_entries,
)
from pangeo_forge.inputs.fetch.options import per_second, seconds
from tests.inputs.fetch.faulty_server import Request, stall

DATA = b"CDF\x01" + bytes(5000)


def test_hit_needs_no_network(server, make_fetcher):
    url = server.on("/a", lambda r: r.serve(DATA))
    assert not make_fetcher().fetch(url).from_cache
    server.close()
    assert make_fetcher().fetch(url).from_cache
    assert len(server.requests) == 1


def test_revalidate_unchanged_and_changed(server, make_fetcher):
    state = {"etag": '"v1"', "data": DATA}
    url = server.on("/a", lambda r: r.serve(state["data"], etag=state["etag"]))
    fetcher = make_fetcher()
    fetcher.fetch(url)
    assert fetcher.fetch(url, revalidate=True).from_cache
    state.update(etag='"v2"', data=DATA[::-1])
    found = fetcher.fetch(url, revalidate=True)
    assert not found.from_cache
    assert Path(found.path).read_bytes() == DATA[::-1]


def test_local_input_is_read_in_place(tmp_path, make_fetcher):
    path = tmp_path / "in put.nc"
    path.write_bytes(DATA)
    for url in (str(path), f"file://{tmp_path}/in%20put.nc"):
        found = make_fetcher().fetch(url)
        assert found.path == str(path)
        assert (found.size, found.sha256, found.from_cache) == (len(DATA), None, False)
    assert make_fetcher().fetch(str(path), verify=True).sha256 == hashlib.sha256(DATA).hexdigest()
    with pytest.raises(InputError) as caught:
        make_fetcher().fetch(str(tmp_path / "gone.nc"))
    assert caught.value.code == "I301"


def test_failures_do_not_stop_the_others(server, make_fetcher):
    good = [server.on(f"/{i}", lambda r: r.serve(DATA)) for i in range(6)]
    items = [(url, f"k={i}") for i, url in enumerate([*good[:3], server.url("/gone"), *good[3:]])]
    outcome = make_fetcher().fetch_all(items)
    assert [f is None for f in outcome.fetched] == [False] * 3 + [True] + [False] * 3
    assert [(f.label, f.code, f.absent) for f in outcome.failed] == [("k=3", "I301", True)]
    assert outcome.settle("skip") is outcome
    with pytest.raises(InputError, match="1 of 7 inputs") as caught:
        outcome.settle("fail")
    assert caught.value.code == "I316"
    before = len(server.requests)
    server.on("/gone", lambda r: r.serve(DATA))
    assert not make_fetcher().fetch_all(items).failed
    assert len(server.requests) == before + 1  # only the one that failed


def test_a_broken_server_is_no_missing_input(server, make_fetcher):
    outcome = make_fetcher({"retries": 0}).fetch_all([server.on("/a", lambda r: r.send("503 x"))])
    with pytest.raises(InputError) as caught:
        outcome.settle("skip")
    assert caught.value.code == "I316"


def test_probe_lists_all_that_is_absent(server, make_fetcher):
    there = server.on("/a", lambda r: r.serve(DATA))
    no_head = server.on("/b", lambda r: r.send("405 x") if r.method == "HEAD" else r.serve(DATA))
    fetcher = make_fetcher()
    failed = fetcher.probe_all([there, server.url("/x"), no_head, server.url("/y")])
    assert [f.url for f in failed] == [server.url("/x"), server.url("/y")]
    assert fetcher.exists(there)
    assert not fetcher.exists(server.url("/x"))
    assert fetcher.probe(no_head).size == len(DATA)


def test_two_threads_fetch_the_same_once(server, make_fetcher):
    def slow(r: Request) -> None:
        stall(0.2)
        r.serve(DATA)

    url = server.on("/a", slow)
    fetcher = make_fetcher()
    outcome = fetcher.fetch_all([url] * 6)
    assert len({f.path for f in outcome.fetched if f}) == 1
    assert len(server.seen("/a")) == 1


def test_never_more_connections_than_allowed(server, make_fetcher):
    def slow(r: Request) -> None:
        stall(0.02)
        r.serve(DATA)

    urls = [server.on(f"/{i}", slow) for i in range(30)]
    assert not make_fetcher({"max_concurrency": 3}).fetch_all(urls).failed
    assert server.open_most <= 3


_CHILD = """
import sys
from pangeo_forge.inputs.fetch import *
n, folder = int(sys.argv[3]), sys.argv[2]
p = Politeness(3, folder=folder + "/polite")
f = Fetcher(FetchOptions(max_concurrency=3), Cache(folder + "/cache"), politeness=p)
out = f.fetch_all([sys.argv[1] + f"/{i}" for i in range(n, n + 40)])
assert not out.failed, out.failed
"""


def test_connections_of_two_processes_stay_below_the_limit(server, tmp_path):
    def slow(r: Request) -> None:
        stall(0.02)
        r.serve(DATA)

    for i in range(80):
        server.on(f"/{i}", slow)
    children = [
        subprocess.Popen([sys.executable, "-c", _CHILD, server.url(""), str(tmp_path), str(n)]) for n in (0, 40)
    ]
    assert [c.wait(60) for c in children] == [0, 0]
    assert 1 <= server.open_most <= 3
    assert len({r.path for r in server.requests}) == 80


def test_rate_holds(server, make_fetcher):
    urls = [server.on(f"/{i}", lambda r: r.serve(DATA)) for i in range(9)]
    start = time.monotonic()
    make_fetcher({"rate": 10.0}).fetch_all(urls)
    assert time.monotonic() - start >= 0.78


def test_workers_share_the_limit_evenly():
    assert Politeness(8, 10.0, workers=4).slots == 2
    assert Politeness(2, workers=10).slots == 1


def test_slot_is_free_after_its_holder_is_killed(tmp_path):
    code = (
        "import sys,time;from pangeo_forge.inputs.fetch import Politeness;"
        "s=Politeness(1,folder=sys.argv[1]).host('h').acquire();print('held',flush=True);time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    gate = Politeness(1, folder=str(tmp_path)).host("h")
    assert gate.try_acquire() is None
    child.kill()
    child.wait()
    child.stdout.close()
    slot = gate.acquire()
    slot.release()


def test_lease_gives_way_to_those_who_wait(tmp_path, monkeypatch):
    monkeypatch.setattr("pangeo_forge.inputs.fetch.politeness.LEASE", 0.05)
    gate = Politeness(1, folder=str(tmp_path)).host("h")
    slot = gate.acquire()
    time.sleep(0.06)
    assert not slot.wanted()
    waiter = threading.Thread(target=lambda: gate.acquire().release())
    waiter.start()
    time.sleep(0.1)
    assert slot.wanted()
    slot.release()
    waiter.join(5)
    assert not waiter.is_alive()


def test_list_verify_prune(server, make_fetcher, cache):
    urls = [server.on(f"/{i}", lambda r: r.serve(DATA + r.path.encode())) for i in range(3)]
    found = make_fetcher().fetch_all(urls).fetched
    assert {e.url for e in list_entries(cache)} == set(urls)
    assert [f.problem for f in verify_entries(cache)] == [None] * 3
    with open(found[0].path, "r+b") as file:
        file.write(b"x")
    bad = [f for f in verify_entries(cache, remove=True) if f.problem]
    assert [f.entry.url for f in bad] == [urls[0]]
    assert len(list(list_entries(cache))) == 2
    kept = prune_entries(cache, max_bytes=len(DATA) + 10)
    assert (kept.entries, kept.blobs) == (1, 1)
    assert prune_entries(cache, older_than=timedelta(seconds=-5)).entries == 1
    assert not list(cache.files("blobs"))


def test_torn_entry_is_no_entry(server, make_fetcher, cache):
    url = server.on("/a", lambda r: r.serve(DATA))
    make_fetcher().fetch(url)
    path = Path(next(p for p, _ in cache.files("entries")))
    path.write_text(path.read_text()[:40])
    assert not make_fetcher().fetch(url).from_cache
    assert make_fetcher().fetch(url).from_cache  # the new line is not lost behind the torn one


def test_cache_on_an_object_store(server, make_fetcher):
    """fsspec's memory file system stands for one: no local paths, no rename."""
    remote = Cache("memory://bucket/cache")
    url = server.on("/a", lambda r: r.serve(DATA))
    first = make_fetcher(cache=remote).fetch(url)
    assert Path(first.path).read_bytes() == DATA
    fetcher = make_fetcher(cache=remote)
    found = fetcher.fetch(url, verify=True)
    assert found.from_cache
    assert found.temporary
    assert Path(found.path).read_bytes() == DATA
    fetcher.discard(found)
    assert not os.path.exists(found.path)
    assert [f.problem for f in verify_entries(remote)] == [None]
    assert prune_entries(remote, max_bytes=0).entries == 1


def test_uncached_copies_go_with_the_fetcher(server, make_fetcher):
    fetcher = make_fetcher({"cache": False})
    found = fetcher.fetch(server.on("/a", lambda r: r.serve(DATA)))
    assert found.temporary
    fetcher.close()
    assert not os.path.exists(found.path)


def test_progress_counts(server, make_fetcher):
    progress = Progress()
    urls = [server.on(f"/{i}", lambda r: r.serve(DATA)) for i in range(3)]
    make_fetcher(progress=progress).fetch_all([*urls, server.url("/gone")])
    seen = progress.snapshot()
    assert (seen.files_done, seen.files_failed, seen.files_total, seen.bytes_done) == (3, 1, 4, 3 * len(DATA))
    assert "3/4 files" in str(seen)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "http://127.0.0.1/a",
        "http://[::1]/a",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/a",
        "http://[::ffff:10.0.0.1]/a",
        "http://0.0.0.0/a",
        "http://100.64.0.1/a",
        "gopher://example.org/",
        "http://u:p@example.org/",
        "http://example.org:22/",
    ],
)
def test_guard_refuses(url):
    with pytest.raises(InputError) as caught:
        Guard().check_url(url)
    assert caught.value.code == "I306"


def test_guard_allows_listed_hosts_only():
    guard = Guard(hosts=("*.noaa.gov", "bucket"))
    guard.check_url("https://www.ncei.noaa.gov/a.nc")
    guard.check_url("s3://bucket/key")
    for url in ("https://noaa.gov.evil.org/a", "s3://other/key"):
        with pytest.raises(InputError):
            guard.check_url(url)


def test_durations_and_rates():
    assert [seconds(x) for x in ("60s", "5min", "1h", "500ms", 7)] == [60, 300, 3600, 0.5, 7]
    assert [per_second(x) for x in ("5/s", "120/min", 3)] == [5, 2, 3]
    assert FetchOptions().max_concurrency == 8
