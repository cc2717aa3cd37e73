"""Reads HDF5 (NetCDF-4) arrays chunk by chunk, without the HDF5 library's filter pipeline and without its lock.

:func:`layout` asks the library once where the chunks lie; :func:`read_layout` reads them with ``pread``, undoes the
filters outside the GIL (:mod:`pangeo_forge.inputs.hdf5_filters`) and puts the values where they belong, into the
caller's buffer where it can. What it does not know (variable-length and compound types, szip, n-bit, scale-offset, lzf,
user filters, virtual and external storage) is read by h5py, variable by variable. Values are those that h5py gives,
in this machine's byte order.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs import hdf5_filters
from pangeo_forge.inputs.codec_threads import run_all
from pangeo_forge.inputs.damage import GET_AGAIN
from pangeo_forge.inputs.flat_storage import (
    FlatStorage,
    ShortRead,
    c_strides,
    normal_region,
    open_file,
    read_exactly,
    read_flat,
    read_into,
    region_shape,
    target,
)
from pangeo_forge.inputs.hdf5_layout import HDF5_ERRORS, ChunkLayout, layout, open_array_id, opened, unwritten
from pangeo_forge.inputs.isolation import IN_PROCESS, Limits
from pangeo_forge.inputs.lazy import Locator

__all__ = ["ChunkLayout", "Hdf5Array", "layout", "read_layout"]


class Hdf5Array:
    """One array of a local HDF5 file: an ``ArraySource``.

    It holds no open file: what is open during :meth:`read` is closed at its end, so instances are cheap, picklable and
    safe to read from many threads.

    Parameters
    ----------
    path: the file.
    name: the array's path inside it.
    known: its layout, when somebody asked for it already (:func:`layout` takes several names at the cost of one).
    threads: how many chunks of one ``read`` may be decoded at a time.
    limits: how the HDF5 library is contained where it is needed.
    """

    def __init__(
        self,
        path: str,
        name: str,
        *,
        known: ChunkLayout | None = None,
        threads: int = 1,
        limits: Limits = IN_PROCESS,
    ) -> None:
        self.path = path
        self.name = name
        self.threads = threads
        self.limits = limits
        self.layout = known or limits.call(layout, path, [name], where=path)[name]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as stored."""
        return self.layout.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype of what ``read`` returns: in this machine's byte order."""
        return self.layout.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of the storage chunks; None when stored in one piece."""
        return self.layout.chunks

    @property
    def locator(self) -> Locator:
        """Kind "hdf5" and the array's path."""
        return Locator("hdf5", self.name)

    @property
    def reads_in_place(self) -> bool:
        """True: ``out`` saves a copy."""
        return True

    def with_threads(self, threads: int) -> Hdf5Array:
        """The same array, of which ``read`` decodes so many chunks at a time."""
        return Hdf5Array(self.path, self.name, known=self.layout, threads=threads, limits=self.limits)

    def read(self, region: tuple[slice, ...], out: np.ndarray | None = None) -> np.ndarray:
        """Values in ``region``, in ``out`` (of the region's shape and this dtype, any strides) when given."""
        return read_layout(self.path, self.layout, region, out, threads=self.threads, limits=self.limits)

    def __repr__(self) -> str:
        return f"<Hdf5Array {self.name!r} {self.shape} {self.dtype} of {self.path}>"


def read_layout(
    path: str,
    known: ChunkLayout,
    region: tuple[slice, ...],
    out: np.ndarray | None = None,
    *,
    threads: int = 1,
    fd: int | None = None,
    limits: Limits = IN_PROCESS,
) -> np.ndarray:
    """Read a region of an array whose layout is known. Only storage "library" and "lookup" need the HDF5 library.

    Parameters
    ----------
    path: the file; also named in errors.
    known: the array's layout in a file of the same content.
    region: one slice a dimension, in bounds, steps of at least 1.
    out: where to put the values: the region's shape and ``known.dtype``, any strides. Nothing is copied on the way when
        it is contiguous where a whole chunk goes.
    threads: chunks decoded at a time, the caller's thread included.
    fd: an open file descriptor of ``path`` to use; it stays open.
    limits: how the HDF5 library is contained where it is needed.

    Raises
    ------
    InputError: I200 the file cannot be opened; I203 a chunk is corrupt; I204 the file ends inside a chunk; I205 a
        checksum does not fit; I206 the file is not the one that was described; I207 the HDF5 library fails.
    """
    region = normal_region(region, known.shape)
    values = target(region_shape(region), known.dtype, out)
    if not values.size:
        return values
    if known.storage == "library":
        place = f"{path}: {known.array}"
        values[...] = limits.call(read_by_library, path, known, region, where=place, nbytes=values.nbytes)
        return values
    with ExitStack() as stack:
        if fd is None:
            fd = open_file(path, f"{path}: {known.array}")
            stack.callback(os.close, fd)
        _check_size(fd, path, known)
        if known.storage in ("contiguous", "inline"):
            _read_plain(fd, path, known, region, values)
        else:
            _read_chunks(fd, path, known, region, values, threads, limits)
    return values


