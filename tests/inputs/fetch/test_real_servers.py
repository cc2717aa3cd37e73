"""Transfers from real servers on loopback: nginx, an FTP server, and emulators of S3 and GCS."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch import Auth, Cache

pytestmark = pytest.mark.servers
DATA = bytes(range(256)) * 4000


def put(www: Path, folder: str, count: int) -> None:
    (www / folder).mkdir()
    for i in range(count):
        (www / folder / f"{i}.bin").write_bytes(DATA + bytes([i]))


def test_nginx_limits_the_rate(nginx, make_fetcher):
    base, www = nginx
    put(www, "slow", 8)
    fetcher = make_fetcher({"retries": 10, "first_pause": 0.2})
    outcome = fetcher.fetch_all([f"{base}/slow/{i}.bin" for i in range(8)])
    assert not outcome.failed
    assert [Path(f.path).read_bytes()[-1] for f in outcome.fetched if f] == list(range(8))


def test_nginx_counts_connections(nginx, make_fetcher):
    """It answers 503 above three connections, and we are not to see a single one."""
    base, www = nginx
    put(www, "few", 40)
    outcome = make_fetcher({"retries": 0, "max_concurrency": 3}).fetch_all([f"{base}/few/{i}.bin" for i in range(40)])
    assert not outcome.failed


@pytest.mark.parametrize("folder", ["whole", "plain"])
def test_nginx_big_file(nginx, make_fetcher, monkeypatch, folder):
    monkeypatch.setattr("pangeo_forge.inputs.fetch.ranges.PIECE", 1 << 20)
    base, www = nginx
    (www / folder).mkdir()
    big = os.urandom(1 << 20) * 10
    (www / folder / "big.bin").write_bytes(big)
    found = make_fetcher({"parallel_over": 4 << 20}).fetch(f"{base}/{folder}/big.bin")
    assert Path(found.path).read_bytes() == big


@pytest.fixture
def ftp(tmp_path):
    pytest.importorskip("pyftpdlib")
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

    folder = tmp_path / "ftp"
    folder.mkdir()
    users = DummyAuthorizer()
    users.add_user("me", "pass-word-1", str(folder), perm="elr")
    users.add_anonymous(str(folder))
    handler = type("Handler", (FTPHandler,), {"authorizer": users, "use_sendfile": False})
    server = FTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"timeout": 0.05, "handle_exit": False}, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.address[1]}", folder, handler
    server.close_all()
    thread.join(5)


def test_ftp(ftp, make_fetcher):
    host, folder, _ = ftp
    (folder / "a b.nc").write_bytes(DATA)
    fetcher = make_fetcher({"auth": Auth("basic", "FTP")}, secrets={"FTP": "me:pass-word-1"})
    found = fetcher.fetch(f"ftp://{host}/a%20b.nc")
    assert Path(found.path).read_bytes() == DATA
    assert fetcher.fetch(f"ftp://{host}/a%20b.nc", revalidate=True).from_cache
    assert not make_fetcher().exists(f"ftp://{host}/gone.nc")


def test_ftp_resumes(ftp, make_fetcher):
    host, folder, handler = ftp
    (folder / "a.nc").write_bytes(DATA)
    offsets: list[int] = []
    real = handler.ftp_RETR

    def retr(self, path):
        offsets.append(self._restart_position)
        answer = real(self, path)
        if len(offsets) == 1:
            self.server.ioloop.call_later(0.0, lambda: self.data_channel and self.data_channel.close())
        return answer

    handler.ftp_RETR = retr
    assert Path(make_fetcher().fetch(f"ftp://{host}/a.nc").path).read_bytes() == DATA
    assert len(offsets) >= 2


def test_ftp_wrong_password(ftp, make_fetcher):
    host, folder, _ = ftp
    (folder / "a.nc").write_bytes(DATA)
    fetcher = make_fetcher({"auth": Auth("basic", "FTP"), "retries": 0, "timeout": 10}, secrets={"FTP": "me:nope-nope"})
    with pytest.raises(InputError) as caught:
        fetcher.fetch(f"ftp://{host}/a.nc")
    assert caught.value.code == "I302"
    assert "nope-nope" not in str(caught.value)


def test_s3_as_source_and_as_cache(s3, make_fetcher, server):
    endpoint, client = s3
    client.put_object(Bucket="bucket", Key="in/a.nc", Body=DATA)
    options = {"storage_options": {"endpoint_url": endpoint}, "auth": Auth("s3", "S3"), "timeout": 20}
    fetcher = make_fetcher(options, secrets={"S3": "AKID12345:SECRET678"})
    found = fetcher.fetch("s3://bucket/in/a.nc")
    assert Path(found.path).read_bytes() == DATA
    assert not fetcher.exists("s3://bucket/in/gone.nc")
    store = Cache("s3://bucket/cache", {"key": "a", "secret": "b", "client_kwargs": {"endpoint_url": endpoint}})
    url = server.on("/x", lambda r: r.serve(DATA))
    assert not make_fetcher(cache=store).fetch(url).from_cache
    again = make_fetcher(cache=store).fetch(url)
    assert again.from_cache
    assert Path(again.path).read_bytes() == DATA


def test_gcs_as_source_and_as_cache(gcs, make_fetcher, server):
    endpoint, fs = gcs
    fs.pipe_file("bucket/in/a.nc", DATA)
    options = {"storage_options": {"endpoint_url": endpoint, "token": "anon"}, "timeout": 20}
    fetcher = make_fetcher(options)
    assert Path(fetcher.fetch("gs://bucket/in/a.nc").path).read_bytes() == DATA
    assert not fetcher.exists("gs://bucket/in/gone.nc")
    store = Cache("gs://bucket/cache", {"endpoint_url": endpoint, "token": "anon"})
    url = server.on("/x", lambda r: r.serve(DATA))
    assert not make_fetcher(cache=store).fetch(url).from_cache
    again = make_fetcher(cache=store).fetch(url)
    assert again.from_cache
    assert Path(again.path).read_bytes() == DATA
