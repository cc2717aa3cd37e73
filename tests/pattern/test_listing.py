from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.pattern.sources import SourceContext, expand

from .conftest import Server

FAST = SourceContext(attempts=3, wait=0.01)
# Layouts of Apache (with sorting links, a parent, a description column) and of nginx's autoindex.
APACHE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN"><html><head><title>Index of /gpcp/1996</title>
</head><body>
<table><tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td><a href="/gpcp/">Parent Directory</a></td></tr><tr><td><a href="/gpcp">up</a></td></tr>
<tr><td><a href="sub/">sub/</a></td></tr>
<tr><td><a href="gpcp_d19961002_c20170530.nc">gpcp_d19961002_c2017..&gt;</a></td></tr>
<tr><td><a href="gpcp_d19961001_c20170530.nc">gpcp_d19961001_c2017..&gt;</a></td></tr>
<tr><td><a href="gpcp_d19961001_c20170530.nc#top">again</a></td></tr>
<tr><td><a href="gpcp_d19961001_c20170530.nc.md5">sum</a></td></tr>
<tr><td><a href="mailto:x@y.z">mail</a><a href="http://[bad">bad</a><a>none</a></td></tr></table></body></html>"""


def listed(url: str, match: str = r"gpcp_d\d{8}_c\d{8}\.nc") -> list[str]:
    return expand("listing", {"url": url, "match": match}, context=FAST)


def test_apache_index(server: Server) -> None:
    server.page("/gpcp/1996/", APACHE)
    base = f"{server.url}/gpcp/1996/"
    assert listed(base) == [base + "gpcp_d19961001_c20170530.nc", base + "gpcp_d19961002_c20170530.nc"]


def test_pages_from_keys_make_one_list(server: Server) -> None:
    server.page("/gpcp/1996/", APACHE)
    server.page("/gpcp/1997/", '<html><a href="../">../</a><a href="gpcp_d19970101_c20170530.nc">x</a></html>')
    listing = {
        "url": server.url + "/gpcp/{year}/",
        "match": r"gpcp_.*\.nc",
        "keys": {"year": {"start": 1996, "end": 1997}},
    }
    made = FilePattern.from_inputs({"listing": listing, "concat": {"time": {}}}, context=FAST)
    assert [i.name[6:14] for i in made] == ["19961001", "19961002", "19970101"]
    assert made[2].key["time"].value == 2
    assert made[2].label.startswith("time=2 http://127.0.0.1")


def test_links_elsewhere_base_and_redirect(server: Server) -> None:
    server.routes["/data"] = lambda _: (302, {"Location": "/moved/data/"}, b"")
    server.page(
        "/moved/data/", '<html><a href="a%20b_1.nc">x</a><a href="https://cdn.host/d/b_2.nc?sig=1">x</a></html>'
    )
    found = listed(f"{server.url}/data", r"_\d\.nc")
    assert set(found) == {f"{server.url}/moved/data/a%20b_1.nc", "https://cdn.host/d/b_2.nc?sig=1"}
    server.page("/based/", f'<html><base href="{server.url}/files/"><a href="c_3.nc">x</a></html>')
    assert listed(f"{server.url}/based/", r"_\d\.nc") == [f"{server.url}/files/c_3.nc"]


def test_busy_server_is_asked_again(server: Server) -> None:
    answers = iter([(503, {}, b""), (429, {}, b""), (200, {"Content-Type": "text/html"}, APACHE.encode())])
    server.routes["/d/"] = lambda _: next(answers)
    assert len(listed(f"{server.url}/d/")) == 2
    assert len(server.requests) == 3


def test_redirects_are_checked(server: Server) -> None:
    server.routes["/d/"] = lambda _: (302, {"Location": "http://169.254.169.254/latest/"}, b"")

    def check(url: str) -> None:
        if "169.254" in url:
            raise InputError("forbidden", code="I999")

    with pytest.raises(InputError, match="I999"):
        expand("listing", {"url": f"{server.url}/d/", "match": "x"}, context=SourceContext(check_url=check))


@pytest.mark.parametrize(
    ("path", "match", "code", "says"),
    [
        ("/absent/", "x", "I604", "404"),
        ("/json/", "x", "I605", "application/json"),
        ("/empty/", "x", "I605", "no link"),
        ("/apache/", r"precip.*\.nc", "I601", "gpcp_d19961002"),
        ("/apache/", "(a+)+", "I606", "for ever"),
        ("/loop/", "x", "I604", "redirects"),
        ("/failing/", "x", "I604", "500"),
    ],
)
def test_errors(server: Server, path: str, match: str, code: str, says: str) -> None:
    server.page("/json/", "{}", "application/json")
    server.page("/empty/", "<html></html>")
    server.page("/apache/", APACHE)
    server.routes["/loop/"] = lambda _: (302, {"Location": "/loop/"}, b"")
    server.routes["/failing/"] = lambda _: (500, {}, b"")
    with pytest.raises(InputError) as caught:
        listed(server.url + path, match)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_unreachable_and_too_many(server: Server) -> None:
    with pytest.raises(InputError, match="I604") as caught:
        listed("http://user:s3cret@127.0.0.1:1/")
    assert "s3cret" not in str(caught.value)
    server.page("/d/", APACHE)
    with pytest.raises(InputError, match="I602"):
        expand("listing", {"url": f"{server.url}/d/", "match": r"\.nc"}, context=SourceContext(limit=1))


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[str]:
    handlers = pytest.importorskip("pyftpdlib.handlers")
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.servers import FTPServer

    (tmp_path / "pub" / "sst").mkdir(parents=True)
    for name in ("a_10.nc", "a_9.nc", "a_9.nc.md5"):
        (tmp_path / "pub" / "sst" / name).touch()
    authorizer = DummyAuthorizer()
    authorizer.add_anonymous(str(tmp_path))
    handler = type("Handler", (handlers.FTPHandler,), {"authorizer": authorizer})
    server = FTPServer(("127.0.0.1", 0), handler)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.serve_forever(timeout=0.05, blocking=False)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"ftp://127.0.0.1:{server.address[1]}"
    stop.set()
    thread.join()
    server.close_all()


@pytest.mark.servers
def test_ftp_folder(ftp: str) -> None:
    assert listed(f"{ftp}/pub/sst/", r"a_\d+\.nc") == [f"{ftp}/pub/sst/a_9.nc", f"{ftp}/pub/sst/a_10.nc"]
    with pytest.raises(InputError, match="no name fits"):
        listed(f"{ftp}/pub/sst", "grib")
    with pytest.raises(InputError, match="I604"):
        listed(f"{ftp}/absent/", "x")