def _check_size(fd: int, path: str, known: ChunkLayout) -> None:
    size = os.fstat(fd).st_size
    if size != known.file_size:
        raise InputError(
            f"the file has {size} bytes, but had {known.file_size} when it was scanned",
            code="I206",
            where=f"{path}: {known.array}",
            hint="it was replaced or cut since; run again so that it is scanned anew",
        )


def _read_plain(fd: int, path: str, known: ChunkLayout, region: tuple[slice, ...], out: np.ndarray) -> None:
    if known.storage == "inline":
        out[...] = np.frombuffer(known.values, known.stored).reshape(known.shape)[region]
        return
    offset = int(known.offsets[0]) if known.offsets is not None else -1
    if offset < 0:
        out[...] = _fill_of(known)
        return
    storage = FlatStorage(offset, known.shape, c_strides(known.shape, known.stored.itemsize), known.stored)
    try:
        read_flat(fd, storage, region, out)
    except (ShortRead, OSError) as error:
        raise _unreadable(path, known, "its values", offset, error) from error


# -- chunks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    """The part of one chunk that a region takes."""

    corner: tuple[int, ...]
    """First element of the chunk."""
    index: int
    """Position of the chunk in the grid, C order."""
    inside: tuple[slice, ...]
    """What is taken, in the chunk."""
    into: tuple[slice, ...]
    """Where it goes, in the region."""
    whole: bool
    """All of the chunk is taken, as it is."""


def _read_chunks(
    fd: int,
    path: str,
    known: ChunkLayout,
    region: tuple[slice, ...],
    out: np.ndarray,
    threads: int,
    limits: Limits,
) -> None:
    pieces = list(_pieces(known, region))
    places, fill = None, known.fill
    if known.storage == "lookup":
        corners = [p.corner for p in pieces]
        places, fill = limits.call(look_up, path, known.array, corners, where=f"{path}: {known.array}")

    def read_one(number: int) -> None:
        piece = pieces[number]
        place = _place(known, piece.index) if places is None else places[number]
        _read_piece(fd, path, known, piece, place, fill, out[piece.into])

    run_all(read_one, range(len(pieces)), threads)


def _pieces(known: ChunkLayout, region: tuple[slice, ...]) -> Iterator[_Piece]:
    chunks = known.chunks or known.shape
    axes = [_axis_pieces(s, c) for s, c in zip(region, chunks, strict=True)]
    grid = known.grid

    def piece(parts: tuple[tuple[int, slice, slice, bool], ...]) -> _Piece:
        index = 0
        for part, count in zip(parts, grid, strict=True):
            index = index * count + part[0]
        corner = tuple(p[0] * c for p, c in zip(parts, chunks, strict=True))
        inside, into = tuple(p[1] for p in parts), tuple(p[2] for p in parts)
        return _Piece(corner, index, inside, into, all(p[3] for p in parts))

    return map(piece, itertools.product(*axes))


