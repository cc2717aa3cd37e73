"""Every fault that a source server shows, made by a real one on loopback."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch import Guard
from tests.inputs.fetch.faulty_server import Request, stall

DATA = bytes(range(256)) * 1000
BIG = os.urandom(1 << 20) * 12


def leftovers(cache) -> list[str]:
    """Files of the cache that are neither entry nor blob."""
    return [path for path, _ in cache.files("partial")]


def fetch_error(fetcher, url: str, **kwargs) -> InputError:
    with pytest.raises(InputError) as caught:
        fetcher.fetch(url, "k=1", **kwargs)
    return caught.value


def test_plain_file_is_what_the_server_had(server, make_fetcher, cache):
    url = server.on("/a.nc", lambda r: r.serve(DATA))
    found = make_fetcher().fetch(url, "k=1")
    assert Path(found.path).read_bytes() == DATA
    assert (found.size, found.etag, found.from_cache) == (len(DATA), '"v1"', False)
    assert found.sha256 == hashlib.sha256(DATA).hexdigest()
    assert server.seen("/a.nc")[0].headers["accept-encoding"] == "identity"
    assert not leftovers(cache)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable", "500 Oops"])
def test_burst_of_refusals(server, make_fetcher, status):
    url = server.on("/a", lambda r: r.send(status) if r.number < 4 else r.serve(DATA))
    assert make_fetcher().fetch(url).size == len(DATA)
    assert len(server.seen("/a")) == 4


@pytest.mark.parametrize("how", ["seconds", "date"])
def test_retry_after_is_kept(server, make_fetcher, how):
    after = "1" if how == "seconds" else formatdate(time.time() + 2, usegmt=True)
    url = server.on("/a", lambda r: r.send("429 x", {"Retry-After": after}) if r.number == 1 else r.serve(DATA))
    start = time.monotonic()
    assert make_fetcher().fetch(url).size == len(DATA)
    assert time.monotonic() - start >= 0.95


def test_refusals_without_end_are_given_up(server, make_fetcher, cache):
    error = fetch_error(make_fetcher({"retries": 2}), server.on("/a", lambda r: r.send("503 x")))
    assert error.code == "I304"
    assert "503" in error.message
    assert "k=1" in (error.where or "")
    assert len(server.seen("/a")) == 3
    assert not leftovers(cache)


@pytest.mark.parametrize("fault", ["truncated", "reset"])
def test_broken_body_is_resumed_from_where_it_broke(server, make_fetcher, fault):
    def handler(r: Request) -> None:
        if r.number > 1:
            return r.serve(DATA)
        if fault == "truncated":
            return r.serve(DATA, cut=100_000)
        r.send("200 OK", {"ETag": '"v1"', "Accept-Ranges": "bytes"}, DATA[:100_000], length=len(DATA))
        stall(0.2)
        return r.reset()

    found = make_fetcher().fetch(server.on("/a", handler))
    assert Path(found.path).read_bytes() == DATA
    again = server.seen("/a")[1].headers
    assert again["if-range"] == '"v1"'
    assert 0 < int(again["range"].removeprefix("bytes=").rstrip("-")) <= 100_000


def test_body_shorter_on_every_try(server, make_fetcher, cache):
    url = server.on("/a", lambda r: r.serve(DATA, cut=1000, ranges=False))
    assert fetch_error(make_fetcher({"retries": 2}), url).code == "I304"
    assert not leftovers(cache)
    assert not list(cache.files("blobs"))


def test_wrong_content_length_never_passes(server, make_fetcher, cache):
    """Longer than the body: given up, although ranges are offered for what is not there."""

    def handler(r: Request) -> None:
        if "range" in r.headers:
            return r.send("416 Range Not Satisfiable")
        r.send("200 OK", {"ETag": '"v1"', "Accept-Ranges": "bytes"}, DATA, length=len(DATA) + 7)
        raise ConnectionAbortedError

    assert fetch_error(make_fetcher(), server.on("/a", handler)).code == "I304"
    assert not list(cache.files("blobs"))


def test_too_small_content_length_is_caught_by_the_check(server, make_fetcher, cache):
    def whole(path: str) -> None:
        if Path(path).read_bytes() != DATA:
            raise InputError("truncated", code="I101")

    url = server.on("/a", lambda r: r.send("200 OK", {}, DATA, length=1000))
    assert fetch_error(make_fetcher(check=whole), url).code == "I314"
    assert not list(cache.files("blobs"))


@pytest.mark.parametrize("where", ["head", "body"])
def test_stall(server, make_fetcher, where):
    def handler(r: Request) -> None:
        if r.number == 1:
            if where == "body":
                r.send("200 OK", {}, DATA[:1000], length=len(DATA))
            stall(6)
        else:
            r.serve(DATA)

    start = time.monotonic()
    assert make_fetcher().fetch(server.on("/a", handler)).size == len(DATA)
    assert time.monotonic() - start < 5


def test_login_page_with_status_200(server, make_fetcher, cache):
    page = b"<!DOCTYPE html>\n<html><head><title>Earthdata Login</title></head></html>"
    error = fetch_error(
        make_fetcher(), server.on("/a.nc", lambda r: r.send("200 OK", {"Content-Type": "text/html"}, page))
    )
    assert error.code == "I305"
    assert "Earthdata Login" in error.message
    assert "fetch.auth" in (error.hint or "")
    assert not list(cache.files("blobs"))
    assert not list(cache.files("entries"))


def test_changed_etag_starts_again(server, make_fetcher):
    new = DATA[::-1]
    url = server.on("/a", lambda r: r.serve(DATA, cut=100_000) if r.number == 1 else r.serve(new, etag='"v2"'))
    found = make_fetcher().fetch(url)
    assert Path(found.path).read_bytes() == new
    assert found.etag == '"v2"'


def test_server_that_ignores_if_range(server, make_fetcher):
    """It answers 206 of the new file: the etag in its answer gives it away."""
    new = DATA[::-1]

    def handler(r: Request) -> None:
        if r.number == 1:
            return r.serve(DATA, cut=100_000)
        r.headers.pop("if-range", None)
        return r.serve(new, etag='"v2"')

    assert Path(make_fetcher().fetch(server.on("/a", handler)).path).read_bytes() == new


def test_server_without_ranges_starts_again(server, make_fetcher):
    url = server.on("/a", lambda r: r.serve(DATA, ranges=False, cut=1000 if r.number == 1 else None))
    assert Path(make_fetcher().fetch(url).path).read_bytes() == DATA
    assert "range" not in server.seen("/a")[1].headers


def test_gzip_coding_is_undone(server, make_fetcher):
    url = server.on("/a.nc", lambda r: r.send("200 OK", {"Content-Encoding": "gzip"}, gzip.compress(DATA)))
    assert Path(make_fetcher().fetch(url).path).read_bytes() == DATA


def test_truncated_gzip_coding_is_seen(server, make_fetcher):
    coded = gzip.compress(DATA)
    url = server.on(
        "/a.nc", lambda r: r.send("200 OK", {"Content-Encoding": "gzip"}, coded[:-20] if r.number == 1 else coded)
    )
    assert Path(make_fetcher().fetch(url).path).read_bytes() == DATA
    assert len(server.seen("/a.nc")) == 2


def test_gz_file_that_is_called_coded_stays_as_it_is(server, make_fetcher):
    coded = gzip.compress(DATA)
    url = server.on("/a.nc.gz", lambda r: r.send("200 OK", {"Content-Encoding": "x-gzip"}, coded))
    assert Path(make_fetcher().fetch(url).path).read_bytes() == coded


def test_redirect_loop(server, make_fetcher):
    server.on("/a", lambda r: r.send("302 Found", {"Location": "/b"}))
    server.on("/b", lambda r: r.send("302 Found", {"Location": "/a"}))
    assert fetch_error(make_fetcher(), server.url("/a")).code == "I307"
    assert len(server.requests) < 20


def test_redirect_to_another_scheme(server, make_fetcher):
    url = server.on("/a", lambda r: r.send("302 Found", {"Location": "file:///etc/passwd"}))
    assert fetch_error(make_fetcher(), url).code == "I307"


def test_redirect_to_a_forbidden_address(server, make_fetcher, monkeypatch):
    """The first address passes (it stands for a public one); the one that the redirect names does not."""
    monkeypatch.setattr("pangeo_forge.inputs.fetch.guard._public", lambda address: address == "127.0.0.1")
    server.on(
        "/a", lambda r: r.send("302 Found", {"Location": f"http://169.254.169.254:{server.port}/latest/meta-data"})
    )
    error = fetch_error(make_fetcher(guard=Guard(ports=(server.port,))), server.url("/a"))
    assert error.code == "I306"
    assert "169.254.169.254" in error.message


def test_name_that_resolves_to_loopback_is_refused_at_connect(server, make_fetcher):
    server.on("/a", lambda r: r.serve(DATA))
    error = fetch_error(make_fetcher(guard=Guard(ports=(server.port,))), server.url("/a", "localhost"))
    assert error.code == "I306"
    assert not server.requests


def test_size_limit_of_untrusted_recipes_holds_without_a_length(server, make_fetcher):
    def handler(r: Request) -> None:
        r.connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DATA)
        raise ConnectionAbortedError

    guard = Guard(allow_private=True, max_size=1000)
    assert fetch_error(make_fetcher(guard=guard), server.on("/a", handler)).code == "I312"


def test_absent(server, make_fetcher):
    assert fetch_error(make_fetcher(), server.url("/gone")).code == "I301"
    assert len(server.seen("/gone")) == 1


def test_disk_full(server, make_fetcher, cache, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pangeo_forge.inputs.fetch.partial.os.pwrite", full)
    error = fetch_error(make_fetcher(), server.on("/a", lambda r: r.serve(DATA)))
    assert error.code == "I308"
    assert not leftovers(cache)


def test_entry_corrupted_later_is_fetched_anew(server, make_fetcher):
    url = server.on("/a", lambda r: r.serve(DATA))
    fetcher = make_fetcher()
    found = fetcher.fetch(url)
    with open(found.path, "r+b") as file:
        file.write(b"damage")
    again = fetcher.fetch(url, verify=True)
    assert not again.from_cache
    assert Path(again.path).read_bytes() == DATA
    assert fetcher.fetch(url, verify=True).from_cache


def test_a_copy_that_was_written_to_is_fetched_anew(server, make_fetcher):
    """Its time of change tells; nothing else does, as its length is the same."""
    url = server.on("/a", lambda r: r.serve(DATA))
    fetcher = make_fetcher()
    with open(fetcher.fetch(url).path, "r+b") as file:
        file.write(b"damage")
    assert Path(fetcher.fetch(url).path).read_bytes() == DATA
    assert len(server.requests) == 2


def test_a_copy_that_was_only_touched_is_read_once(server, make_fetcher, monkeypatch):
    url = server.on("/a", lambda r: r.serve(DATA))
    fetcher = make_fetcher()
    os.utime(fetcher.fetch(url).path)
    assert fetcher.fetch(url).from_cache
    monkeypatch.setattr("pangeo_forge.inputs.fetch.inventory.digest_of", None)
    assert fetcher.fetch(url).from_cache
    assert len(server.requests) == 1


def test_a_body_without_length_that_was_cut_is_asked_for_again(server, make_fetcher, cache):
    """HTTP/1.0 ends a body by closing: only the file itself tells that it is not whole."""

    def whole(path: str) -> None:
        if Path(path).stat().st_size != len(DATA):
            raise InputError("truncated", code="I105")

    def handler(r: Request) -> None:
        r.connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + (DATA[:1000] if r.number == 1 else DATA))
        raise ConnectionAbortedError

    url = server.on("/a", handler)
    assert Path(make_fetcher(check=whole).fetch(url).path).read_bytes() == DATA
    assert len(server.requests) == 2


_CHILD = """
import sys
from pangeo_forge.inputs.fetch import *
f = Fetcher(FetchOptions(), Cache(sys.argv[2]), politeness=Politeness(folder=sys.argv[3]))
f.fetch(sys.argv[1])
"""


def test_kill_in_the_middle_then_rerun_resumes(server, make_fetcher, cache, tmp_path):
    """SIGKILL while the body stalls: nothing is published, and the next run asks for the rest only."""

    def handler(r: Request) -> None:
        if r.number == 1:
            r.send("200 OK", {"ETag": '"v1"', "Accept-Ranges": "bytes"}, BIG[: 9 << 20], length=len(BIG))
            stall(30)
        else:
            r.serve(BIG)

    url = server.on("/big", handler)
    child = subprocess.Popen([sys.executable, "-c", _CHILD, url, cache.url, str(tmp_path / "polite")])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and sum(s for _, s in cache.files("partial")) < 9 << 20:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not list(cache.files("blobs"))
    assert not list(cache.files("entries"))
    found = make_fetcher().fetch(url)
    assert Path(found.path).read_bytes() == BIG
    assert found.sha256 == hashlib.sha256(BIG).hexdigest()
    assert server.seen("/big")[1].headers["range"] == f"bytes={9 << 20}-"
    assert not leftovers(cache)


def test_parallel_ranges(server, make_fetcher, monkeypatch):
    monkeypatch.setattr("pangeo_forge.inputs.fetch.ranges.PIECE", 1 << 20)
    url = server.on("/big", lambda r: r.serve(BIG))
    found = make_fetcher({"parallel_over": 4 << 20}).fetch(url)
    assert Path(found.path).read_bytes() == BIG
    assert found.sha256 == hashlib.sha256(BIG).hexdigest()
    assert len([r for r in server.seen("/big") if "range" in r.headers]) == 12
    assert server.open_most <= 8


def test_broken_piece_of_parallel_ranges(server, make_fetcher, monkeypatch):
    monkeypatch.setattr("pangeo_forge.inputs.fetch.ranges.PIECE", 1 << 20)
    url = server.on("/big", lambda r: r.serve(BIG, cut=1000 if r.number in (4, 7) else None))
    found = make_fetcher({"parallel_over": 4 << 20}).fetch(url)
    assert Path(found.path).read_bytes() == BIG
