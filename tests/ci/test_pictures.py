"""Pictures are taken apart: what is no picture is refused, what is not needed is left out."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from matplotlib import image

from pangeo_forge.ci.pictures import LARGEST, plain_png
from pangeo_forge.errors import AutomationError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int = 2, height: int = 2, *extra: bytes, body: bytes | None = None, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    rows = (b"\0" + b"\1" * width * 3) * height if body is None else body
    return (
        SIGNATURE + chunk(b"IHDR", header) + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def test_a_picture_stays_what_it_was() -> None:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).random((20, 30, 3))
    image.imsave(buffer, pixels, format="png", metadata={"Comment": "<script>"})
    made = plain_png(buffer.getvalue(), "x")
    np.testing.assert_array_equal(image.imread(io.BytesIO(made)), image.imread(io.BytesIO(buffer.getvalue())))
    assert b"script" in buffer.getvalue()
    assert b"script" not in made


def test_text_and_what_follows_the_end_are_left_out() -> None:
    data = png(2, 2, chunk(b"tEXt", b"Comment\0::error::")) + b"PK\x03\x04 and more"
    assert plain_png(data, "x") == png()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg onload=alert(1)>",
        b"GIF89a" + b"\0" * 100,
        b"\xff\xd8\xff\xe0",
        SIGNATURE,
        SIGNATURE + b"\0" * 50,
        png()[:-6],
        png()[:40],
        png().replace(b"IDAT", b"IDAX"),
        png().replace(b"IHDR", b"IEND", 1),
        png(5000, 5000, body=b"\0" * 10),
        png(0, 1),
        png(2, 2, body=b"\0" * 15),
        png(2, 2, body=b"\0" * 3),
        png(2, 2, chunk(b"CgBI", b"")),
        png(colour=5),
        SIGNATURE + chunk(b"IDAT", b"") + png()[8:],
        png(2000, 2000, body=b"\0" * 50_000_000),
        b"\x89PNG\r\n\x1a\n" + b"x" * LARGEST,
    ],
    ids=range(19),
)
def test_refused(data: bytes) -> None:
    with pytest.raises(AutomationError) as error:
        plain_png(data, "x.png")
    assert error.value.code == "A112"


def test_damage_is_seen_wherever_it_is() -> None:
    data = png(4, 4)
    for place in range(8, len(data) - 12):
        damaged = bytearray(data)
        damaged[place] ^= 0xFF
        try:
            made = plain_png(bytes(damaged), "x")
        except AutomationError:
            continue
        assert image.imread(io.BytesIO(made)).shape[:2] == (4, 4)