def _axis_pieces(pick: slice, chunk: int) -> list[tuple[int, slice, slice, bool]]:
    """Chunks along one axis that ``pick`` touches: (number, what inside it, where in the result, all of it)."""
    positions = range(pick.start, pick.stop, pick.step)
    pieces, at = [], 0
    while at < len(positions):
        number = positions[at] // chunk
        begin = number * chunk
        count = min(len(positions) - at, (begin + chunk - 1 - positions[at]) // pick.step + 1)
        first = positions[at] - begin
        inside = slice(first, first + (count - 1) * pick.step + 1, pick.step)
        pieces.append((number, inside, slice(at, at + count), count == chunk and (pick.step == 1 or chunk == 1)))
        at += count
    return pieces


Place = tuple[int, int, int]
"""Byte offset (-1: never written), stored size and filter mask of a chunk."""


def _place(known: ChunkLayout, index: int) -> Place:
    if known.offsets is None or known.sizes is None:
        raise ValueError(f"a layout of storage {known.storage!r} without chunks")
    return int(known.offsets[index]), int(known.sizes[index]), 0 if known.masks is None else int(known.masks[index])


def look_up(path: str, name: str, corners: list[tuple[int, ...]]) -> tuple[list[Place], bytes]:
    """Places of the chunks of a large array, from the file's own index, and what stands in those never written."""
    places: list[Place] = []
    fill = b""
    with opened(path) as file:
        array = open_array_id(file, path, name)
        try:
            for corner in corners:
                found = array.get_chunk_info_by_coord(corner)
                offset = found.byte_offset
                places.append((-1 if offset is None else offset, found.size, found.filter_mask))
                if offset is None and not fill:
                    fill = unwritten(array, np.dtype(array.dtype.str), corner)
        except HDF5_ERRORS as error:
            raise _library_failed(path, name, error) from error
    return places, fill


def _read_piece(
    fd: int, path: str, known: ChunkLayout, piece: _Piece, place: Place, fill: bytes, out: np.ndarray
) -> None:
    offset, size, _ = place
    if offset < 0:
        out[...] = np.frombuffer(fill, known.stored)[0]
        return
    shape = known.chunks or known.shape
    nbytes = math.prod(shape) * known.stored.itemsize
    direct = out.reshape(-1).view(np.uint8) if piece.whole and out.flags.c_contiguous else None
    what = f"chunk {piece.corner}"
    try:
        data = _decoded(fd, known, place, nbytes, direct)
    except hdf5_filters.ChecksumError as error:
        raise InputError(
            f"{what} at byte {offset} {error}", code="I205", where=f"{path}: {known.array}", hint=GET_AGAIN
        ) from error
    except hdf5_filters.FilterError as error:
        message = f"{what} ({size} bytes at byte {offset}) is corrupt: it {error}"
        raise InputError(message, code="I203", where=f"{path}: {known.array}", hint=GET_AGAIN) from error
    except (ShortRead, OSError) as error:
        raise _unreadable(path, known, what, offset, error) from error
    except MemoryError as error:
        message = f"{what} would take {nbytes} bytes, which cannot be had"
        raise InputError(message, code="I203", where=f"{path}: {known.array}", hint=GET_AGAIN) from error
    if data is direct and direct is not None:
        if not known.stored.isnative:
            out.byteswap(inplace=True)
    else:
        out[...] = np.frombuffer(data, known.stored).reshape(shape)[piece.inside]


def _decoded(fd: int, known: ChunkLayout, place: Place, nbytes: int, direct: np.ndarray | None) -> hdf5_filters.Buffer:
    offset, size, mask = place
    if offset + size > known.file_size:
        # Before room is made for bytes that a damaged index speaks of.
        raise ShortRead(offset, size, max(0, known.file_size - offset))
    if not known.filters and direct is not None and size == nbytes:
        read_into(fd, offset, direct)
        return direct
    return hdf5_filters.decode(read_exactly(fd, offset, size), known.filters, mask, nbytes, direct)


def _fill_of(known: ChunkLayout) -> Any:
    return np.frombuffer(known.fill, known.stored)[0]


def _unreadable(path: str, known: ChunkLayout, what: str, offset: int, error: Exception) -> InputError:
    cut = isinstance(error, ShortRead)
    return InputError(
        f"{what} at byte {offset} cannot be read: {error}",
        code="I204" if cut else "I209",
        where=f"{path}: {known.array}",
        hint=GET_AGAIN if cut else "check the disk or the file system",
    )


# -- what is left to the library -------------------------------------------------------------------------------------


def read_by_library(path: str, known: ChunkLayout, region: tuple[slice, ...]) -> np.ndarray:
    """Values in a normal ``region``, by h5py, in this machine's byte order."""
    import h5py

    with opened(path) as file:
        array = h5py.Dataset(open_array_id(file, path, known.array))
        if array.shape != known.shape:
            message = f"the array has shape {array.shape}, but had {known.shape} when it was scanned"
            raise InputError(message, code="I206", where=f"{path}: {known.array}", hint="run again")
        try:
            values = np.asarray(array[region if region else ()])
        except HDF5_ERRORS as error:
            raise _library_failed(path, known.array, error) from error
    # Without what h5py says in the dtype: enumerations are their numbers, as in netCDF.
    return values.astype(known.dtype, copy=False)


def _library_failed(path: str, name: str, error: Exception) -> InputError:
    return InputError(
        f"the HDF5 library cannot read it: {error}",
        code="I207",
        where=f"{path}: {name}",
        hint="the file is damaged, or a filter's plugin is missing (see `h5ls -v`, HDF5_PLUGIN_PATH)",
    )
