"""Answers of services, read into memory: small ones, that no cache keeps (OPeNDAP)."""

from __future__ import annotations

from pangeo_forge.inputs.fetch.decoding import Decoder, decoder_for
from pangeo_forge.inputs.fetch.exchange import Response, Stop
from pangeo_forge.inputs.fetch.failure import Transient, refused
from pangeo_forge.inputs.fetch.http import HttpTransfer
from pangeo_forge.inputs.fetch.lane import Lane

_EXCERPT = 2000
"""Bytes of an error page that are looked at."""


class _Body:
    """Collects the body of the last answer: a success whole, an error page in part."""

    def __init__(self, url: str, where: str, limit: int) -> None:
        self._url, self._where, self._limit = url, where, limit
        self._decoder: Decoder | None = None
        self.data = bytearray()

    def head(self, response: Response) -> bool:
        self.data.clear()
        self._decoder = decoder_for(response.headers.get("content-encoding"), self._url, self._where)
        if response.status != 200:
            self._limit = _EXCERPT
        return True

    def body(self, data: bytes) -> None:
        for piece in (data,) if self._decoder is None else self._decoder.feed(data):
            self.data += piece
            if len(self.data) > self._limit:
                raise Stop

    @property
    def whole(self) -> bool:
        return self._decoder is None or self._decoder.complete

    @property
    def excerpt(self) -> str:
        """The beginning as one line."""
        return " ".join(self.data.decode("utf-8", "replace").split())[:200]


def read_answer(transfer: HttpTransfer, url: str, lane: Lane, where: str, limit: int) -> bytes:
    """The body at ``url``, one attempt.

    Raises
    ------
    Transient: another attempt may do.
    InputError: I301 absent, I302 access refused, I303 any other refusal (the server's words in it) or more than ``limit``
        bytes.
    """
    sink = _Body(url, where, limit)
    response = transfer.request(url, lane, where, {}, sink.head, sink.body)
    said = f"HTTP {response.status}" + (f": {sink.excerpt}" if sink.excerpt else "")
    transfer.judge(response, where, said)
    if len(sink.data) > limit:
        raise refused(where, f"the answer is larger than {limit} bytes")
    if not sink.whole:
        raise Transient("the coded body ends in the middle")
    return bytes(sink.data)
