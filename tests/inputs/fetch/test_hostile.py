"""Servers that keep to no standard, addresses that people paste, and settings that are wrong."""

from __future__ import annotations

import gzip
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch import Auth, Cache, Fetcher, Guard, Secrets
from tests.inputs.fetch.faulty_server import FaultyServer, Request

DATA = b"CDF\x01" + bytes(range(256)) * 40
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKS = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in (DATA[i : i + 999] for i in range(0, len(DATA), 999)))
Make = Callable[..., Fetcher]
Answer = Callable[[Request], None]


def raw(answer: bytes) -> Answer:
    """These bytes, then the end of the connection."""

    def handler(request: Request) -> None:
        request.connection.sendall(answer)
        raise ConnectionAbortedError

    return handler


def sends(status: str, body: bytes = DATA, **headers: str) -> Answer:
    return lambda r: r.send(status, {k.replace("_", "-"): v for k, v in headers.items()}, body)


def failure(fetcher: Fetcher, url: str) -> InputError:
    with pytest.raises(InputError) as caught:
        fetcher.fetch(url, "k=1")
    return caught.value


def got(fetcher: Fetcher, url: str) -> bytes:
    return Path(fetcher.fetch(url, "k=1").path).read_bytes()


SIZED = OK + b"Content-Length: %d\r\n\r\n" % len(DATA)
GOOD: dict[str, Answer] = {
    "HTTP/1.0, ended by closing": raw(b"HTTP/1.0 200 OK\r\n\r\n" + DATA),
    "chunks": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"0\r\n\r\n"),
    "chunks with a trailer": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"0\r\nX: 1\r\n\r\n"),
    "garbage behind the body": raw(SIZED + DATA + b"garbage" * 100),
    "interim answers": raw(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\n" + SIZED + DATA),
    "206 of all, unasked": sends("206 Partial Content", Content_Range=f"bytes 0-{len(DATA) - 1}/{len(DATA)}"),
    "gzip with padding": sends("200 OK", gzip.compress(DATA) + bytes(512), Content_Encoding="gzip"),
    "gzip in two members": sends(
        "200 OK", gzip.compress(DATA[:99]) + gzip.compress(DATA[99:]), Content_Encoding="x-gzip"
    ),
}


@pytest.mark.parametrize("what", GOOD)
def test_odd_but_right(server: FaultyServer, make_fetcher: Make, what: str) -> None:
    assert got(make_fetcher(), server.on("/a", GOOD[what])) == DATA


BAD: dict[str, tuple[Answer, str, str]] = {
    "chunks cut": (raw(OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS[:3000]), "I304", "outstanding"),
    "304, unasked": (sends("304 Not Modified", b""), "I303", "304"),
    "204": (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), "I303", "204"),
    "203, changed by a proxy": (sends("203 Transformed"), "I303", "203"),
    "no HTTP": (raw(DATA), "I303", "not HTTP"),
    "two lengths": (raw(OK + b"Content-Length: 9\r\nContent-Length: 7\r\n\r\n" + DATA), "I304", "Content-Length"),
    "negative length": (raw(OK + b"Content-Length: -5\r\n\r\n" + DATA), "I304", "Content-Length"),
    "coded twice": (sends("200 OK", Content_Encoding="gzip, gzip"), "I303", "coded|codes"),
    "another coding": (sends("200 OK", Content_Encoding="br"), "I303", "'br'"),
    "said to be gzip": (sends("200 OK", Content_Encoding="gzip"), "I304", "coded body is damaged"),
    "206 of a part, unasked": (
        sends("206 Partial Content", DATA[:100], Content_Range=f"bytes 0-99/{len(DATA)}"),
        "I304",
        "all of it was asked for",
    ),
    "206 of nobody knows what": (sends("206 Partial Content"), "I304", "all of it was asked for"),
    "too many headers": (raw(OK + b"".join(b"X: %b\r\n" % (b"a" * 1000) for _ in range(2000))), "I304", "headers"),
    "redirect to nowhere": (sends("302 Found", Location="http://[::bad/"), "I307", "redirects"),
    "redirect without an address": (sends("302 Found"), "I303", "302"),
}


@pytest.mark.parametrize("what", BAD)
def test_wrong_answers_are_told_and_leave_nothing(
    server: FaultyServer, make_fetcher: Make, cache: Cache, what: str
) -> None:
    answer, code, said = BAD[what]
    error = failure(make_fetcher({"retries": 1}), server.on("/a", answer))
    assert error.code == code
    assert any(part in error.message for part in said.split("|"))
    assert error.hint
    assert not [p for kind in ("entries", "blobs", "partial") for p in cache.files(kind)]


