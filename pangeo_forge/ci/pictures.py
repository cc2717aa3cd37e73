"""PNG files from strangers, taken apart and put together again from what a picture needs: no text, no trailing data."""

from __future__ import annotations

import struct
import zlib

from pangeo_forge.errors import AutomationError

LARGEST = 600_000
"""Bytes of one picture."""
LONGEST_SIDE = 2000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def plain_png(data: bytes, where: str) -> bytes:
    """The same picture, of its necessary chunks only.

    Raises
    ------
    AutomationError: A112, it is no PNG, it is too large, or its parts contradict each other.
    """
    if len(data) > LARGEST:
        raise _refusal(f"the picture has {len(data)} bytes, more than {LARGEST}", where)
    if not data.startswith(_SIGNATURE):
        raise _refusal("the file is not a PNG picture", where)
    chunks = _chunks(data, where)
    kinds = [kind for kind, _ in chunks]
    if kinds[:1] != [b"IHDR"] or kinds.count(b"IHDR") != 1 or kinds[-1:] != [b"IEND"] or b"IDAT" not in kinds:
        raise _refusal("the parts of the picture are not in order", where)
    wanted = _content_size(chunks[0][1], where)
    packed = b"".join(body for kind, body in chunks if kind == b"IDAT")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, wanted + 1)
    except zlib.error:
        raise _refusal("the picture's content cannot be unpacked", where) from None
    if len(content) != wanted or unpacker.unconsumed_tail or unpacker.unused_data:
        raise _refusal("the picture's content is not of the size that it tells", where)
    return _SIGNATURE + b"".join(_packed(kind, body) for kind, body in chunks)


def _chunks(data: bytes, where: str) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    at = len(_SIGNATURE)
    while at < len(data):
        if len(data) - at < 12:
            raise _refusal("the picture is cut off", where)
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body, end = data[at + 8 : at + 8 + size], at + 12 + size
        if end > len(data) or zlib.crc32(kind + body) != struct.unpack(">I", data[end - 4 : end])[0]:
            raise _refusal("a part of the picture is damaged", where)
        if kind in _KEPT:
            found.append((kind, body))
        elif not kind[:1].islower():
            raise _refusal("a part of the picture is of an unknown kind", where)
        at = end
        if kind == b"IEND":
            break
    return found


def _content_size(header: bytes, where: str) -> int:
    """Bytes of the picture's unpacked content."""
    if len(header) != 13:
        raise _refusal("the picture's header is damaged", where)
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    if not 0 < width <= LONGEST_SIDE or not 0 < height <= LONGEST_SIDE:
        raise _refusal(f"the picture is of {width} x {height} points, more than {LONGEST_SIDE} a side", where)
    if depth not in (1, 2, 4, 8) or colour not in _CHANNELS or (compression, filtering, interlace) != (0, 0, 0):
        raise _refusal("the picture is of a form that is not shown", where)
    return int(height * (1 + (width * depth * _CHANNELS[colour] + 7) // 8))


def _packed(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _refusal(message: str, where: str) -> AutomationError:
    return AutomationError(message, code="A112", where=where, hint="it is left out of the report")
