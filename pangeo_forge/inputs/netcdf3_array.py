"""Reads arrays of NetCDF classic files (CDF-1, -2, -5) by region, outside the GIL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.flat_storage import (
    ShortRead,
    native,
    normal_region,
    open_file,
    read_flat,
    region_shape,
    target,
)
from pangeo_forge.inputs.lazy import Locator
from pangeo_forge.inputs.netcdf3_header import Netcdf3Header, Netcdf3Variable, read_header


class Netcdf3Array:
    """One variable of a local NetCDF classic file: an ``ArraySource``.

    The file stores big-endian values; ``dtype`` and what ``read`` returns are in this machine's byte order. No file
    stays open between reads: instances are picklable and safe to read from many threads.

    Parameters
    ----------
    path: the file.
    name: the variable.
    header: the file's header, when somebody read it already.
    """

    def __init__(self, path: str, name: str, *, header: Netcdf3Header | None = None) -> None:
        header = header or read_header(path)
        if name not in header.variables:
            raise InputError(
                f"the file has no variable {name!r}; it has {', '.join(sorted(header.variables)) or 'none'}",
                code="I212",
                where=path,
                hint="compare the variables of this file with those of the others",
            )
        self.path = path
        self.name = name
        self._variable = header.variables[name]
        self._file_size = header.file_size

    @property
    def variable(self) -> Netcdf3Variable:
        """The variable's dimensions, attributes and place in the file."""
        return self._variable

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as stored, records included."""
        return self._variable.storage.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype of what ``read`` returns: in this machine's byte order."""
        return native(self._variable.storage.dtype)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """One record, for variables along the record dimension, whose records lie apart; None otherwise."""
        return (1, *self.shape[1:]) if self._variable.is_record else None

    @property
    def locator(self) -> Locator:
        """Kind "netcdf3" and the variable's name."""
        return Locator("netcdf3", self.name)

    @property
    def reads_in_place(self) -> bool:
        """True: ``out`` saves a copy."""
        return True

    def read(self, region: tuple[slice, ...], out: np.ndarray | None = None) -> np.ndarray:
        """Values in ``region``, in ``out`` (of the region's shape and this dtype, any strides) when given.

        Raises
        ------
        InputError: I200 the file cannot be opened; I206 its size changed since the header was read;
            I209 it cannot be read.
        """
        region = normal_region(region, self.shape)
        values = target(region_shape(region), self.dtype, out)
        fd = open_file(self.path, f"{self.path}: {self.name}")
        try:
            size = os.fstat(fd).st_size
            if size != self._file_size:
                raise InputError(
                    f"the file has {size} bytes, but had {self._file_size} when its header was read",
                    code="I206",
                    where=f"{self.path}: {self.name}",
                    hint="it was replaced or cut since; run again so that it is scanned anew",
                )
            read_flat(fd, self._variable.storage, region, values)
        except (ShortRead, OSError) as error:
            raise InputError(
                f"its values cannot be read: {error}",
                code="I209",
                where=f"{self.path}: {self.name}",
                hint="check the disk or the file system; the file may be cut",
            ) from error
        finally:
            os.close(fd)
        return values

    def __repr__(self) -> str:
        return f"<Netcdf3Array {self.name!r} {self.shape} {self.dtype} of {self.path}>"


def open_netcdf3_arrays(path: str, names: Sequence[str]) -> dict[str, Netcdf3Array]:
    """Several variables of one file, whose header is read once."""
    header = read_header(path)
    return {name: Netcdf3Array(path, name, header=header) for name in names}