def test_many_ranges_in_one_answer(server: FaultyServer, make_fetcher: Make) -> None:
    """An answer of several parts is not what was asked for: from the start again."""

    def handler(r: Request) -> None:
        if r.number == 1:
            return r.serve(DATA, cut=9000)
        if "range" in r.headers:
            body = b"--x\r\nContent-Range: bytes 9000-9999/10244\r\n\r\n" + DATA[9000:] + b"\r\n--x--"
            return r.send("206 Partial Content", {"Content-Type": "multipart/byteranges; boundary=x"}, body)
        return r.serve(DATA)

    assert got(make_fetcher(), server.on("/a", handler)) == DATA


def test_few_bytes_that_stand_for_very_many(server: FaultyServer, make_fetcher: Make) -> None:
    bomb = gzip.compress(bytes(60_000_000))
    url = server.on("/a", sends("200 OK", bomb, Content_Encoding="gzip"))
    error = failure(make_fetcher({"timeout": 30.0}, guard=Guard(allow_private=True, max_size=10**6)), url)
    assert error.code == "I312"
    assert int(error.message.split()[1]) < 10**6 + 2**21


@pytest.mark.parametrize("after", ["Wed, 21 Oct 2015 07:28:00 GMT", "-7, soon", "9" * 400])
def test_a_server_whose_clock_is_wrong(server: FaultyServer, make_fetcher: Make, after: str) -> None:
    url = server.on("/a", lambda r: r.send("503 x", {"Retry-After": after}) if r.number == 1 else r.serve(DATA))
    assert got(make_fetcher({"max_pause": 0.2}), url) == DATA


@pytest.mark.parametrize(
    ("pasted", "sent"),
    [
        ("/a b.nc", "/a%20b.nc"),
        ("/été.nc", "/%C3%A9t%C3%A9.nc"),
        ("/a%2Fb", "/a%2Fb"),
        ("/100%25", "/100%25"),
        ("/a+b", "/a+b"),
        ("/{a}|b", "/%7Ba%7D%7Cb"),
        ("/a#part", "/a"),
        ("/q?x=a b&y=é", "/q?x=a%20b&y=%C3%A9"),
        ("/" + "long" * 200, "/" + "long" * 200),
    ],
)
def test_addresses_as_people_write_them(server: FaultyServer, make_fetcher: Make, pasted: str, sent: str) -> None:
    server.on(sent.partition("?")[0], lambda r: r.serve(DATA))
    fetcher = make_fetcher()
    assert got(fetcher, server.url(pasted)) == DATA
    assert server.requests[-1].path == sent
    assert fetcher.fetch(server.url(pasted)).from_cache


def test_a_redirect_in_utf_8(server: FaultyServer, make_fetcher: Make) -> None:
    server.on("/%C3%A9", lambda r: r.serve(DATA))
    url = server.on("/a", raw("HTTP/1.1 302 Found\r\nLocation: /é\r\nContent-Length: 0\r\n\r\n".encode()))
    assert got(make_fetcher(), url) == DATA


def test_names_in_other_scripts_are_asked_for_in_ascii() -> None:
    from pangeo_forge.inputs.fetch.address import encoded_url

    assert encoded_url("https://bücher.example/é") == "https://xn--bcher-kva.example/%C3%A9"


def test_user_and_password_in_an_address(server: FaultyServer, make_fetcher: Make, tmp_path: Path) -> None:
    server.on("/a", lambda r: r.serve(DATA) if "authorization" in r.headers else r.send("401 x"))
    found = make_fetcher().fetch(f"http://us%40er:p%3Assw0rd@127.0.0.1:{server.port}/a")
    assert found.url == server.url("/a")
    kept = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"ssw0rd" not in kept


def test_a_host_of_ipv6(make_fetcher: Make) -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4000)
            connection.sendall(SIZED + DATA)

    threading.Thread(target=serve, daemon=True).start()
    assert got(make_fetcher(), f"http://[::1]:{listener.getsockname()[1]}/a") == DATA
    listener.close()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http:///path", "I303"),
        ("http://h:99999/a", "I303"),
        ("http://no such host/a", "I303"),
        ("", "I301"),
        ("file://elsewhere/etc/hostname", "I303"),
        ("gopher://example.org/a", "I317"),
    ],
)
def test_addresses_that_are_none(make_fetcher: Make, url: str, code: str) -> None:
    assert failure(make_fetcher({"retries": 0}), url).code == code


