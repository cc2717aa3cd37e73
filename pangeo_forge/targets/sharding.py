"""Shards of Zarr v3 (ZEP 2, codec ``sharding_indexed``): many chunks in one object, with an index at its end.

The index holds offset and length of every chunk as little-endian uint64 in C order, all ones for a chunk that is not
stored, followed by its CRC-32C.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from pangeo_forge.errors import TargetError

ABSENT = 2**64 - 1


def join(encoded: Iterable[bytes | None]) -> tuple[bytearray, int]:
    """A shard from its encoded chunks in C order (None: not stored), and how many are stored.

    Chunks may be encoded while they are taken: no more than one is held beside the shard.
    """
    shard, index = bytearray(), []
    for data in encoded:
        index.append((ABSENT, ABSENT) if data is None else (len(shard), len(data)))
        if data is not None:
            shard += data
    table = np.array(index, "<u8").tobytes()
    shard += table + _checksum(table)
    return shard, sum(offset != ABSENT for offset, _ in index)


def split(shard: bytes, count: int, where: str) -> list[memoryview | None]:
    """The encoded chunks of a shard in C order.

    Raises
    ------
    TargetError: T021 when the index does not fit its checksum.
    """
    size = 16 * count
    table, checksum = shard[-size - 4 : -4], shard[-4:]
    if len(table) != size or _checksum(table) != checksum:
        raise TargetError(
            "the shard is damaged: its index and checksum differ", code="T021", where=where, hint="write it again"
        )
    index, view = np.frombuffer(table, "<u8").reshape(count, 2), memoryview(shard)
    return [None if o == ABSENT else view[int(o) : int(o + n)] for o, n in index]


def _checksum(data: bytes) -> bytes:
    import google_crc32c

    return int(google_crc32c.value(data)).to_bytes(4, "little")


def chunks_in(shard: Sequence[int], chunk: Sequence[int]) -> list[tuple[slice, ...]]:
    """Regions of the chunks of a shard, in C order."""
    counts = [s // c for s, c in zip(shard, chunk, strict=True)]
    return [
        tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, chunk, strict=True))
        for at in itertools.product(*map(range, counts))
    ]
