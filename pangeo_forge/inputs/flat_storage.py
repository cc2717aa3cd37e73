"""Values that lie unfiltered in a file: contiguous HDF5 datasets, NetCDF-3 variables, unfiltered chunks.

Long runs are read with ``preadv`` straight into the target, which costs no copy and no page faults; scattered short
runs (a tile of a large field) go through a memory map, where numpy picks them without a system call each. Both work
outside the GIL.
"""

from __future__ import annotations

import itertools
import math
import mmap
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from pangeo_forge.errors import InputError

RUN_BYTES = 32 * 1024
"""Shortest run worth a system call of its own; shorter ones are copied out of a memory map."""


class ShortRead(Exception):
    """The file ends inside what was asked for; the caller knows which array and says so."""

    def __init__(self, offset: int, wanted: int, got: int) -> None:
        super().__init__(f"wanted {wanted} bytes at byte {offset}, the file has only {got} of them")


@dataclass(frozen=True)
class FlatStorage:
    """Where an array lies in a file.

    ``strides`` are in bytes; the last axes are C-contiguous, the first may skip (records of NetCDF-3). ``dtype``
    carries the byte order of the file.
    """

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def end(self) -> int:
        """Byte after the last value."""
        if 0 in self.shape:
            return self.offset
        last = sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        return self.offset + last + self.dtype.itemsize


def c_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Strides in bytes of a C-ordered array."""
    return tuple(itemsize * math.prod(shape[i + 1 :]) for i in range(len(shape)))


def native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The same dtype in this machine's byte order, without h5py's metadata."""
    return np.dtype(dtype.str).newbyteorder("=")


def normal_region(region: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """``region`` with start, stop and step written out; a wrong number of slices or a step below 1 is our bug."""
    if len(region) != len(shape):
        raise ValueError(f"a region of {len(region)} slices for an array of {len(shape)} dimensions")
    normal = tuple(slice(*s.indices(n)) for s, n in zip(region, shape, strict=True))
    if any(s.step < 1 for s in normal):
        raise ValueError(f"steps must be at least 1: {region}")
    return normal


def region_shape(region: tuple[slice, ...]) -> tuple[int, ...]:
    """Shape of what a normal region selects."""
    return tuple(len(range(s.start, s.stop, s.step)) for s in region)


def target(shape: tuple[int, ...], dtype: np.dtype[Any], out: np.ndarray | None) -> np.ndarray:
    """``out`` when it fits, or a new array."""
    if out is None:
        return np.empty(shape, dtype)
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(f"out is {out.dtype}{out.shape}; the region needs {dtype}{shape}")
    return out


def read_exactly(fd: int, offset: int, size: int) -> bytes:
    """``size`` bytes at ``offset``; :class:`ShortRead` when the file ends before."""
    data = os.pread(fd, size, offset)
    if len(data) == size:
        return data
    parts, got = [data], len(data)
    while got < size:
        more = os.pread(fd, size - got, offset + got)
        if not more:
            raise ShortRead(offset, size, got)
        parts.append(more)
        got += len(more)
    return b"".join(parts)


def read_into(fd: int, offset: int, out: np.ndarray) -> None:
    """Fill the C-contiguous ``out`` with the bytes at ``offset``."""
    view = out.reshape(-1).view(np.uint8).data if out.size else memoryview(b"")
    got = 0
    while got < len(view):
        more = os.preadv(fd, [view[got:]], offset + got)
        if not more:
            raise ShortRead(offset, len(view), got)
        got += more


def read_flat(fd: int, storage: FlatStorage, region: tuple[slice, ...], out: np.ndarray) -> None:
    """Read a normal ``region`` of ``storage`` into ``out`` (the region's shape, native byte order, any strides)."""
    if not out.size:
        return
    axis = _run_axis(storage, region)
    run = math.prod(out.shape[axis:])
    if run * storage.dtype.itemsize >= RUN_BYTES or run == out.size:
        _read_runs(fd, storage, region, out, axis)
    else:
        _read_mapped(fd, storage, region, out)


def _run_axis(storage: FlatStorage, region: tuple[slice, ...]) -> int:
    """First axis from which on the region is one run of consecutive bytes."""
    axis, size = len(region), storage.dtype.itemsize
    while axis > 0:
        pick, stride = region[axis - 1], storage.strides[axis - 1]
        length = len(range(pick.start, pick.stop, pick.step))
        if length > 1 and (pick.step != 1 or stride != size):
            break
        axis -= 1
        if length != storage.shape[axis]:
            # Nothing further out adjoins, except axes of which one position is taken.
            size = -1
        elif size >= 0:
            size *= storage.shape[axis]
    return axis


def _read_runs(fd: int, storage: FlatStorage, region: tuple[slice, ...], out: np.ndarray, axis: int) -> None:
    swap = not storage.dtype.isnative
    inner = sum(p.start * s for p, s in zip(region[axis:], storage.strides[axis:], strict=True))
    outer = [range(p.start, p.stop, p.step) for p in region[:axis]]
    for index in itertools.product(*(range(len(r)) for r in outer)):
        position = sum(r[i] * s for r, i, s in zip(outer, index, storage.strides[:axis], strict=True))
        part: np.ndarray = out[(*index, ...)]  # type: ignore[arg-type]
        if part.flags.c_contiguous:
            read_into(fd, storage.offset + position + inner, part)
            if swap:
                part.byteswap(inplace=True)
        else:
            values = np.empty(part.shape, storage.dtype)
            read_into(fd, storage.offset + position + inner, values)
            part[...] = values


def _read_mapped(fd: int, storage: FlatStorage, region: tuple[slice, ...], out: np.ndarray) -> None:
    first = storage.offset + sum(p.start * s for p, s in zip(region, storage.strides, strict=True))
    strides = tuple(p.step * s for p, s in zip(region, storage.strides, strict=True))
    picked = FlatStorage(first, out.shape, strides, storage.dtype)
    # Touching a mapped page beyond the end of the file kills the process: look at the size first.
    size = os.fstat(fd).st_size
    if picked.end > size:
        raise ShortRead(first, picked.end - first, max(0, size - first))
    begin = first - first % mmap.ALLOCATIONGRANULARITY
    with mmap.mmap(fd, picked.end - begin, access=mmap.ACCESS_READ, offset=begin) as mapped:
        values = np.ndarray(out.shape, storage.dtype, mapped, first - begin, strides)
        out[...] = values
        del values


def open_file(path: str, where: str) -> int:
    """A file descriptor for reading; the caller closes it."""
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise InputError(
            f"the file cannot be opened: {error.strerror or error}",
            code="I200",
            where=where,
            hint="check that the file exists and may be read; a cached copy may have been removed",
        ) from error
