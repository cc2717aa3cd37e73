"""A proxy before an object store that fails now and then, as stores and networks do."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

SLOW_DOWN = (
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
FAULTS = ("error", "slow down", "reset", "late", "lost answer")
"""500; 503 with S3's SlowDown; the connection ends before the request is passed on; the answer takes its time; the request is
done and its answer is lost."""


@dataclass
class Proxy:
    """Where it listens, how often it fails, and what it did."""

    upstream: str
    rate: float = 0.0
    """Of requests that fail."""
    kinds: tuple[str, ...] = FAULTS
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    url: str = ""
    faults: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def choose(self) -> str | None:
        """What is wrong with the next request."""
        with self._lock:
            self.requests += 1
            if self.rng.random() >= self.rate:
                return None
            fault = self.rng.choice(self.kinds)
            self.faults[fault] += 1
            return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def log_message(self, *_: Any) -> None:
        pass

    def _pass(self) -> None:
        body = self._body()
        fault = self.proxy.choose()
        if fault == "reset":
            self._end()
            return
        if fault in ("error", "slow down"):
            self._answer(500 if fault == "error" else 503, [("Content-Type", "application/xml")], SLOW_DOWN)
            return
        if fault == "late":
            time.sleep(0.3)
        status, headers, data = self._ask(body)
        if fault == "lost answer":
            self._end()
            return
        self._answer(status, headers, data)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        there = urlsplit(self.proxy.upstream)
        connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=60)
        kept = {
            k: v for k, v in self.headers.items() if k.lower() not in ("transfer-encoding", "content-length", "expect")
        }
        connection.request(self.command, self.path, body or None, {**kept, "Content-Length": str(len(body))})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), data

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response_only(status)
        length = str(len(data))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "content-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _end(self) -> None:
        self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        # Clients that give up while an answer is under way are what is tested.
        pass


@contextmanager
def proxy_before(upstream: str) -> Iterator[Proxy]:
    """A proxy on a free port of loopback."""
    proxy = Proxy(upstream)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    server = _Server(("127.0.0.1", 0), handler)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
