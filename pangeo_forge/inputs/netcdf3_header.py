"""Headers of NetCDF classic files: CDF-1, CDF-2 (64-bit offset) and CDF-5 (64-bit data).

Written from the published grammar, "The NetCDF Classic Format Specification" (Unidata, NetCDF documentation,
appendix B). scipy's reader has neither CDF-5 nor a check that the file holds what its header promises.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.damage import GET_AGAIN
from pangeo_forge.inputs.flat_storage import FlatStorage, c_strides

T = TypeVar("T")

TYPES = {
    1: np.dtype(">i1"),
    2: np.dtype("S1"),
    3: np.dtype(">i2"),
    4: np.dtype(">i4"),
    5: np.dtype(">f4"),
    6: np.dtype(">f8"),
    7: np.dtype(">u1"),
    8: np.dtype(">u2"),
    9: np.dtype(">u4"),
    10: np.dtype(">i8"),
    11: np.dtype(">u8"),
}
"""nc_type to dtype, big-endian as in the file; 7 to 11 occur in CDF-5 only."""

_DIMENSION, _VARIABLE, _ATTRIBUTE = 10, 11, 12
_FIRST_READ = 64 * 1024


@dataclass(frozen=True)
class Netcdf3Variable:
    """One variable, and where its values lie."""

    name: str
    dims: tuple[str, ...]
    attrs: Mapping[str, bytes | np.ndarray]
    """Text as the bytes in the file, numbers as native 1-D arrays."""
    is_record: bool
    """Whether its first dimension is the record (unlimited) one."""
    storage: FlatStorage


@dataclass(frozen=True)
class Netcdf3Header:
    """What a NetCDF classic file says of itself."""

    version: int
    """1, 2 or 5."""
    dims: Mapping[str, int]
    """Lengths in the file's order; the record dimension has the number of records."""
    record_dim: str | None
    attrs: Mapping[str, bytes | np.ndarray]
    variables: Mapping[str, Netcdf3Variable]
    file_size: int


def read_header(path: str) -> Netcdf3Header:
    """Header of the file, checked against its size.

    Raises
    ------
    InputError: I210 not a NetCDF classic file, or its header is broken; I211 the file is shorter than its header says.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(_FIRST_READ)
            while True:
                try:
                    parts = _parse(_Cursor(data), size)
                    break
                except _NeedMore:
                    more = file.read(max(len(data), _FIRST_READ))
                    if not more:
                        raise _truncated(path, "it ends inside the header") from None
                    data += more
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror or error}",
            code="I200",
            where=path,
            hint="check that the file exists and may be read",
        ) from error
    except (_Broken, KeyError, IndexError, ValueError, UnicodeDecodeError) as error:
        raise InputError(
            f"the file has no valid NetCDF-3 header: {error}",
            code="I210",
            where=path,
            hint=f"it is of another format (`open: {{format: auto}}` finds out), or {GET_AGAIN}",
        ) from error
    return _located(path, size, parts)


@dataclass(frozen=True)
class _Raw:
    name: str
    dimids: list[int]
    attrs: dict[str, bytes | np.ndarray]
    dtype: np.dtype[Any]
    begin: int


@dataclass(frozen=True)
class _Parts:
    version: int
    records: int | None
    dims: list[tuple[str, int]]
    attrs: dict[str, bytes | np.ndarray]
    variables: list[_Raw]


class _NeedMore(Exception):
    """The header goes on beyond the bytes read so far."""


class _Broken(Exception):
    """The header breaks the grammar."""


class _Cursor:
    """Takes the grammar's terminals from the header's bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.limit = 1 << 31
        self.wide = False
        self.wide_offsets = False

    def take(self, size: int) -> bytes:
        if not 0 <= size <= self.limit:
            raise _Broken(f"a length of {size} at byte {self.at}")
        if self.at + size > len(self.data):
            raise _NeedMore
        self.at += size
        return self.data[self.at - size : self.at]

    def padded(self, size: int) -> bytes:
        return self.take(size + -size % 4)[:size]

    def tag(self) -> int:
        return int(struct.unpack(">i", self.take(4))[0])

    def count(self) -> int:
        value = int(struct.unpack(">q" if self.wide else ">i", self.take(8 if self.wide else 4))[0])
        if value < 0:
            raise _Broken(f"a negative count at byte {self.at}")
        return value

    def begin(self) -> int:
        wide = self.wide_offsets
        return int(struct.unpack(">q" if wide else ">i", self.take(8 if wide else 4))[0])

    def records(self) -> int | None:
        """Number of records; None while it was streamed and never filled in (all bits set)."""
        data = self.take(8 if self.wide else 4)
        if data == b"\xff" * len(data):
            return None
        number = int.from_bytes(data, "big")
        if not self.wide and number >= 1 << 31:
            raise _Broken(f"{number} records")
        return number

    def name(self) -> str:
        return self.padded(self.count()).decode("utf-8")

    def items(self, tag: int, item: Callable[[], T]) -> list[T]:
        found, count = self.tag(), self.count()
        if found == 0 and count == 0:
            return []
        if found != tag:
            raise _Broken(f"tag {found} instead of {tag} at byte {self.at}")
        return [item() for _ in range(count)]


