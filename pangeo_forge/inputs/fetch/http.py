"""Transfers over http and https: resumable, in parallel ranges, redirects followed hop by hop."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.address import encoded_url, host_of, redact_url
from pangeo_forge.inputs.fetch.cookies import CookieBox
from pangeo_forge.inputs.fetch.decoding import Decoder, decoder_for
from pangeo_forge.inputs.fetch.exchange import Exchange, OnBody, OnHead, Response, Stop
from pangeo_forge.inputs.fetch.failure import Transient, absent, denied, refused
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.inputs.fetch.lane import Lane
from pangeo_forge.inputs.fetch.model import Remote
from pangeo_forge.inputs.fetch.options import FetchOptions
from pangeo_forge.inputs.fetch.partial import PartialFile
from pangeo_forge.inputs.fetch.progress import Progress
from pangeo_forge.inputs.fetch.ranges import PieceDownload, fetch_pieces
from pangeo_forge.inputs.fetch.signing import Signer

MAX_HOPS = 15
_REDIRECTS = (301, 302, 303, 307, 308)
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
_AGENT = "pangeo-forge (+https://pangeo-forge.org)"


class HttpTransfer:
    """All http requests of a fetcher. Thread-safe; each thread brings its lane."""

    def __init__(self, options: FetchOptions, signer: Signer, guard: Guard | None, progress: Progress) -> None:
        self.options = options
        self.signer = signer
        self.guard = guard
        self.progress = progress
        self.cookies = CookieBox()

    def stat(self, url: str, lane: Lane, where: str) -> Remote:
        """What the server says of ``url``: HEAD, or the first byte where HEAD is not allowed."""
        response = self.request(url, lane, where, {}, head=True)
        if response.status in (400, 403, 405, 501):
            response = self.request(url, lane, where, {"Range": "bytes=0-0"}, on_body=_stop)
        self.judge(response, where)
        total = re.search(r"/(\d+)\s*$", response.headers.get("content-range", ""))
        remote = remote_of(response)
        return (
            Remote(int(total[1]), remote.etag, remote.last_modified, True)
            if response.status == 206 and total
            else remote
        )

    def download(
        self, url: str, part: PartialFile, lane: Lane, where: str, unless: Remote | None = None
    ) -> Remote | None:
        """One attempt to bring ``part`` to the whole file. None: unchanged since ``unless``."""
        headers: dict[str, str] = {}
        resumable = self.options.ranges and part.remote.ranges and part.remote.validator
        if part.size and not resumable:
            part.restart()
        if part.size:
            headers = {"Range": f"bytes={part.size}-", "If-Range": part.remote.validator or ""}
        elif unless is not None:
            headers = _conditions(unless)
        sink = Download(self, url, part, lane, where)
        before = part.size
        try:
            response = self.request(url, lane, where, headers, sink.head, sink.body)
            if sink.pieces:
                fetch_pieces(PieceDownload(self, url, where, part), lane, sink.pieces)
            elif response.status == 304 and unless is not None:
                return None
            else:
                self.settle(response, sink, where)
        except Transient as error:
            error.gained = max(0, part.size - before)
            raise
        finally:
            for spare in sink.pieces:
                spare.close()
        return part.remote

    def settle(self, response: Response, sink: Download, where: str) -> None:
        """Judge an answer whose body went into ``sink``: raises unless the file is whole."""
        part = sink.part
        if response.status == 416 and part.size:
            if part.remote.size == part.size:
                return  # killed between the last byte and publishing
            part.restart()
            raise Transient("the server refuses to resume (416)")
        self.judge(response, where)
        sink.finish()
        if part.remote.size is not None and part.size != part.remote.size:
            got, said = part.size, part.remote.size
            if got > said:
                part.restart()
            raise Transient(f"{got} bytes came, {said} were announced")

    def request(
        self,
        url: str,
        lane: Lane,
        where: str,
        headers: Mapping[str, str],
        on_head: OnHead | None = None,
        on_body: OnBody | None = None,
        *,
        head: bool = False,
    ) -> Response:
        """One request, redirects followed; a refused credential is refreshed once."""
        refreshed = False
        while True:
            response = self._follow(url, lane, where, headers, on_head or _success, on_body or _drop, head=head)
            if response.status != 401 or refreshed or self.signer.auth is None:
                return response
            refreshed = True
            had_cookies = self.cookies.clear()
            if not self.signer.refresh() and not had_cookies:
                return response

    def _follow(
        self,
        url: str,
        lane: Lane,
        where: str,
        headers: Mapping[str, str],
        on_head: OnHead,
        on_body: OnBody,
        *,
        head: bool,
    ) -> Response:
        here = encoded_url(url)
        first, seen = here, dict[str, int]()
        for _ in range(MAX_HOPS):
            if self.guard is not None:
                self.guard.check_url(here)
            seen[here] = seen.get(here, 0) + 1
            if seen[here] > 3:  # signing in comes back to the same URL, but not for ever
                break
            target, sent = self._request(here, first, headers)
            lane.enter(here)
            exchange = Exchange(where, on_head, on_body, self.guard)
            response = exchange.perform(lane, target, sent, self.options.timeout, head=head)
            if response.cookies:
                self.cookies.keep(target, response.cookies)
            location = response.headers.get("location")
            if response.status not in _REDIRECTS or not location:
                return response
            here = self._next(here, location, where)
        raise InputError(
            "redirects without end", code="I307", where=where, hint="sign in with a browser once, or check fetch.auth"
        )

    def _request(self, here: str, first: str, headers: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        if here[here.find("//") + 2 :][:1] in ("", "/", "?"):  # libcurl would take the path for a host
            raise refused(redact_url(here), "is not a valid URL (it names no host)")
        target, signed = self.signer.sign(here, first)
        sent = {"User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        if here == first or host_of(here) == host_of(first):
            sent.update(self.options.headers)
        sent.update(headers)
        sent.update(signed)
        sent.update(self.cookies.header(target))
        return target, sent

    def first_request(self, url: str) -> tuple[str, dict[str, str]]:
        """What to ask for and the headers to send, for the whole of ``url``."""
        here = encoded_url(url)
        return self._request(here, here, {})

    @staticmethod
    def _next(here: str, location: str, where: str) -> str:
        try:
            with suppress(UnicodeError):  # header lines are read as Latin-1, many servers write UTF-8
                location = location.encode("latin-1").decode("utf-8")
            there = encoded_url(urljoin(here, location))
            usable = urlsplit(there).scheme in ("http", "https") and bool(urlsplit(there).hostname)
        except ValueError:
            there, usable = "", False
        if not usable:
            raise InputError(
                f"redirects to {redact_url(there)!r}", code="I307", where=where, hint="only http and https are followed"
            )
        return there

    def judge(self, response: Response, where: str, said: str = "") -> None:
        """Raise what a status that is no success means; ``said`` is what the server said, if more than the status."""
        status = response.status
        if status in (200, 206):
            return
        said = said or f"HTTP {status}"
        if status in (404, 410):
            raise absent(where, f"HTTP {status}")
        if status in (401, 403, 407):
            raise denied(where, said)
        if status in _TRANSIENT:
            raise Transient(said, retry_after=retry_after(response.headers.get("retry-after")))
        raise refused(where, f"the server answers {said}")


class Download:
    """Where the body of an answer goes."""

    def __init__(self, transfer: HttpTransfer, url: str, part: PartialFile, lane: Lane, where: str) -> None:
        self.part = part
        self.pieces: list[Lane] = []
        self._transfer = transfer
        self._url = url
        self._lane = lane
        self._where = where
        self._decoder: Decoder | None = None

    def head(self, response: Response) -> bool:
        """Take the headers; True when the body is the file."""
        whole = response.status == 200
        if response.status == 206:
            # Some servers answer so whatever they are asked for.
            whole = not self.part.size and all_of(response) is not None
            if not whole:
                return self._continue(response)
        if not whole:
            return False
        remote = remote_of(response)
        self._decoder = decoder_for(response.headers.get("content-encoding"), self._url, self._where)
        if self._decoder is not None:  # length and ranges are those of the coded body, not of the file
            remote = Remote(None, remote.etag, remote.last_modified, False)
        self._check_size(remote.size or 0)
        self.part.begin(remote)
        self._maybe_split(remote)
        return True

    def _continue(self, response: Response) -> bool:
        if not self.part.size:
            raise Transient("the server sent a part of the file, though all of it was asked for")
        start, total = content_range(response)
        same = start == self.part.size and total == self.part.remote.size
        etag = response.headers.get("etag")
        if not same or (etag and self.part.remote.etag and etag != self.part.remote.etag):
            self.part.restart()
            raise Transient("the file changed while it was fetched, or the server sent another range than asked for")
        self.part.begin(self.part.remote, resumed=True)
        self._maybe_split(self.part.remote)
        return True

    def _maybe_split(self, remote: Remote) -> None:
        options = self._transfer.options
        left = (remote.size or 0) - self.part.size
        if options.ranges and remote.ranges and remote.validator and left > options.parallel_over:
            self.pieces = self._lane.spare(self._url, 3)
            if self.pieces:
                raise Stop

    def body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._transfer.progress.add_bytes(len(data))
        for piece in (data,) if self._decoder is None else self._decoder.feed(data):
            self.part.write(piece)
            self._check_size(self.part.size)

    def finish(self) -> None:
        """The body is over."""
        if self._decoder is not None and not self._decoder.complete:
            self.part.restart()
            raise Transient("the coded body ends in the middle")

    def _check_size(self, size: int) -> None:
        if self._transfer.guard is not None:
            self._transfer.guard.check_size(size, self._where)


def remote_of(response: Response) -> Remote:
    """Size, etag, modification time and ranges from the headers of a whole file."""
    length = str(all_of(response) or response.headers.get("content-length", ""))
    ranges = "bytes" in response.headers.get("accept-ranges", "").lower()
    return Remote(
        int(length) if length.isdigit() and response.status in (200, 206) else None,
        response.headers.get("etag"),
        response.headers.get("last-modified"),
        ranges,
    )


def all_of(response: Response) -> int | None:
    """Size of the file, of a 206 whose range is all of it."""
    if response.status != 206:
        return None
    found = re.fullmatch(r"bytes 0-(\d+)/(\d+)", response.headers.get("content-range", "").strip())
    return int(found[2]) if found and int(found[1]) + 1 == int(found[2]) else None


def content_range(response: Response) -> tuple[int | None, int | None]:
    """First byte and total size of a 206."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("content-range", "").strip())
    return (int(found[1]), int(found[2])) if found else (None, None)


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header: a number or an HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _conditions(remote: Remote) -> dict[str, str]:
    if remote.etag:
        return {"If-None-Match": remote.etag}
    return {"If-Modified-Since": remote.last_modified} if remote.last_modified else {}


def _success(response: Response) -> bool:
    return response.status in (200, 206)


def _drop(data: bytes) -> None:
    return None


def _stop(data: bytes) -> None:
    raise Stop
