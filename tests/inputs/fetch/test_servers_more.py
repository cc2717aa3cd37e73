"""More real servers on loopback: sftp, ftps, a disk that is really full, big files, tokens that expire."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch import Auth, Cache, Fetcher, FetchOptions, Guard
from tests.inputs.fetch.faulty_server import FaultyServer, Request

DATA = os.urandom(3 << 20)


# -- sftp --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    paramiko = pytest.importorskip("paramiko")
    folder = tmp_path / "sftp"
    folder.mkdir()
    key = paramiko.RSAKey.generate(2048)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve_sftp, args=(paramiko, listener, key, folder), daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}", folder
    listener.close()


def _serve_sftp(paramiko: Any, listener: socket.socket, key: Any, folder: Path) -> None:
    class Login(paramiko.ServerInterface):  # type: ignore[misc]
        def check_auth_password(self, username: str, password: str) -> int:
            good = (username, password) == ("me", "pass-word-1")
            return int(paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED)

        def check_channel_request(self, kind: str, chanid: int) -> int:
            return int(paramiko.OPEN_SUCCEEDED)

        def get_allowed_auths(self, username: str) -> str:
            return "password"

    class Files(paramiko.SFTPServerInterface):  # type: ignore[misc]
        def stat(self, path: str) -> Any:
            try:
                return paramiko.SFTPAttributes.from_stat(os.stat(folder / path.lstrip("/")))
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)

        lstat = stat

        def open(self, path: str, flags: int, attr: Any) -> Any:
            try:
                file = open(folder / path.lstrip("/"), "rb")  # noqa: SIM115 - the handle closes it
            except OSError as error:
                return paramiko.SFTPServer.convert_errno(error.errno)
            handle = paramiko.SFTPHandle(flags)
            handle.readfile = file
            handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.fstat(file.fileno()))
            return handle

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        transport = paramiko.Transport(connection)
        transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
        try:
            transport.start_server(server=Login())
        except (paramiko.SSHException, EOFError):
            transport.close()


@pytest.mark.servers
def test_sftp(sftp: tuple[str, Path], make_fetcher: Callable[..., Fetcher]) -> None:
    host, folder = sftp
    (folder / "a.nc").write_bytes(DATA)
    options = {"auth": Auth("basic", "SSH"), "timeout": 20, "retries": 0}
    fetcher = make_fetcher(options, secrets={"SSH": "me:pass-word-1"})
    found = fetcher.fetch(f"sftp://{host}/a.nc")
    assert Path(found.path).read_bytes() == DATA
    assert found.last_modified
    assert fetcher.fetch(f"sftp://{host}/a.nc", revalidate=True).from_cache
    assert not fetcher.exists(f"sftp://{host}/gone.nc")
    with pytest.raises(InputError) as caught:
        make_fetcher(options, secrets={"SSH": "me:wrong-word"}).fetch(f"sftp://{host}/b.nc")
    assert caught.value.code == "I302"
    assert "wrong-word" not in str(caught.value)


# -- ftp and ftps --------------------------------------------------------------------------------------------------------


@pytest.fixture
def serve_ftp(tmp_path: Path) -> Iterator[Callable[..., tuple[str, Path]]]:
    pytest.importorskip("pyftpdlib")
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.servers import FTPServer

    made: list[Any] = []

    def serve(base: type, **attributes: Any) -> tuple[str, Path]:
        folder = tmp_path / "ftp"
        folder.mkdir()
        users = DummyAuthorizer()
        users.add_anonymous(str(folder))
        handler = type("Handler", (base,), {"authorizer": users, "use_sendfile": False, **attributes})
        server = FTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"timeout": 0.05, "handle_exit": False}, daemon=True
        )
        thread.start()
        made.append((server, thread))
        return f"127.0.0.1:{server.address[1]}", folder

    yield serve
    for server, thread in made:
        server.close_all()
        thread.join(5)


@pytest.mark.servers
def test_ftp_asks_for_the_rest_only(
    serve_ftp: Callable[..., tuple[str, Path]], make_fetcher: Callable[..., Fetcher]
) -> None:
    """The server closes the data connection after 1 MiB; the second RETR begins where the first one broke."""
    from pyftpdlib.handlers import DTPHandler, FTPHandler

    asked: list[int] = []
    sent: list[int] = []

    class Cut(DTPHandler):  # type: ignore[misc]
        def send(self, data: bytes) -> int:
            done: int = super().send(data)
            sent.append(done)
            if len(asked) == 1 and sum(sent) >= 1 << 20:
                self.close()
            return done

    class Handler(FTPHandler):  # type: ignore[misc]
        dtp_handler = Cut

        def ftp_RETR(self, file: str) -> Any:
            asked.append(self._restart_position)
            return super().ftp_RETR(file)

    host, folder = serve_ftp(Handler)
    (folder / "a.nc").write_bytes(DATA)
    assert Path(make_fetcher({"timeout": 2}).fetch(f"ftp://{host}/a.nc").path).read_bytes() == DATA
    assert asked[0] == 0
    assert len(asked) == 2
    assert 0 < asked[1] <= sum(sent)
    assert asked[1] >= 1 << 19


@pytest.mark.servers
def test_ftps(
    serve_ftp: Callable[..., tuple[str, Path]],
    make_fetcher: Callable[..., Fetcher],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handlers = pytest.importorskip("pyftpdlib.handlers")
    if not hasattr(handlers, "TLS_FTPHandler"):
        pytest.skip("pyftpdlib without PyOpenSSL")
    pem = tmp_path / "server.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]  # noqa: RUF005
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(pem), "-out", str(tmp_path / "cert.pem")],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("no openssl")
    pem.write_bytes(pem.read_bytes() + (tmp_path / "cert.pem").read_bytes())
    host, folder = serve_ftp(
        handlers.TLS_FTPHandler, certfile=str(pem), tls_control_required=True, tls_data_required=True
    )
    (folder / "a.nc").write_bytes(DATA)
    with pytest.raises(InputError) as caught:
        make_fetcher({"timeout": 10, "retries": 0}).fetch(f"ftps://{host}/a.nc")
    assert caught.value.code == "I313"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    assert Path(make_fetcher({"timeout": 10, "retries": 0}).fetch(f"ftps://{host}/a.nc").path).read_bytes() == DATA


# -- a full disk ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.servers
def test_a_disk_that_is_really_full(
    tiny_disk: Path, server: FaultyServer, make_fetcher: Callable[..., Fetcher]
) -> None:
    small = server.on("/small", lambda r: r.serve(DATA[:1000]))
    large = server.on("/large", lambda r: r.serve(DATA))
    cache = Cache(str(tiny_disk / "cache"))
    fetcher = make_fetcher({"ranges": False}, cache=cache)
    outcome = fetcher.fetch_all([large])
    assert [f.code for f in outcome.failed] == ["I308"]
    assert not list(cache.files("partial"))  # what did not fit does not take the place of others
    assert not fetcher.fetch_all([small]).failed
    assert make_fetcher(cache=cache).fetch(small).from_cache


# -- credentials ---------------------------------------------------------------------------------------------------------


def test_an_expired_token_is_asked_for_once_more(server: FaultyServer, make_fetcher: Callable[..., Fetcher]) -> None:
    handed: list[str] = []

    def provider(name: str) -> str:
        handed.append(f"token-number-{len(handed)}")
        return handed[-1]

    def handler(r: Request) -> None:
        good = r.headers.get("authorization") == "Bearer token-number-1"
        r.serve(DATA) if good else r.send("401 Unauthorized")

    urls = [server.on(f"/{i}", handler) for i in range(3)]
    outcome = make_fetcher({"auth": Auth("bearer", "T"), "max_concurrency": 1}, secrets=provider).fetch_all(urls)
    assert not outcome.failed
    assert len(handed) == 2  # and the fresh one serves all that follows
    shown = [r.headers["authorization"] for r in server.requests]
    assert shown.count("Bearer token-number-1") == 3
    assert len(shown) <= 5


def test_a_token_that_stays_bad_is_refreshed_only_once(
    server: FaultyServer, make_fetcher: Callable[..., Fetcher]
) -> None:
    handed: list[str] = []

    def provider(name: str) -> str:
        handed.append(f"token-number-{len(handed)}")
        return handed[-1]

    url = server.on("/a", lambda r: r.send("401 Unauthorized"))
    with pytest.raises(InputError) as caught:
        make_fetcher({"auth": Auth("bearer", "T")}, secrets=provider).fetch(url)
    assert caught.value.code == "I302"
    assert len(server.requests) == len(handed) == 2


def test_hosts_of_the_recipe_may_see_the_secret() -> None:
    from pangeo_forge.recipe.fetch import Fetch

    section = Fetch.model_validate(
        {"auth": {"kind": "bearer", "secret": "T", "hosts": ["Data.example.org", "*.b.org"]}}
    )
    auth = FetchOptions.from_recipe(section).auth
    assert auth is not None
    assert auth.hosts == ("data.example.org", "*.b.org")
    for bad in ("https://a.org", "*", "*.org", "", "a b"):
        with pytest.raises(ValueError, match=r"R043|host"):
            Fetch.model_validate({"auth": {"kind": "bearer", "secret": "T", "hosts": [bad]}})


# -- what needs no thread ------------------------------------------------------------------------------------------------


def test_no_thread_without_need(
    server: FaultyServer, make_fetcher: Callable[..., Fetcher], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = [server.on(f"/{i}", lambda r: r.serve(DATA[:100])) for i in range(3)]
    (tmp_path / "local.nc").write_bytes(DATA[:100])
    make_fetcher().fetch_all(urls)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a thread was started")

    # The server's own threads are started in another module.
    monkeypatch.setattr("pangeo_forge.inputs.fetch.crew.threading.Thread.start", refuse)
    assert len(make_fetcher().fetch_all([*urls, str(tmp_path / "local.nc")]).fetched) == 4
    monkeypatch.undo()
    monkeypatch.setattr("pangeo_forge.inputs.fetch.crew.Crew.__iter__", refuse)
    outcome = make_fetcher({"cache": False}, cache=None).fetch_all([*urls, server.url("/gone")])
    assert [f is None for f in outcome.fetched] == [False, False, False, True]


def test_hits_pass_the_guard(server: FaultyServer, make_fetcher: Callable[..., Fetcher]) -> None:
    url = server.on("/a", lambda r: r.serve(DATA[:100]))
    make_fetcher().fetch(url)
    outcome = make_fetcher(guard=Guard()).fetch_all([url])
    assert [f.code for f in outcome.failed] == ["I306"]


# -- what a crash of the machine may take ----------------------------------------------------------------------------------


def test_what_another_boot_wrote_is_read_once_before_it_is_trusted(
    server: FaultyServer, make_fetcher: Callable[..., Fetcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has its length but not its content: what a crash before the flush leaves."""
    urls = [server.on(f"/{i}", lambda r: r.serve(DATA[:5000] + r.path.encode())) for i in range(2)]
    found = make_fetcher().fetch_all(urls).fetched
    assert found[0] is not None
    Path(found[0].path).write_bytes(bytes(found[0].size))
    monkeypatch.setattr("pangeo_forge.inputs.fetch.copies.boot_id", lambda: "another boot")
    again = make_fetcher().fetch_all(urls).fetched
    assert [f.from_cache for f in again if f] == [False, True]
    assert [Path(f.path).read_bytes()[:5000] for f in again if f] == [DATA[:5000]] * 2
    reads: list[object] = []
    monkeypatch.setattr("pangeo_forge.inputs.fetch.inventory.digest_of", lambda *a: reads.append(a))
    assert all(f.from_cache for f in make_fetcher().fetch_all(urls).fetched if f)
    assert not reads