def _parse(cursor: _Cursor, size: int) -> _Parts:
    magic = cursor.take(4)
    if magic[:3] != b"CDF" or magic[3] not in (1, 2, 5):
        raise _Broken(f"it begins with {magic!r}")
    cursor.limit = size
    cursor.wide, cursor.wide_offsets = magic[3] == 5, magic[3] != 1
    records = cursor.records()
    dims = cursor.items(_DIMENSION, lambda: (cursor.name(), cursor.count()))
    attrs = _attributes(cursor)
    return _Parts(magic[3], records, dims, attrs, cursor.items(_VARIABLE, lambda: _variable(cursor)))


def _attributes(cursor: _Cursor) -> dict[str, bytes | np.ndarray]:
    return dict(cursor.items(_ATTRIBUTE, lambda: (cursor.name(), _attribute_value(cursor))))


def _attribute_value(cursor: _Cursor) -> bytes | np.ndarray:
    dtype = _type(cursor)
    count = cursor.count()
    data = cursor.padded(count * dtype.itemsize)
    return data if dtype.kind == "S" else np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))


def _type(cursor: _Cursor) -> np.dtype[Any]:
    number = cursor.tag()
    if number not in TYPES:
        raise _Broken(f"type {number} at byte {cursor.at}")
    return TYPES[number]


def _variable(cursor: _Cursor) -> _Raw:
    name = cursor.name()
    dimids = [cursor.count() for _ in range(cursor.count())]
    attrs, dtype = _attributes(cursor), _type(cursor)
    # vsize is redundant, and wrong by design for variables above 4 GiB: sizes are computed from the dimensions.
    cursor.take(8 if cursor.wide else 4)
    return _Raw(name, dimids, attrs, dtype, cursor.begin())


# -- where values lie ------------------------------------------------------------------------------------------------


def _located(path: str, size: int, parts: _Parts) -> Netcdf3Header:
    lengths = [n for _, n in parts.dims]
    if any(d >= len(lengths) for v in parts.variables for d in v.dimids):
        raise InputError("a variable names a dimension that does not exist", code="I210", where=path, hint=GET_AGAIN)
    record = lengths.index(0) if 0 in lengths else None
    of_records = [v for v in parts.variables if v.dimids and v.dimids[0] == record]
    slabs = [math.prod(lengths[d] for d in v.dimids[1:]) * v.dtype.itemsize for v in of_records]
    # One record variable alone is not padded to four bytes; several are.
    step = slabs[0] if len(slabs) == 1 else sum(s + -s % 4 for s in slabs)
    records = parts.records
    if records is None:
        records = _streamed(path, size, min((v.begin for v in of_records), default=size), step, slabs)
    if record is not None:
        lengths[record] = records
    dims = {name: n for (name, _), n in zip(parts.dims, lengths, strict=True)}
    variables = {v.name: _placed(v, parts, lengths, record, step) for v in parts.variables}
    for variable in variables.values():
        if variable.storage.offset < 0 or variable.storage.end > size:
            missing = variable.storage.end - size
            raise _truncated(path, f"variable {variable.name!r} ends {missing} bytes behind its end ({size})")
    _refuse_entangled(path, variables, of_records, records * step)
    record_dim = None if record is None else parts.dims[record][0]
    return Netcdf3Header(parts.version, dims, record_dim, parts.attrs, variables, size)


def _refuse_entangled(path: str, variables: Mapping[str, Netcdf3Variable], of_records: list[_Raw], nbytes: int) -> None:
    """Nothing else may lie among the records: scipy writes such files when they hold scalars, too, and netCDF-C refuses them."""
    if not of_records or not nbytes:
        return
    first = min(v.begin for v in of_records)
    for variable in variables.values():
        where = variable.storage
        if not variable.is_record and 0 not in where.shape and where.end > first and where.offset < first + nbytes:
            raise InputError(
                f"variable {variable.name!r} lies among the records of others: the file was written wrongly",
                code="I210",
                where=path,
                hint="write it anew with the netCDF library; scipy writes scalars beside an unlimited dimension so",
            )


def _placed(v: _Raw, parts: _Parts, lengths: list[int], record: int | None, step: int) -> Netcdf3Variable:
    shape = tuple(lengths[d] for d in v.dimids)
    strides = c_strides(shape, v.dtype.itemsize)
    is_record = bool(v.dimids) and v.dimids[0] == record
    if is_record:
        strides = (step, *strides[1:])
    storage = FlatStorage(v.begin, shape, strides, v.dtype)
    return Netcdf3Variable(v.name, tuple(parts.dims[d][0] for d in v.dimids), v.attrs, is_record, storage)


def _streamed(path: str, size: int, begin: int, step: int, slabs: list[int]) -> int:
    """Records in a file whose writer never filled in their number: as many as fit."""
    if not step:
        return 0
    records, rest = divmod(max(0, size - begin), step)
    padding = -slabs[-1] % 4 if len(slabs) > 1 else 0
    if rest and rest >= step - padding:
        return records + 1
    if rest:
        raise _truncated(path, f"it ends {rest} bytes into a record of {step}")
    return records


def _truncated(path: str, why: str) -> InputError:
    return InputError(
        f"the NetCDF-3 file is truncated: {why}",
        code="I211",
        where=path,
        hint=GET_AGAIN,
    )
