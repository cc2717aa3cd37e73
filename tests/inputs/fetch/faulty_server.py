"""An HTTP server on loopback that misbehaves as told: raw sockets, so that any fault can be made."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

ETAG = '"v1"'


@dataclass
class Request:
    """One request as it came in; ``number`` counts the requests for its path, from 1."""

    method: str
    path: str
    headers: dict[str, str]
    number: int
    connection: socket.socket

    def send(
        self, status: str, headers: dict[str, str] | None = None, body: bytes = b"", *, length: int | None = None
    ) -> None:
        """A whole answer; ``length`` lies about the body's length."""
        head = {"Content-Length": str(len(body) if length is None else length), **(headers or {})}
        lines = [f"HTTP/1.1 {status}", *(f"{k}: {v}" for k, v in head.items() if v != ""), "", ""]
        self.connection.sendall("\r\n".join(lines).encode() + (b"" if self.method == "HEAD" else body))

    def serve(self, data: bytes, *, etag: str = ETAG, cut: int | None = None, ranges: bool = True) -> None:
        """``data`` with ranges and If-Range done right; ``cut``: only so many bytes of the body, then close."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", "")) if ranges else None
        head = {"ETag": etag, **({"Accept-Ranges": "bytes"} if ranges else {})}
        if self.headers.get("if-none-match") == etag:
            return self.send("304 Not Modified", head)
        status, body = "200 OK", data
        if found and self.headers.get("if-range", etag) == etag:
            start, stop = int(found[1]), min(int(found[2] or len(data)) + 1, len(data))
            if start >= len(data):
                return self.send("416 Range Not Satisfiable", {"Content-Range": f"bytes */{len(data)}"})
            status, body = "206 Partial Content", data[start:stop]
            head["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        if cut is None or cut >= len(body):
            return self.send(status, head, body)
        self.send(status, head, body[:cut], length=len(body))
        raise ConnectionAbortedError

    def reset(self) -> None:
        """Break the connection with a RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionResetError


Handler = Callable[[Request], None]


@dataclass
class FaultyServer:
    """Answers by path; counts requests and open connections.

    A connection that its client has closed is not open, though this server's thread may not have woken to see it.
    """

    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    open_most: int = 0
    _open: set[socket.socket] = field(default_factory=set)

    @property
    def open_now(self) -> int:
        return sum(not _closed_by_client(c) for c in self._open)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def on(self, path: str, handler: Handler) -> str:
        """Answer ``path`` with ``handler``; returns its URL."""
        self.handlers[path] = handler
        return self.url(path)

    def seen(self, path: str) -> list[Request]:
        return [r for r in self.requests if r.path.partition("?")[0] == path]

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
            self.open_most = max(self.open_most, self.open_now)
        try:
            reader = connection.makefile("rb")
            while self._answer(connection, reader):
                pass
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.remove(connection)
                connection.close()

    def _answer(self, connection: socket.socket, reader: object) -> bool:
        line = reader.readline()  # type: ignore[attr-defined]
        if not line:
            return False
        method, path, _ = line.decode().split(" ", 2)
        headers: dict[str, str] = {}
        while text := reader.readline().decode("latin-1").strip():  # type: ignore[attr-defined]
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        with self._lock:
            bare = path.partition("?")[0]
            request = Request(method, path, headers, len(self.seen(bare)) + 1, connection)
            self.requests.append(request)
        handler = self.handlers.get(bare)
        if handler is None:
            request.send("404 Not Found")
        else:
            handler(request)
        return True


def _closed_by_client(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def stall(seconds: float) -> None:
    """Silence."""
    time.sleep(seconds)
