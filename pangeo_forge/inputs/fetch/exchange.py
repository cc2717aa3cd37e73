"""One HTTP request and its answer over libcurl, chosen by measurement (``benchmarks/fetch.py``).

libcurl brings connection reuse, TLS, chunked coding, stall detection, and each address before it is connected to.
Redirects are not left to it: every hop passes the guard and loses credentials that are not meant for it.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.credentials import REDACTOR
from pangeo_forge.inputs.fetch.failure import Transient, refused
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.inputs.fetch.lane import Lane

_BUFFER = 512 * 1024
_DROPPED_LIMIT = 256 * 1024


@dataclass
class Response:
    """Status and headers (names in lower case); ``cookies`` holds the Set-Cookie lines."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)


OnHead = Callable[[Response], bool]
OnBody = Callable[[bytes], None]


class Stop(Exception):
    """Raised by a body callback that has seen enough."""


class Exchange:
    """Receives one answer. Exceptions of the callbacks come out of :meth:`perform`; libcurl would swallow them."""

    def __init__(self, where: str, on_head: OnHead, on_body: OnBody, guard: Guard | None) -> None:
        self.where = where
        self.response = Response()
        self._on_head = on_head
        self._on_body = on_body
        self._guard = guard
        self._wants_body: bool | None = None
        self._error: BaseException | None = None
        self._dropped = 0
        self._lines: list[bytes] = []
        self._heard = 0.0
        self._patience = 0.0

    def perform(
        self, lane: Lane, url: str, headers: Mapping[str, str], timeout: float, *, head: bool = False
    ) -> Response:
        """Send the request and receive the answer. Raises Transient, InputError, or what a callback raised."""
        import pycurl

        self.begin(lane, url, headers, timeout, head=head)
        try:
            lane.handle().perform()
        except pycurl.error as error:
            return self.end(error)
        return self.end(None)

    def begin(
        self,
        lane: Lane,
        url: str,
        headers: Mapping[str, str],
        timeout: float,
        *,
        head: bool = False,
        watch: bool = True,
    ) -> None:
        """Set up the lane's handle for the request; who performs it calls :meth:`end` then.

        Without ``watch``, the caller looks for a silent server by :meth:`stalled`.
        """
        import pycurl

        curl = lane.handle()
        # Options stay on a handle: all but those of one request are set once a connection.
        if lane.prepared != (timeout, self._guard, head):
            _prepare(curl, timeout, self._guard)
            lane.lines = []
            curl.setopt(pycurl.NOPROGRESS, 0 if watch else 1)
            curl.setopt(pycurl.NOBODY, 1 if head else 0)
            if not head:
                curl.setopt(pycurl.HTTPGET, 1)
            lane.prepared = (timeout, self._guard, head)
        curl.setopt(pycurl.URL, url)
        lines = [f"{name}: {value}" for name, value in headers.items()]
        if lane.lines != lines:
            _refuse_line_breaks(lines, self.where)
            curl.setopt(pycurl.HTTPHEADER, lines)
            lane.lines = lines
        curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        curl.setopt(pycurl.WRITEFUNCTION, self._body)
        if self._guard is not None:
            curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        # libcurl's own speed limit averages over five seconds: it ends drips, this ends silence.
        self._heard, self._patience = time.monotonic(), timeout
        if watch:
            curl.setopt(pycurl.XFERINFOFUNCTION, self._tick)

    def end(self, error: Exception | None) -> Response:
        """The answer, after the transfer ended, with libcurl's ``error`` if there was one; raises as :meth:`perform`."""
        if error is not None:
            self._fail(error)
        if self._wants_body is None:
            self._parse()
        if self._error is None and self._wants_body is None:
            self._try(self._begin)  # a body of no bytes
        if self._error is not None and not isinstance(self._error, Stop):
            raise self._error
        return self.response

    def _fail(self, error: Any) -> None:
        import pycurl

        if self._error is not None:
            if isinstance(self._error, Stop):
                return
            raise self._error from None
        code, text = error.args[0], REDACTOR(str(error.args[1]))
        if code in (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE, pycurl.E_SSL_ISSUER_ERROR):
            raise InputError(
                f"the server's certificate is not valid ({text})",
                code="I313",
                where=self.where,
                hint="check the URL and SSL_CERT_FILE",
            ) from None
        if "HTTP/0.9" in text:
            raise refused(self.where, "the server's answer is not HTTP") from None
        if code in (pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL):
            raise refused(self.where, f"is not a valid URL ({text})") from None
        if "proxy" in text and ("syntax" in text or "scheme" in text):
            raise InputError(
                "the proxy that the environment names is not a valid one",  # not shown: it may hold a password
                code="I300",
                where=self.where,
                hint="check http_proxy, https_proxy and all_proxy, e.g. http://proxy.example.org:3128",
            ) from None
        raise Transient(text) from None

    def _try(self, call: Callable[[], Any]) -> bool:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - handed to perform(), which raises it
            self._error = error
            return False
        return True

    def _parse(self) -> None:
        """Take the last answer of the header lines (others are interim ones); libcurl bounds their number and length."""
        found = self.response
        for data in self._lines:
            if data.startswith(b"HTTP/"):
                parts = data.split(None, 2)
                found = self.response = Response(int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0)
                continue
            name, colon, value = data.decode("latin-1").partition(":")
            if not colon:
                continue
            name, value = name.lower(), value.strip()
            if name == "set-cookie":
                found.cookies.append(value)
            found.headers[name] = value
        self._lines.clear()

    def stalled(self) -> bool:
        """True when nothing was heard for longer than the timeout."""
        return time.monotonic() - self._heard >= self._patience

    def _tick(self, *_: int) -> int:
        if not self.stalled():
            return 0
        self._error = self._error or Transient(f"the server was silent for {self._patience:g} s")
        return 1

    def _begin(self) -> None:
        self._parse()
        self._wants_body = self._on_head(self.response)

    def _body(self, data: bytes) -> int | None:
        self._heard = time.monotonic()
        if self._wants_body is None and not self._try(self._begin):
            return -1
        if not self._wants_body:
            self._dropped += len(data)
            if self._dropped > _DROPPED_LIMIT:  # an error page that never ends: closing costs less than reading it
                self._error = Stop()
                return -1
            return None
        try:
            self._on_body(data)
        except BaseException as error:  # noqa: BLE001 - as in _try
            self._error = error
            return -1
        return None

    def _open_socket(self, purpose: int, address: Any) -> Any:
        import pycurl

        family, kind, protocol, peer = address
        assert self._guard is not None
        try:
            address = peer[0].decode() if isinstance(peer[0], bytes) else peer[0]
            self._guard.check_address(address, self.where, peer[1])
            return socket.socket(family, kind, protocol)
        except BaseException as error:  # noqa: BLE001 - as in _try
            self._error = error
            return pycurl.SOCKET_BAD