# -- settings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", ["garbage://me:hunter2@x", "not a proxy me:hunter2@"])
def test_a_proxy_that_is_none(
    server: FaultyServer, make_fetcher: Make, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    error = failure(make_fetcher(), server.on("/a", lambda r: r.serve(DATA)))
    assert error.code == "I300"
    assert "http_proxy" in (error.hint or "")
    assert "hunter2" not in str(error)


def test_a_proxy_that_is_down_is_named(
    server: FaultyServer, make_fetcher: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://me:hunter2@127.0.0.1:1")
    error = failure(make_fetcher({"retries": 0}), server.on("/a", lambda r: r.serve(DATA)))
    assert "proxy 127.0.0.1" in error.message
    assert "hunter2" not in str(error)


def test_a_secret_from_a_file_ends_with_a_line_break(server: FaultyServer, make_fetcher: Make) -> None:
    url = server.on("/a", lambda r: r.serve(DATA))
    fetcher = make_fetcher({"auth": Auth("bearer", "T")}, secrets={"T": "token-of-mine\n"})
    assert got(fetcher, url) == DATA
    assert server.requests[0].headers["authorization"] == "Bearer token-of-mine"
    assert Secrets({"T": "a\r\n"}).resolve("T").reveal() == "a"


def test_no_header_is_smuggled(server: FaultyServer, make_fetcher: Make) -> None:
    url = server.on("/a", lambda r: r.serve(DATA))
    error = failure(make_fetcher({"headers": {"X-A": "1\r\nX-Evil: 2"}}), url)
    assert (error.code, server.requests) == ("I300", [])
    error = failure(make_fetcher({"auth": Auth("bearer", "T")}, secrets={"T": "tok-1\nX-Evil: 2"}), url)
    assert (error.code, server.requests) == ("I300", [])
    assert "tok-1" not in str(error)


@pytest.mark.parametrize(
    ("auth", "value"),
    [
        (Auth("basic", "S"), "only-a-user"),
        (Auth("s3", "S"), "only-a-key"),
        (Auth("s3", "S"), '{"key": "KEY-12345", oops'),
        (Auth("s3", "S"), '{"key": "KEY-12345"}'),
    ],
)
def test_secrets_of_the_wrong_form(make_fetcher: Make, server: FaultyServer, auth: Auth, value: str) -> None:
    url = "s3://bucket/key" if auth.kind == "s3" else server.on("/a", lambda r: r.serve(DATA))
    error = failure(make_fetcher({"auth": auth, "retries": 0}, secrets={"S": value}), url)
    assert error.code == "I300"
    assert "'S'" in error.message
    assert "KEY-12345" not in str(error)
    assert value not in str(error)


# -- caches --------------------------------------------------------------------------------------------------------------


def test_caches_that_cannot_be(server: FaultyServer, make_fetcher: Make, tmp_path: Path) -> None:
    url = server.on("/a", lambda r: r.serve(DATA))
    (tmp_path / "file").write_text("x")
    for place in (str(tmp_path / "file"), "/proc/nowhere", "nosuch://x/y"):
        error = failure(make_fetcher(cache=Cache(place)), url)
        assert error.code == "I311"
        assert error.hint
    assert not server.requests


def test_a_cache_behind_a_link(server: FaultyServer, make_fetcher: Make, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    url = server.on("/a", lambda r: r.serve(DATA))
    assert got(make_fetcher(cache=Cache(str(tmp_path / "link"))), url) == DATA
    assert make_fetcher(cache=Cache(str(tmp_path / "real"))).fetch(url).from_cache


def test_a_store_that_is_down_is_not_asked_for_each_input(
    server: FaultyServer, make_fetcher: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    asked: list[str] = []

    def down(self: object, path: str, **_: object) -> bytes:
        asked.append(path)
        raise ConnectionError("the store is down")

    memory = fsspec.get_filesystem_class("memory")
    monkeypatch.setattr(memory, "cat_file", down)
    urls = [server.on(f"/{i}", lambda r: r.serve(DATA)) for i in range(20)]
    outcome = make_fetcher(cache=Cache("memory://down/cache")).fetch_all(urls)
    assert {f.code for f in outcome.failed} == {"I311"}
    assert len(outcome.failed) == 20
    assert len(asked) <= 3 + 8  # those that were under way
    assert not server.requests


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_two_users_share_a_cache(server: FaultyServer, make_fetcher: Make, tmp_path: Path) -> None:
    """What the one fetched the other reads; what it may not write it says."""
    urls = [server.on(f"/{i}", lambda r: r.serve(DATA)) for i in range(2)]
    found = make_fetcher().fetch(urls[0])
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "other").mkdir()
    os.chown(tmp_path / "other", 65534, 65534)
    receiver, sender = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setresuid(65534, 65534, 65534)
            from pangeo_forge.inputs.fetch import FetchOptions, Politeness

            polite = Politeness(folder=str(tmp_path / "other/polite"))
            options = FetchOptions(retries=0, timeout=5)
            with Fetcher(options, Cache(str(tmp_path / "cache")), politeness=polite, scratch="/nowhere") as mine:
                outcome = mine.fetch_all(urls)
            said = [str(f and f.from_cache) for f in outcome.fetched] + [f.code for f in outcome.failed]
            os.write(sender, " ".join(said).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(receiver, 1000).decode() == "True None I311"
    assert found.path
