"""Opens NetCDF classic files: CDF-1, CDF-2 (64-bit offset), CDF-5 (64-bit data)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.lazy import ArraySource
from pangeo_forge.inputs.netcdf3_array import Netcdf3Array
from pangeo_forge.inputs.netcdf3_header import read_header
from pangeo_forge.inputs.openers.assembly import StoredDataset, StoredVariable, matches, to_xarray
from pangeo_forge.inputs.openers.leaves import KnownArray
from pangeo_forge.inputs.source import InputSource, OpenOptions

if TYPE_CHECKING:
    import xarray as xr

_SMALL = 128 * 1024


def open(source: InputSource, options: OpenOptions) -> xr.Dataset:
    """The dataset of a NetCDF classic file. Numbers come in this machine's byte order."""
    stored = read_stored(source, options)
    return to_xarray(stored, decode_coords=options.decode_coords, drop=options.drop, source=str(source.path))


def read_stored(source: InputSource, options: OpenOptions) -> StoredDataset:
    """What is in the file.

    Raises
    ------
    InputError: I111 a group is asked for; I210, I211 the header is broken, or the file shorter than it says.
    """
    if source.path is None:
        raise InputError("NetCDF-3 is read from a local file", code="I101", where=source.where)
    if options.groups != ("/",):
        raise InputError("NetCDF-3 files have no groups", code="I111", where=source.where, hint="remove open.group")
    arguments = (source.path, options.drop, dict(options.dims))
    found: StoredDataset = options.limits.call(read_file, *arguments, where=source.where)
    return found


def read_file(path: str, drop: tuple[str, ...], dims: Mapping[str, Any]) -> StoredDataset:
    """What the file holds; small arrays with their values."""
    header = read_header(path)
    messages: list[str] = []
    attrs = {k: _value(k, v, "the file", messages) for k, v in header.attrs.items()}
    absent = sorted(set(dims) - set(header.dims))
    if absent:
        hint = f"dimensions: {', '.join(header.dims)}"
        raise InputError(f"open.dims names {absent[0]!r}, which is no dimension", code="I113", where=path, hint=hint)
    variables = {}
    for name, variable in header.variables.items():
        if matches(name, drop):
            continue
        array: ArraySource = Netcdf3Array(path, name, header=header)
        if len(array.shape) < 2 and int(np.prod(array.shape, dtype=np.int64)) * array.dtype.itemsize <= _SMALL:
            values = array.read(tuple(slice(0, n, 1) for n in array.shape))
            array = KnownArray(values, array.chunks, array.locator)
        found = {k: _value(k, v, name, messages) for k, v in variable.attrs.items()}
        variables[name] = StoredVariable(tuple(str(dims.get(d, d)) for d in variable.dims), array, found)
    return StoredDataset(variables, attrs, warnings=messages)


def _value(name: str, value: bytes | np.ndarray, place: str, messages: list[str]) -> Any:
    if isinstance(value, bytes):
        # The fill value of a char array is a byte of it, no text.
        return value if name == "_FillValue" else _text(value.rstrip(b"\x00"), f"{place}@{name}", messages)
    return value[0] if value.shape == (1,) else value


def _text(value: bytes, place: str, messages: list[str]) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        messages.append(f"{place} holds bytes that are no UTF-8; they were read as Latin-1")
        return value.decode("latin-1")