def _refuse_line_breaks(lines: list[str], where: str) -> None:
    """A line break would end the header and begin another, of whoever wrote the value."""
    for line in lines:
        if "\n" in line or "\r" in line or "\0" in line:
            raise InputError(
                f"header {line.partition(':')[0]!r} holds a line break",
                code="I300",
                where=where,
                hint="check fetch.headers and the value of the secret",
            )


def _prepare(curl: Any, timeout: float, guard: Guard | None) -> None:
    import pycurl

    curl.reset()  # options only: connections and the DNS cache live on
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.BUFFERSIZE, _BUFFER)
    curl.setopt(pycurl.MAXCONNECTS, 1)
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(timeout * 1000))
    curl.setopt(pycurl.LOW_SPEED_LIMIT, 100)  # bytes a second: a server that drips is as good as one that stalls
    curl.setopt(pycurl.LOW_SPEED_TIME, max(1, round(timeout)))
    if guard is not None:
        curl.setopt(pycurl.PROXY, "")  # through a proxy, the address that is reached could not be checked
    bundle = _certificates()
    if bundle:
        curl.setopt(pycurl.CAINFO, bundle)


@cache
def _certificates() -> str | None:
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("CURL_CA_BUNDLE") or ssl.get_default_verify_paths().cafile
    if named and os.path.exists(named):
        return named
    try:
        import certifi
    except ImportError:
        return None
    return certifi.where()
