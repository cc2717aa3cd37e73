"""Where the values of HDF5 (NetCDF-4) arrays lie in a file: all that the HDF5 library is asked for.

A :class:`ChunkLayout` is plain, picklable data. Whoever holds one reads the array with file reads and codecs alone
(:func:`pangeo_forge.inputs.hdf5_chunks.read_layout`), without the library and its process-wide lock.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.damage import GET_AGAIN
from pangeo_forge.inputs.flat_storage import native
from pangeo_forge.inputs.hdf5_filters import COMPRESSORS, Filter, unsupported

MAX_CHUNKS = 50_000
"""Chunks up to which a layout lists them; the chunks of larger arrays are looked up in the file's index when read."""

RAW_KINDS = "iufbS"
"""Kinds of dtypes whose bytes in the file are, where HDF5 says the types are equal, those of numpy."""

Storage = Literal["chunked", "lookup", "contiguous", "inline", "library"]

HDF5_ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError)
"""What h5py raises when the library fails."""


@dataclass(frozen=True, eq=False)
class ChunkLayout:
    """How one array lies in one file."""

    array: str
    """Path of the array inside the file."""
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    """dtype as stored, byte order included."""
    storage: Storage
    """chunked: listed below; lookup: too many to list; contiguous: in one piece; inline: ``values`` holds them;
    library: only the HDF5 library can read it, see ``reason``."""
    file_size: int
    """Size of the file: a file of another size is not the one described here."""
    chunks: tuple[int, ...] | None = None
    filters: tuple[Filter, ...] = ()
    offsets: np.ndarray | None = None
    """int64, one a chunk of the grid in C order: byte in the file, -1 for a chunk never written. One for contiguous."""
    sizes: np.ndarray | None = None
    """int64: stored bytes of each chunk."""
    masks: np.ndarray | None = None
    """uint32: filters that each chunk skipped; None when no chunk skipped any."""
    fill: bytes = b""
    """What HDF5 gives for an element never written, in the stored dtype; empty when every chunk is there."""
    values: bytes = b""
    """Values of an inline (compact) array, C order, stored dtype."""
    reason: str = ""
    """Why the library is needed."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype of what is read: the stored one in this machine's byte order."""
        return native(self.stored) if self.stored.kind in RAW_KINDS + "c" else self.stored

    @property
    def grid(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        chunks = self.chunks or self.shape
        return tuple(-(-n // c) if c else 0 for n, c in zip(self.shape, chunks, strict=True))

    @property
    def stored_bytes(self) -> int | None:
        """Bytes that the array takes in the file; None when they are not listed."""
        return None if self.sizes is None else int(self.sizes.sum())


def layout(path: str, names: Sequence[str], *, max_chunks: int | None = None) -> dict[str, ChunkLayout]:
    """Layouts of several arrays of one file, for which it is opened once.

    Parameters
    ----------
    path: a local HDF5 file.
    names: paths of arrays inside it, such as ``"sst"`` or ``"product/no2"``.
    max_chunks: chunks up to which they are listed; None: :data:`MAX_CHUNKS`.

    Raises
    ------
    InputError: I201 the file is not HDF5, is truncated or corrupt; I202 it has no such array; I203 its layout cannot be
        read; I208 the array has no values.
    """
    with opened(path) as file:
        size = os.stat(path).st_size
        whole = file.get_create_plist().get_userblock() == 0
        limit = MAX_CHUNKS if max_chunks is None else max_chunks
        return {name: _describe(file, path, name, size, whole, limit) for name in names}


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """A file of h5py's low-level interface (``h5py.h5f.FileID``), opened for reading and closed."""
    try:
        file = open_shared(os.fsencode(path))
    except HDF5_ERRORS as error:
        raise InputError(
            f"the file cannot be opened as HDF5: {error}",
            code="I201",
            where=path,
            hint=GET_AGAIN,
        ) from error
    try:
        yield file
    finally:
        file.close()


_LOCKING = ((False, True), None, (False, False), (True, False))
"""How a file may be open already: (use locks, ignore that there are none), ours first; None is h5py's default."""


def open_shared(path: bytes) -> Any:
    """Open without locks, which fail on some file systems and which a reader does not need.

    A process cannot open a file twice with different settings: where somebody has it open already, theirs are taken.
    """
    from h5py import h5f, h5p

    for locking in _LOCKING:
        for degree in (h5f.CLOSE_STRONG, h5f.CLOSE_DEFAULT):
            access = h5p.create(h5p.FILE_ACCESS)
            access.set_fclose_degree(degree)
            if locking is not None:
                access.set_file_locking(*locking)
            try:
                return h5f.open(path, h5f.ACC_RDONLY, access)
            except OSError as error:
                if "match" not in str(error):
                    raise
                clash = error
    raise clash


def open_array_id(file: Any, path: str, name: str) -> Any:
    """The ``h5py.h5d.DatasetID`` of an array."""
    from h5py import h5d

    try:
        return h5d.open(file, name.encode())
    except HDF5_ERRORS as error:
        raise InputError(
            f"the file has no readable array {name!r}: {error}",
            code="I202",
            where=path,
            hint="compare the variables of this file with those of the others",
        ) from error


def _describe(file: Any, path: str, name: str, size: int, whole: bool, limit: int) -> ChunkLayout:
    array = open_array_id(file, path, name)
    try:
        found = _layout_of(array, name, size, whole, limit)
    except HDF5_ERRORS as error:
        raise InputError(
            f"the layout of {name!r} cannot be read: {error}",
            code="I203",
            where=path,
            hint=GET_AGAIN,
        ) from error
    if found is None:
        raise InputError(
            f"{name!r} has no values (a null dataspace)", code="I208", where=path, hint="drop it: `transforms: drop`"
        )
    return found


def _layout_of(array: Any, name: str, size: int, whole: bool, limit: int) -> ChunkLayout | None:
    from h5py import h5d

    shape = array.shape
    if shape is None:
        return None
    dtype, plist = array.dtype, array.get_create_plist()
    kind = plist.get_layout()
    chunks = tuple(plist.get_chunk()) if kind == h5d.CHUNKED else None
    filters = _filters(plist)
    reason = _needs_library(array, dtype, plist, filters, whole)
    if reason:
        stored = dtype if dtype.kind not in RAW_KINDS else np.dtype(dtype.str)
        return ChunkLayout(name, shape, stored, "library", size, chunks, filters, reason=reason)
    stored = np.dtype(dtype.str)
    if kind == h5d.CHUNKED:
        return _chunked(array, ChunkLayout(name, shape, stored, "chunked", size, chunks, filters), limit)
    if kind == h5d.COMPACT:
        values = np.zeros(shape, stored)
        if values.size:
            array.read(_all(), _all(), values)
        return ChunkLayout(name, shape, stored, "inline", size, values=values.tobytes())
    offset = array.get_offset() if 0 not in shape else None
    nbytes = math.prod(shape) * stored.itemsize
    if offset is not None and array.get_storage_size() < nbytes:
        return ChunkLayout(name, shape, stored, "library", size, reason="storage smaller than the array")
    fill = unwritten(array, stored, (0,) * len(shape)) if offset is None and nbytes else b""
    offsets, sizes = np.array([-1 if offset is None else offset]), np.array([0 if offset is None else nbytes])
    return ChunkLayout(name, shape, stored, "contiguous", size, offsets=offsets, sizes=sizes, fill=fill)


def _filters(plist: Any) -> tuple[Filter, ...]:
    found = (plist.get_filter(i) for i in range(plist.get_nfilters()))
    return tuple(Filter(int(f[0]), tuple(int(v) for v in f[2])) for f in found)


def _needs_library(
    array: Any, dtype: np.dtype[Any], plist: Any, filters: tuple[Filter, ...], whole: bool
) -> str | None:
    from h5py import h5d, h5t

    if not whole:
        return "user block"
    if dtype.kind not in RAW_KINDS or dtype.itemsize == 0 or (dtype.kind != "S" and dtype.itemsize > 8):
        return f"dtype {dtype}"
    if array.get_type() != h5t.py_create(dtype, logical=True):
        return "a type that differs from numpy's (padding, bit fields, enumeration)"
    if plist.get_layout() not in (h5d.CHUNKED, h5d.CONTIGUOUS, h5d.COMPACT):
        return "virtual layout"
    if plist.get_external_count():
        return "external files"
    return unsupported(filters)


def _chunked(array: Any, plain: ChunkLayout, limit: int) -> ChunkLayout:
    grid = plain.grid
    count = math.prod(grid)
    if count > limit:
        if _has_edges(plain) and not _compressed(plain):
            return replace(plain, storage="library", reason="edge chunks that may have been left unfiltered")
        return replace(plain, storage="lookup")
    found: list[Any] = []
    if count:
        array.chunk_iter(found.append)
    offsets, sizes, masks = np.full(count, -1, np.int64), np.zeros(count, np.int64), np.zeros(count, np.uint32)
    for chunk in found:
        index = flat_index(chunk.chunk_offset, plain)
        if index is not None:
            offsets[index], sizes[index], masks[index] = chunk.byte_offset, chunk.size, chunk.filter_mask
    if count and _may_be_unfiltered(plain, sizes, masks):
        return replace(plain, storage="library", reason="edge chunks that may have been left unfiltered")
    missing = np.flatnonzero(offsets < 0)
    fill = b""
    if len(missing) and plain.chunks is not None:
        corner = np.unravel_index(int(missing[0]), grid)
        fill = unwritten(array, plain.stored, tuple(int(i) * c for i, c in zip(corner, plain.chunks, strict=True)))
    return replace(plain, offsets=offsets, sizes=sizes, masks=masks if masks.any() else None, fill=fill)


def _has_edges(plain: ChunkLayout) -> bool:
    """Whether filters are set and some chunks reach beyond the array."""
    return bool(plain.filters) and any(n % c for n, c in zip(plain.shape, plain.chunks or (), strict=True))


def _compressed(plain: ChunkLayout) -> bool:
    return any(f.id in COMPRESSORS for f in plain.filters)


def _may_be_unfiltered(plain: ChunkLayout, sizes: np.ndarray, masks: np.ndarray) -> bool:
    # A writer may leave the chunks at the edges unfiltered (H5Pset_chunk_opts), which no chunk's mask tells; their
    # size does, unless the filters keep it.
    nbytes = math.prod(plain.chunks or ()) * plain.stored.itemsize
    return _has_edges(plain) and bool(((sizes == nbytes) & (masks == 0)).any())


def flat_index(chunk_offset: Sequence[int], plain: ChunkLayout) -> int | None:
    """Position in C order of the chunk that begins at element ``chunk_offset``; None outside the array."""
    index = 0
    for start, size, count in zip(chunk_offset, plain.chunks or (), plain.grid, strict=True):
        if start // size >= count:
            return None
        index = index * count + start // size
    return index


def unwritten(array: Any, stored: np.dtype[Any], position: tuple[int, ...]) -> bytes:
    """What the library gives for an element that was never written.

    Asked, not derived: it depends on the fill value, on whether that was defined, and on when it is written.
    """
    from h5py import h5s

    space = array.get_space()
    if position:
        space.select_hyperslab(position, (1,) * len(position))
    # Zeros, because the library leaves the buffer alone where it has nothing to say, and h5py hands in zeros.
    value = np.zeros((1,) * len(position), stored)
    array.read(h5s.create_simple(value.shape) if position else h5s.create(h5s.SCALAR), space, value)
    return value.tobytes()


def _all() -> Any:
    from h5py import h5s

    return h5s.ALL
