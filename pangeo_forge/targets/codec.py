"""Chunks as bytes: what zarr's codec pipeline would write, without the pipeline.

The codecs are numcodecs' own (as in zarr-python), called directly: they release the GIL, so chunks are encoded in
threads at the codecs' speed. The bytes are readable by every Zarr reader; a test reads them back with zarr-python.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from pangeo_forge.errors import TargetError


class Compressor(Protocol):
    """A numcodecs codec."""

    def encode(self, buf: Any) -> Any:
        """Compress."""
        ...

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decompress."""
        ...


@dataclass(frozen=True)
class ChunkCodec:
    """How chunks of one array become bytes. ``dtype`` is little-endian, or 'str'."""

    dtype: str
    compressor: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, dtype: str, compressor: Mapping[str, Any]) -> ChunkCodec:
        """The codec of an array."""
        return cls(dtype, tuple(sorted(compressor.items())))

    def encode(self, chunk: np.ndarray) -> bytes:
        """Bytes of a whole chunk."""
        if self.dtype == "str":
            from numcodecs.vlen import VLenUTF8

            data: Any = VLenUTF8().encode(np.ascontiguousarray(chunk, dtype=object).ravel())
        else:
            data = np.ascontiguousarray(chunk, dtype=np.dtype(self.dtype))
            data = data.reshape(-1) if data.dtype.kind in "iufc" else data.reshape(-1).view(_bytes_of(data.dtype))
        codec = _codec(self.compressor)
        return bytes(data.tobytes() if isinstance(data, np.ndarray) else data) if codec is None else codec.encode(data)

    def decode(self, data: bytes, shape: tuple[int, ...], out: np.ndarray | None = None) -> np.ndarray:
        """The chunk in ``data``; into ``out`` where that is given (C-contiguous, of the chunk's shape and dtype)."""
        codec = _codec(self.compressor)
        if self.dtype == "str":
            from numcodecs.vlen import VLenUTF8

            raw = data if codec is None else codec.decode(data)
            return np.asarray(VLenUTF8().decode(raw), object).reshape(shape)
        if out is not None and codec is not None:
            codec.decode(data, out=out.reshape(-1).view(np.uint8))
            return out
        raw = data if codec is None else codec.decode(data)
        return np.frombuffer(raw, self.dtype).reshape(shape)


def _bytes_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """A dtype that has a buffer format, of the same size where there is one, else bytes."""
    return np.dtype(f"u{dtype.itemsize}") if dtype.itemsize in (1, 2, 4, 8) else np.dtype("u1")


@lru_cache(maxsize=64)
def _codec(parameters: tuple[tuple[str, Any], ...]) -> Compressor | None:
    import numcodecs
    import numcodecs.blosc

    p = dict(parameters)
    name = p["name"]
    if name == "none":
        return None
    if name == "blosc":
        # Our own threads work on whole chunks; blosc's would oversubscribe the machine and take a global lock.
        numcodecs.blosc.use_threads = False
        shuffle = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}[p["shuffle"]]
        return numcodecs.Blosc(p["cname"], p["level"], shuffle, p.get("blocksize", 0))  # type: ignore[no-any-return]
    if name == "zstd":
        return numcodecs.Zstd(p["level"])  # type: ignore[no-any-return]
    if name == "gzip":
        return numcodecs.GZip(p["level"])  # type: ignore[no-any-return]
    raise TargetError(f"{name!r} is not a compressor that can be written", code="T020")


def fill_of(dtype: str, fill_value: Any, zarr_format: int) -> Any:
    """The Zarr fill_value of an array, which is what a chunk that is not stored means; None: every chunk is stored.

    The CF fill value where there is one; else NaN for floats (an absent value), zero for the rest. In Zarr v2 xarray
    masks
    by the fill_value, so an integer without a CF fill value has none.
    """
    if dtype == "str":
        return None if zarr_format == 2 and fill_value is None else (fill_value or "")
    kind = np.dtype(dtype)
    if fill_value is not None:
        return np.array(fill_value).astype(kind)[()]
    if kind.kind in "fc":
        return kind.type(np.nan)
    return None if zarr_format == 2 else np.zeros((), kind)[()]


def is_all_fill(chunk: np.ndarray, fill: Any) -> bool:
    """Whether every element is the fill value, bit for bit (-0.0 is not 0.0; NaN is NaN only with the same bits)."""
    if fill is None or not chunk.size:
        return fill is not None
    if chunk.dtype.kind in "OUTS":
        return bool((chunk == fill).all())
    unit = np.dtype(f"u{chunk.dtype.itemsize}") if chunk.dtype.itemsize in (1, 2, 4, 8) else None
    if unit is None:
        return chunk.tobytes() == np.full(chunk.shape, fill, chunk.dtype).tobytes()
    wanted = np.array(fill, chunk.dtype).view(unit)[()]
    first = chunk[(0,) * chunk.ndim]
    if np.asarray(first).view(unit)[()] != wanted:
        return False
    # One row at a time along the first dimension, so that a chunk with data is told by its first rows.
    rows = chunk.view(unit) if chunk.ndim else chunk.reshape(1).view(unit)
    return all(bool((row == wanted).all()) for row in rows)
