"""Filters are undone exactly, and nothing that is not exact passes."""

from __future__ import annotations

import bz2
import struct
import zlib

import h5py
import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pangeo_forge.inputs import hdf5_filters
from pangeo_forge.inputs.hdf5_filters import (
    BLOSC,
    BZIP2,
    DEFLATE,
    FLETCHER32,
    LZ4,
    SHUFFLE,
    ZSTD,
    ChecksumError,
    Filter,
    FilterError,
    decode,
    fletcher32,
    unshuffle,
    unsupported,
)


def shuffled(data: bytes, width: int) -> bytes:
    """The definition: byte k of every element, for each k; the rest as it is."""
    whole = len(data) // width * width
    return b"".join(data[k:whole:width] for k in range(width)) + data[whole:]


def lz4_frame(data: bytes, block: int) -> bytes:
    frame = struct.pack(">QI", len(data), block)
    for start in range(0, len(data), block):
        part = data[start : start + block]
        packed = numcodecs.LZ4().encode(part)[4:]
        stored = part if len(packed) >= len(part) else packed
        frame += struct.pack(">I", len(stored)) + stored
    return frame


def compress(id: int, data: bytes) -> bytes:
    if id == DEFLATE:
        return zlib.compress(data)
    if id == BZIP2:
        return bz2.compress(data)
    if id == ZSTD:
        return bytes(numcodecs.Zstd().encode(data))
    if id == BLOSC:
        return bytes(numcodecs.Blosc("lz4", 5, numcodecs.Blosc.BITSHUFFLE).encode(data))
    return lz4_frame(data, 64)


COMPRESSORS = [DEFLATE, BZIP2, BLOSC, LZ4, ZSTD]


@given(data=st.binary(max_size=300), width=st.integers(1, 17), block=st.sampled_from([1, 3, 1 << 17]))
def test_unshuffle_undoes_the_definition(data: bytes, width: int, block: int) -> None:
    out = np.empty(len(data), np.uint8)
    former, hdf5_filters.SHUFFLE_BLOCK = hdf5_filters.SHUFFLE_BLOCK, block
    try:
        assert bytes(unshuffle(shuffled(data, width), None, (width,), out)) == data
        assert bytes(unshuffle(shuffled(data, width), None, (width,), None)) == data
    finally:
        hdf5_filters.SHUFFLE_BLOCK = former


@pytest.mark.parametrize("width", [2, 4, 8])
def test_unshuffle_of_more_than_one_block(width: int) -> None:
    data = np.random.default_rng(1).bytes(width * (hdf5_filters.SHUFFLE_BLOCK + 7))
    assert bytes(unshuffle(shuffled(data, width), None, (width,), None)) == data


def test_unshuffle_fills_the_given_buffer() -> None:
    out = np.zeros(8, np.uint8)
    assert unshuffle(shuffled(b"abcdefgh", 2), None, (2,), out) is out
    assert out.tobytes() == b"abcdefgh"


@settings(max_examples=40, deadline=None)
@given(data=st.one_of(st.binary(min_size=1, max_size=300), st.sampled_from([bytes(9), b"\xff" * 64, b"\xff\xff\0\0"])))
def test_fletcher32_is_the_librarys(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("f") / "f.h5"
    with h5py.File(path, "w") as file:
        array = file.create_dataset(
            "x", data=np.frombuffer(data, np.uint8), chunks=(len(data),), fletcher32=True, shuffle=False
        )
        file.flush()
        raw = array.id.read_direct_chunk((0,))[1]
    assert struct.unpack("<I", raw[-4:])[0] == fletcher32(data)


def test_fletcher32_of_many_blocks() -> None:
    data = np.random.default_rng(0).bytes((1 << 18) + 1)
    low = high = 0
    for i in range(0, len(data), 2):
        low += int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big")
        high += low
    assert fletcher32(data) == ((high - 1) % 65535 + 1) << 16 | ((low - 1) % 65535 + 1)


def test_old_libraries_swapped_checksums_are_taken() -> None:
    found = struct.pack("<I", fletcher32(b"abcdef"))
    swapped = bytes([found[1], found[0], found[3], found[2]])
    assert bytes(decode(b"abcdef" + swapped, (Filter(FLETCHER32),), 0, 6)) == b"abcdef"


@given(
    data=st.binary(min_size=1, max_size=400),
    id=st.sampled_from(COMPRESSORS),
    width=st.sampled_from([1, 2, 4, 8]),
    order=st.permutations(["shuffle", "fletcher", "compress"]),
    mask=st.integers(0, 7),
)
def test_pipelines_are_undone_in_reverse(data: bytes, id: int, width: int, order: list[str], mask: int) -> None:
    number = {"shuffle": SHUFFLE, "fletcher": FLETCHER32, "compress": id}
    filters = tuple(Filter(number[name], (width,)) for name in order)
    raw = data
    for i, name in enumerate(order):
        if mask >> i & 1:
            continue
        if name == "shuffle":
            raw = shuffled(raw, width)
        elif name == "fletcher":
            raw += struct.pack("<I", fletcher32(raw))
        else:
            raw = compress(id, raw)
    out = np.zeros(len(data), np.uint8)
    assert bytes(decode(raw, filters, mask, len(data))) == data
    assert bytes(decode(raw, filters, mask, len(data), out)) == data


@pytest.mark.parametrize("id", COMPRESSORS)
@pytest.mark.parametrize("size", [1, 99, 101, 1000])
def test_another_size_than_expected_is_an_error(id: int, size: int) -> None:
    raw = compress(id, bytes(range(100)))
    with pytest.raises(FilterError):
        decode(raw, (Filter(id),), 0, size)


@pytest.mark.parametrize("id", COMPRESSORS)
def test_cut_streams_are_errors(id: int) -> None:
    data = np.random.default_rng(0).integers(0, 4, 500, np.uint8).tobytes()
    raw = compress(id, data)
    for length in range(len(raw) - 1):
        with pytest.raises(FilterError):
            decode(raw[:length], (Filter(id),), 0, len(data))


def test_a_changed_byte_under_a_checksum_is_an_error() -> None:
    raw = bytearray(b"some values" + struct.pack("<I", fletcher32(b"some values")))
    for i in range(len(raw)):
        changed = bytearray(raw)
        changed[i] ^= 0x10
        with pytest.raises(ChecksumError, match="checksum"):
            decode(bytes(changed), (Filter(FLETCHER32),), 0, 11)
    with pytest.raises(ChecksumError, match="too short"):
        decode(b"abc", (Filter(FLETCHER32),), 0, 0)


def test_what_is_left_to_the_library() -> None:
    assert unsupported((Filter(SHUFFLE), Filter(DEFLATE), Filter(FLETCHER32))) is None
    assert unsupported((Filter(4),)) == "filter 4"
    assert unsupported((Filter(32008),)) == "filter 32008"
    assert unsupported((Filter(DEFLATE), Filter(ZSTD))) == "several compressors"
