from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pangeo_forge.errors import TargetError
from pangeo_forge.plan.planner import compressor_of
from pangeo_forge.targets.codec import ChunkCodec, fill_of, is_all_fill

COMPRESSORS: list[dict[str, Any]] = [
    *(
        {"name": "blosc", "cname": c, "shuffle": s}
        for c in ("zstd", "lz4")
        for s in ("bitshuffle", "shuffle", "noshuffle")
    ),
    {"name": "zstd"},
    {"name": "gzip"},
    {"name": "none"},
]
DTYPES = ["<i1", "<u2", "<i4", "<i8", "<f2", "<f4", "<f8", "<c8", "<c16", "|b1", "|S3", "<U2"]


@given(
    st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(max_dims=3))), st.sampled_from(COMPRESSORS)
)
def test_chunks_come_back_bit_for_bit(chunk: np.ndarray, compressor: dict[str, Any]) -> None:
    codec = ChunkCodec.of(chunk.dtype.str, compressor_of(compressor, chunk.dtype.str))
    data = codec.encode(chunk)
    assert isinstance(data, bytes)
    back = codec.decode(data, chunk.shape)
    assert back.dtype == chunk.dtype
    assert back.tobytes() == chunk.tobytes()
    out = np.zeros_like(chunk)
    if compressor["name"] != "none":
        assert codec.decode(data, chunk.shape, out=out) is out
        assert out.tobytes() == chunk.tobytes()


def test_byte_order_and_strides_do_not_matter() -> None:
    values = np.arange(24, dtype=">i4").reshape(2, 3, 4).transpose(2, 0, 1)
    codec = ChunkCodec.of("<i4", compressor_of(None, "<i4"))
    assert (codec.decode(codec.encode(values), values.shape) == values).all()


@given(hnp.arrays(object, (2, 3), elements=st.text(max_size=5)))
def test_strings(values: np.ndarray) -> None:
    codec = ChunkCodec.of("str", compressor_of(None, "str"))
    assert codec.decode(codec.encode(values), (2, 3)).tolist() == values.tolist()


def test_unknown_codec() -> None:
    with pytest.raises(TargetError, match="T020"):
        ChunkCodec.of("<i4", {"name": "rar"}).encode(np.zeros(3, "<i4"))


@pytest.mark.parametrize(
    ("dtype", "cf", "v3", "v2"),
    [("<i2", -999, -999, -999), ("<i2", None, 0, None), ("str", None, "", None), ("|b1", None, False, None)],
)
def test_fill_values(dtype: str, cf: Any, v3: Any, v2: Any) -> None:
    assert fill_of(dtype, cf, 3) == v3
    assert fill_of(dtype, cf, 2) == v2


def test_floats_without_a_fill_value_are_nan_where_nothing_is_stored() -> None:
    for version in (2, 3):
        assert np.isnan(fill_of("<f4", None, version))
        assert fill_of("<f4", 9.5, version) == np.float32(9.5)


def test_fill_is_compared_bit_for_bit() -> None:
    nan = np.float32(np.nan)
    other = np.array([0x7FC00001], "u4").view("f4")
    assert is_all_fill(np.full((2, 2), nan), nan)
    assert not is_all_fill(np.full((2, 2), other[0]), nan)
    assert not is_all_fill(np.full(3, -0.0), np.float64(0))
    assert is_all_fill(np.zeros((3, 4), "i2")[:, ::2], np.int16(0))
    assert is_all_fill(np.zeros((), "c16"), np.complex128(0))
    assert not is_all_fill(np.zeros(3, "i2"), None)
    assert is_all_fill(np.array(["", ""], object), "")
    last = np.zeros((5, 5), "u1")
    last[-1, -1] = 1
    assert not is_all_fill(last, np.uint8(0))
    assert is_all_fill(np.zeros(3, bool), np.False_)


def test_large_blocks_of_zstd_are_smaller_than_the_automatic_ones() -> None:
    rng = np.random.default_rng(0)
    field = 1000 * np.sin(np.linspace(0, 20, 1 << 20)) + rng.normal(0, 4, 1 << 20)
    chunk = field.astype("<i2")
    ours, automatic = (
        ChunkCodec.of("<i2", compressor_of(asked, "<i2")).encode(chunk)
        for asked in (None, {"name": "blosc", "blocksize": 0})
    )
    assert len(ours) <= len(automatic)
