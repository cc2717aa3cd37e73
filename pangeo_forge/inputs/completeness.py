"""Whether a file that was just received can be what it should be, and is all there, before the cache promises it."""

from __future__ import annotations

import os

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.damage import GET_AGAIN, advised
from pangeo_forge.inputs.sniff import check_hdf5, sniff

_XZ_END = b"YZ"


def check_complete(path: str) -> None:
    """Refuse a file of no known format, or one that ends before it should, as far as a few small reads tell.

    NetCDF-3 and HDF5 headers say how long the file is, GRIB messages and zip archives have ends, so has xz. Whether a
    gz, bz2 or GeoTIFF is whole is known when it is read.

    Raises
    ------
    InputError: I101 to I107, I210, I211.
    """
    try:
        _check(path)
    except InputError as error:
        raise advised(error, local=False) from error.__cause__


def _check(path: str) -> None:
    kind = sniff(path)
    if kind == "hdf5":
        check_hdf5(path)
    elif kind == "netcdf3":
        from pangeo_forge.inputs.netcdf3_header import read_header

        read_header(path)
    elif kind in ("grib1", "grib2"):
        from pangeo_forge.inputs.openers.grib import check

        check(path)
    elif kind == "xz":
        _check_xz(path)


def _check_xz(path: str) -> None:
    # The .xz file format, section 2.1.2: a stream's footer ends in "YZ"; padding of zeros may follow.
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        if not file.read().rstrip(b"\0").endswith(_XZ_END):
            raise InputError("the xz archive is truncated", code="I107", where=path, hint=GET_AGAIN)
