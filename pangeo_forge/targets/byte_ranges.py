"""Arrays of input files as chunks with byte ranges and codecs that Zarr readers know: the raw material of references."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pangeo_forge.errors import TargetError
from pangeo_forge.inputs.flat_storage import FlatStorage, c_strides
from pangeo_forge.inputs.hdf5_filters import BLOSC, BZIP2, DEFLATE, FLETCHER32, SHUFFLE, ZSTD, Filter
from pangeo_forge.inputs.hdf5_layout import ChunkLayout, layout
from pangeo_forge.inputs.isolation import Limits
from pangeo_forge.inputs.netcdf3_header import read_header
from pangeo_forge.targets.grib_messages import message_places

MAX_FLAT_CHUNK = 32 << 20
"""Bytes: values that lie in one piece are cut into chunks of at most so much, where they can be."""

MAX_REFERENCES = 20_000_000
"""Chunks of one array of one file: beyond that their list alone takes some hundred MB."""

_CONTAINED = Limits()

Codec = Mapping[str, Any]
"""A numcodecs configuration."""


@dataclass(frozen=True, eq=False)
class StoredArray:
    """One array of one file: where its chunks lie, how they are encoded."""

    shape: tuple[int, ...]
    dtype: str
    """As stored, byte order included."""
    chunks: tuple[int, ...] | None
    """None: in one piece (``flat``), to be cut as suits."""
    codecs: tuple[Codec, ...] = ()
    """In the order in which writing applied them."""
    offsets: np.ndarray | None = None
    """int64 in the shape of the chunks' grid; -1: never written."""
    sizes: np.ndarray | None = None
    flat: FlatStorage | None = None
    fill: bytes = b""
    """One element, stored dtype: what chunks that were never written mean."""

    def cut(self, chunks: tuple[int, ...]) -> StoredArray:
        """The same array in chunks, each of which lies in one piece of the file (see :func:`flat_chunks`)."""
        flat = self.flat
        if flat is None:
            return self
        grid = tuple(-(-n // c) for n, c in zip(self.shape, chunks, strict=True))
        offsets = np.full(grid, flat.offset, np.int64)
        for axis, (count, chunk, stride) in enumerate(zip(grid, chunks, flat.strides, strict=True)):
            along = np.arange(count, dtype=np.int64) * (chunk * stride)
            offsets += along.reshape([-1 if i == axis else 1 for i in range(len(grid))])
        if flat.offset < 0:
            offsets[...] = -1
        nbytes = math.prod(chunks) * flat.dtype.itemsize
        return StoredArray(self.shape, self.dtype, chunks, (), offsets, np.full(grid, nbytes, np.int64), fill=self.fill)


@dataclass(frozen=True)
class ChunkForm:
    """What chunks of one array must have in common in all inputs to make one Zarr array."""

    dtype: str
    chunks: tuple[int, ...]
    """Along the target's dims."""
    codecs: str
    """JSON list of numcodecs configurations."""

    @classmethod
    def of(cls, stored: StoredArray, chunks: tuple[int, ...]) -> ChunkForm:
        """The form of an array whose chunks are ``chunks`` along the target's dims."""
        return cls(stored.dtype, chunks, json.dumps([dict(c) for c in stored.codecs]))

    def to_json(self) -> dict[str, Any]:
        """For the ledger."""
        return {"dtype": self.dtype, "chunks": list(self.chunks), "codecs": self.codecs}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ChunkForm:
        """Inverse of :meth:`to_json`."""
        return cls(data["dtype"], tuple(data["chunks"]), data["codecs"])

    def difference(self, other: ChunkForm) -> str:
        """How another form differs, in words."""
        parts = [f"dtype {other.dtype} instead of {self.dtype}"] if other.dtype != self.dtype else []
        if other.chunks != self.chunks:
            parts.append(f"chunks {other.chunks} instead of {self.chunks}")
        if other.codecs != self.codecs:
            parts.append(f"codecs {other.codecs} instead of {self.codecs}")
        return ", ".join(parts)


def stored_arrays(kind: str, path: str, names: Sequence[str], limits: Limits = _CONTAINED) -> dict[str, StoredArray]:
    """Arrays of one local file.

    Parameters
    ----------
    kind: ``Locator.kind``.
    limits: how the libraries that know where chunks lie are contained.

    Raises
    ------
    TargetError: T071 files of this kind have no byte ranges of arrays; T073 an array is stored in a way that no Zarr
        codec undoes.
    """
    reader = _READERS.get(kind)
    if reader is None:
        raise TargetError(
            f"arrays of {kind} inputs cannot be referenced by byte ranges",
            code="T071",
            hint="use `format: zarr`; references are made to NetCDF-3, NetCDF-4, HDF5 and GRIB",
        )
    return reader(path, names, limits)


def _netcdf3(path: str, names: Sequence[str], limits: Limits) -> dict[str, StoredArray]:
    variables = read_header(path).variables
    found = {}
    for name in names:
        flat = variables[name].storage
        found[name] = StoredArray(flat.shape, flat.dtype.str, None, flat=flat)
    return found


def _hdf5(path: str, names: Sequence[str], limits: Limits) -> dict[str, StoredArray]:
    found = limits.call(all_chunks, path, list(names), where=path)
    return {name: _of_layout(known) for name, known in found.items()}


def all_chunks(path: str, names: Sequence[str]) -> dict[str, ChunkLayout]:
    """Layouts that list the chunks however many they are."""
    return layout(path, names, max_chunks=MAX_REFERENCES)


def _grib(path: str, names: Sequence[str], limits: Limits) -> dict[str, StoredArray]:
    found = {}
    size = os.path.getsize(path)
    for place in names:
        name, select, extra = json.loads(place)
        # All messages are decoded to see that readers understand them: as much time as for reading them.
        told = limits.call(message_places, path, select, extra, name, where=f"{path}: {name}", nbytes=10 * size)
        shape, dtype, offsets, sizes = told
        chunks = tuple(n if count == 1 else 1 for n, count in zip(shape, offsets.shape, strict=True))
        codec = {"id": "grib", "var": name, "dtype": np.dtype(dtype).name}
        fill = np.full((), np.nan, dtype).tobytes()
        found[place] = StoredArray(shape, dtype, chunks, (codec,), offsets, sizes, fill=fill)
    return found


_Reader = Callable[[str, Sequence[str], Limits], dict[str, StoredArray]]
_READERS: Mapping[str, _Reader] = {"hdf5": _hdf5, "netcdf3": _netcdf3, "grib": _grib}


def _of_layout(known: ChunkLayout) -> StoredArray:
    offsets, sizes = known.offsets, known.sizes
    if known.storage not in ("chunked", "contiguous") or offsets is None or sizes is None:
        why = {"lookup": "it has too many chunks", "inline": "its values lie in the file's header"}
        raise _unreadable(known.array, why.get(known.storage, known.reason))
    dtype = known.stored.str
    if known.chunks is None:
        flat = FlatStorage(int(offsets[0]), known.shape, c_strides(known.shape, known.stored.itemsize), known.stored)
        return StoredArray(known.shape, dtype, None, flat=flat, fill=known.fill)
    if known.masks is not None:
        raise _unreadable(known.array, "some of its chunks skip a filter")
    codecs = tuple(_codec(known.array, f) for f in known.filters)
    grid = known.grid
    return StoredArray(
        known.shape, dtype, known.chunks, codecs, offsets.reshape(grid), sizes.reshape(grid), fill=known.fill
    )


def _codec(array: str, f: Filter) -> Codec:
    """The numcodecs configuration that undoes a filter. Levels are left out: they say nothing of how to decode."""
    known: Mapping[int, Codec] = {
        DEFLATE: {"id": "zlib"},
        SHUFFLE: {"id": "shuffle", "elementsize": f.values[0] if f.values else 1},
        FLETCHER32: {"id": "fletcher32"},
        BZIP2: {"id": "bz2"},
        BLOSC: {"id": "blosc"},
        ZSTD: {"id": "zstd"},
    }
    if f.id not in known:
        raise _unreadable(array, f"no Zarr codec undoes HDF5's filter {f.id}")
    return known[f.id]


def _unreadable(array: str, why: str) -> TargetError:
    return TargetError(
        f"{array} cannot be referenced: {why}", code="T073", hint="use `format: zarr`, or drop it: `transforms: drop`"
    )


def flat_chunks(
    shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, steps: tuple[int, ...]
) -> tuple[int, ...]:
    """Chunks of a flat array: each in one piece of the file, dividing ``steps``, as large as :data:`MAX_FLAT_CHUNK` allows.

    Parameters
    ----------
    steps: per axis, what a chunk's length must divide.
    """
    chunks, run = [1] * len(shape), itemsize
    for axis in reversed(range(len(shape))):
        if shape[axis] > 1 and strides[axis] != run:
            break
        chunks[axis] = _divisor(steps[axis], max(1, MAX_FLAT_CHUNK // run))
        if chunks[axis] != shape[axis]:
            break
        run *= chunks[axis]
    return tuple(chunks)


def _divisor(number: int, limit: int) -> int:
    """The largest divisor of ``number`` up to ``limit``."""
    if number <= limit:
        return max(1, number)
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return max(d for d in (*small, *(number // s for s in small)) if d <= limit)
