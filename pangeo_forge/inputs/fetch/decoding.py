"""Bodies that a server codes although ``identity`` was asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from pangeo_forge.inputs.fetch.failure import Transient, refused

_PIECE = 2**20


class Decoder:
    """Streams gzip or zlib, several gzip members included."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=47)
        self._fed = False

    @property
    def complete(self) -> bool:
        """True when the stream ended where it should (no bytes at all: an empty file)."""
        return self._inflate.eof or not self._fed

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded bytes, in pieces of bounded size: a few bytes may stand for very many."""
        try:
            while data:
                if self._inflate.eof:
                    data = data.lstrip(b"\0")  # padding between and behind members
                    if not data:
                        return
                    self._inflate = zlib.decompressobj(wbits=47)
                self._fed = True
                if piece := self._inflate.decompress(data, _PIECE):
                    yield piece
                data = self._inflate.unconsumed_tail or self._inflate.unused_data
        except zlib.error as error:
            raise Transient(f"the coded body is damaged ({error})") from None


def decoder_for(encoding: str | None, url: str, where: str) -> Decoder | None:
    """The decoder of a Content-Encoding; None: the body is the file.

    Servers that know nothing but suffixes call ``x.nc.gz`` an ``x.nc`` coded as gzip; there the coded body is the file.
    """
    coding = (encoding or "identity").strip().lower()
    if coding in ("identity", ""):
        return None
    if coding in ("gzip", "x-gzip", "deflate"):
        return None if urlsplit(url).path.lower().endswith((".gz", ".tgz")) else Decoder()
    raise refused(where, f"the server codes the body as {coding!r}, which was not asked for")
