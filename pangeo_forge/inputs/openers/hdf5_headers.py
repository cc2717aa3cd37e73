"""Attributes of HDF5 objects from the bytes of their headers: a fifth of what the library's calls for each cost.

Half of the time that opening a file takes goes to its attributes (benchmarks/README.md). Most are plain numbers and texts
that lie in the object's header as they are. What is stored in another way (in a fractal heap, shared, of any other
type) is left to the library, object by object and attribute by attribute: :data:`UNKNOWN` says so.

After the HDF5 file format specification, version 3.0, sections III.E (global heap), IV.A.1 (object headers) and IV.A.2.b, d, m,
q, v (dataspace, datatype, attribute, continuation, attribute info). The library has opened each object before, and so has
checked what can be checked of its header.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

UNKNOWN = object()
"""What an attribute gives whose value the library must read."""

_ATTRIBUTE, _CONTINUATION, _ATTRIBUTE_INFO = 0x0C, 0x10, 0x15
_UNDEFINED = b"\xff" * 8
_FIRST = 1024
"""Bytes of a header that are read at once: most headers are shorter."""
_LARGEST = 1 << 20
_MOST_BLOCKS = 64


class _Unusual(Exception):
    """Something that is left to the library."""


@dataclass(frozen=True)
class Attribute:
    """One attribute as it is stored."""

    datatype: bytes
    shape: tuple[int, ...]
    data: bytes


class Headers:
    """The headers of an open file whose addresses have 8 bytes and begin at its start.

    Parameters
    ----------
    fd: an open file descriptor; it stays open.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._heaps: dict[int, dict[int, bytes]] = {}

    def attributes(self, address: int) -> dict[bytes, Attribute | None] | None:
        """Attributes of the object at an address, by name; None: left to the library, one or all."""
        try:
            return dict(self._attributes(address))
        except (_Unusual, struct.error, IndexError, ValueError, OSError):
            return None

    def value(self, attribute: Attribute | None) -> Any:
        """A number, an array of numbers, bytes of one text or an array of several (as objects); or :data:`UNKNOWN`."""
        if attribute is None or not _count(attribute):
            return UNKNOWN
        try:
            kind = _normal(attribute.datatype)
            dtype = _numbers().get(kind)
            if dtype is not None:
                return _shaped(np.frombuffer(attribute.data, dtype, _count(attribute)), attribute.shape)
            if kind[0] & 0x0F == 3 or _is_text(kind):
                texts = self._texts(attribute, kind)
                found = np.empty(len(texts), object)
                found[:] = texts
                return _shaped(found, attribute.shape)
        except (_Unusual, struct.error, IndexError, ValueError, OSError):
            pass
        return UNKNOWN

    def last_references(self, attribute: Attribute | None) -> list[int | None] | None:
        """Addresses of the last object in each of an attribute's lists of references (``DIMENSION_LIST``); None: unknown."""
        if attribute is None or not _is_list_of_references(_normal(attribute.datatype)):
            return None
        try:
            found: list[int | None] = []
            for length, heap, index in struct.iter_unpack("<IQI", attribute.data[: 16 * _count(attribute)]):
                raw = self._object(heap, index) if length else b""
                found.append(struct.unpack_from("<Q", raw, 8 * (length - 1))[0] if length else None)
            return found
        except (_Unusual, struct.error, IndexError, ValueError, OSError):
            return None

    # -- headers -----------------------------------------------------------------------------------------------------

    def _attributes(self, address: int) -> Iterator[tuple[bytes, Attribute | None]]:
        for kind, flags, body in self._messages(address):
            if kind == _ATTRIBUTE_INFO:
                at = 4 if body[1] & 1 else 2
                if body[at : at + 8] != _UNDEFINED:
                    raise _Unusual("attributes in a fractal heap")
            elif kind == _ATTRIBUTE:
                if flags & 2:
                    raise _Unusual("a shared message")
                yield _attribute(body)

    def _messages(self, address: int) -> Iterator[tuple[int, int, bytes]]:
        head = self._read(address, _FIRST)
        if head[:4] == b"OHDR" and head[4] == 2:
            yield from self._of_version_2(address, head)
        elif head[0] == 1:
            yield from self._of_version_1(address, head)
        else:
            raise _Unusual("no header of a known version")

    def _of_version_2(self, address: int, head: bytes) -> Iterator[tuple[int, int, bytes]]:
        flags, at = head[5], 6
        at += (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(head[at : at + width], "little")
        start, extra = at + width, 2 if flags & 4 else 0
        blocks = [self._whole(address, head, start + size)[start:]]
        for number, block in enumerate(blocks):
            at = 0
            while at + 4 + extra <= len(block):
                kind, length, how = struct.unpack_from("<BHB", block, at)
                at += 4 + extra
                body = _part(block, at, length)
                at += length
                if kind == _CONTINUATION:
                    where, count = struct.unpack_from("<QQ", body)
                    more = self._read(where, count)
                    if more[:4] != b"OCHK" or number > _MOST_BLOCKS:
                        raise _Unusual("a broken continuation")
                    blocks.append(more[4:-4])
                yield kind, how, body

    def _of_version_1(self, address: int, head: bytes) -> Iterator[tuple[int, int, bytes]]:
        count, size = struct.unpack_from("<H4xI", head, 2)
        blocks = [self._whole(address, head, 16 + size)[16:]]
        seen = 0
        for number, block in enumerate(blocks):
            at = 0
            while at + 8 <= len(block) and seen < count:
                kind, length, how = struct.unpack_from("<HHB", block, at)
                body = _part(block, at + 8, length)
                at += 8 + length
                seen += 1
                if kind == _CONTINUATION:
                    if number > _MOST_BLOCKS:
                        raise _Unusual("a broken continuation")
                    blocks.append(self._read(*struct.unpack_from("<QQ", body)))
                yield kind, how, body

    def _whole(self, address: int, head: bytes, size: int) -> bytes:
        return head[:size] if size <= len(head) else self._read(address, size)

    def _read(self, address: int, size: int) -> bytes:
        if size > _LARGEST:
            raise _Unusual("a header of a megabyte")
        return os.pread(self._fd, size, address)

    # -- values ------------------------------------------------------------------------------------------------------

    def _texts(self, attribute: Attribute, kind: bytes) -> list[bytes]:
        count, data = _count(attribute), attribute.data
        if kind[0] & 0x0F == 3:
            size, padding = struct.unpack_from("<I", kind, 4)[0], kind[1] & 0x0F
            if padding > 1 or not size:
                raise _Unusual("padded with spaces")
            parts = [_part(data, i * size, size) for i in range(count)]
            return [p.partition(b"\0")[0] if padding == 0 else p.rstrip(b"\0") for p in parts]
        found = []
        for length, heap, index in struct.iter_unpack("<IQI", _part(data, 0, 16 * count)):
            found.append(_part(self._object(heap, index), 0, length).partition(b"\0")[0] if length else b"")
        return found

    def _object(self, heap: int, index: int) -> bytes:
        """An object of the global heap."""
        if heap not in self._heaps:
            head = self._read(heap, 16)
            if head[:5] != b"GCOL\x01":
                raise _Unusual("no global heap")
            self._heaps[heap] = dict(_objects(self._read(heap, struct.unpack_from("<Q", head, 8)[0])))
        if index not in self._heaps[heap]:
            raise _Unusual("no such object in the global heap")
        return self._heaps[heap][index]


def _objects(collection: bytes) -> Iterator[tuple[int, bytes]]:
    at = 16
    while at + 16 <= len(collection):
        index, size = struct.unpack_from("<H6xQ", collection, at)
        if not index:
            return
        yield index, _part(collection, at + 16, size)
        at += 16 + size + -size % 8


def _attribute(body: bytes) -> tuple[bytes, Attribute | None]:
    version, flags, name, datatype, space = struct.unpack_from("<BBHHH", body)
    if version not in (1, 2, 3):
        raise _Unusual("an attribute of an unknown version")
    at, align = (9, 1) if version == 3 else (8, 8 if version == 1 else 1)
    parts = []
    for size in (name, datatype, space):
        parts.append(_part(body, at, size))
        at += size + -size % align
    key = parts[0].partition(b"\0")[0]
    shape = _shape(parts[2])
    # Shared types and spaces lie elsewhere.
    usual = shape is not None and not (version > 1 and flags & 3)
    return key, Attribute(parts[1], shape, body[at:]) if usual and shape is not None else None


def _shape(space: bytes) -> tuple[int, ...] | None:
    version, rank = space[0], space[1]
    if version == 1:
        return struct.unpack_from(f"<{rank}Q", space, 8)
    if version == 2 and space[3] != 2:
        return struct.unpack_from(f"<{rank}Q", space, 4)
    return None


def _part(data: bytes, start: int, size: int) -> bytes:
    found = data[start : start + size]
    if len(found) != size:
        raise _Unusual("cut short")
    return found


def _count(attribute: Attribute) -> int:
    count = 1
    for length in attribute.shape:
        count *= length
    return count


def _shaped(values: np.ndarray, shape: tuple[int, ...]) -> Any:
    if len(values) == 1 and len(shape) < 2:
        return values[0]
    # A copy, since the bytes of a header cannot be written to.
    return values.reshape(shape).copy()


def _normal(datatype: bytes) -> bytes:
    """A datatype's message as the oldest version writes it; numbers and texts are the same in all."""
    return bytes([datatype[0] & 0x0F | 0x10]) + datatype[1:]


def _is_text(kind: bytes) -> bool:
    """A text of variable length, which ends at its first NUL."""
    return kind[0] & 0x0F == 9 and kind[1] & 0x0F == 1 and kind[1] >> 4 == 0


def _is_list_of_references(kind: bytes) -> bool:
    """Lists of variable length of references to objects."""
    return kind[0] & 0x0F == 9 and kind[1] & 0x0F == 0 and kind[8] & 0x0F == 7 and kind[9] & 0x0F == 0


@lru_cache(maxsize=1)
def _numbers() -> dict[bytes, np.dtype[Any]]:
    """dtypes by the datatype messages of numbers that are stored as numpy holds them."""
    from h5py import h5t

    found = {}
    for order, kind in product("<>", ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")):
        dtype = np.dtype(f"{order}{kind}")
        # Two bytes in front say that it is a datatype.
        found[_normal(h5t.py_create(dtype).encode()[2:])] = dtype
    return found
