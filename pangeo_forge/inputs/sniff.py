"""What a file is, told from its first bytes and never from its name, and whether it is whole.

Servers answer with login pages under the name of a NetCDF file, downloads stop half-way, and ``.nc`` says nothing
about the format: so the bytes decide.
"""

from __future__ import annotations

import html
import os
import re
import struct
from pathlib import Path
from typing import BinaryIO

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.damage import GET_AGAIN

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
WRAPPERS = ("gz", "bz2", "xz", "zip")

_MAGIC = (
    (b"CDF\x01", "netcdf3"),
    (b"CDF\x02", "netcdf3"),
    (b"CDF\x05", "netcdf3"),
    (HDF5_SIGNATURE, "hdf5"),
    (b"II*\x00", "geotiff"),
    (b"MM\x00*", "geotiff"),
    (b"II+\x00", "geotiff"),
    (b"MM\x00+", "geotiff"),
    (b"\x1f\x8b", "gz"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_OTHERS = (
    (b"\x0e\x03\x13\x01", "an HDF4 file", "convert it with h4toh5 first; HDF4 cannot be read"),
    (b"%PDF", "a PDF document", "check the URL"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (b"\x89PNG", "a PNG picture", "check the URL"),
    (b"PAR1", "a Parquet file", "check the URL"),
)
ZARR_FILES = (".zgroup", ".zarray", ".zmetadata", "zarr.json")


def sniff(path: str) -> str:
    """Format of a local file or folder: one of ``netcdf3 hdf5 grib1 grib2 geotiff zarr`` or a wrapper ``gz bz2 xz zip``.

    NetCDF-4 is told as ``hdf5``: one opener reads both. A zip that holds a zarr store is told as ``zarr``.

    Raises
    ------
    InputError: I101 absent, I102 empty, I103 a web page or text, I104 none of the known formats.
    """
    if os.path.isdir(path):
        if any((Path(path) / name).exists() for name in ZARR_FILES):
            return "zarr"
        raise InputError("the folder is not a zarr store", code="I104", where=path, hint="name a file or a store")
    try:
        with open(path, "rb") as file:
            return _sniff_file(file, path)
    except FileNotFoundError:
        raise InputError("no such file", code="I101", where=path, hint="check the URL or path") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", code="I101", where=path) from None


def _sniff_file(file: BinaryIO, path: str) -> str:
    head = file.read(4096)
    if not head:
        raise InputError("the file is empty", code="I102", where=path, hint=GET_AGAIN)
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return _zip_kind(path) if name == "zip" else name
    edition = _grib_edition(head)
    if edition:
        return edition
    if _hdf5_offset(file) is not None:
        return "hdf5"
    for magic, what, hint in _OTHERS:
        if head.startswith(magic):
            raise InputError(f"this is {what}", code="I104", where=path, hint=hint)
    raise _text_error(head, path) or InputError(
        f"unknown format: the file begins with {head[:8]!r}",
        code="I104",
        where=path,
        hint="known are NetCDF-3, NetCDF-4/HDF5, GRIB 1/2, GeoTIFF, zarr and gz, bz2, xz, zip of these",
    )


def _grib_edition(head: bytes) -> str | None:
    # A WMO bulletin header (some dozen bytes) may stand before the first message.
    at = head.find(b"GRIB", 0, 256)
    if at < 0 or len(head) < at + 8 or (at > 0 and not head[:at].isascii()):
        return None
    return {1: "grib1", 2: "grib2"}.get(head[at + 7])


def _hdf5_offset(file: BinaryIO) -> int | None:
    """Where the superblock is: at 0, 512, 1024, 2048... (HDF5 file format specification, section II.A)."""
    size = file.seek(0, os.SEEK_END)
    offset = 0
    while offset + 8 <= size:
        file.seek(offset)
        if file.read(8) == HDF5_SIGNATURE:
            return offset
        offset = 512 if offset == 0 else offset * 2
    return None


def _zip_kind(path: str) -> str:
    from pangeo_forge.inputs.unpack import zip_names

    return "zarr" if any(name.rpartition("/")[2] in ZARR_FILES for name in zip_names(path)) else "zip"


def _text_error(head: bytes, path: str) -> InputError | None:
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    lower = text[:512].lower()
    if lower.startswith(("<!doctype html", "<html")) or "<html" in lower:
        found = re.search(r"<title[^>]*>(.*?)</title>", text, re.I | re.S)
        title = f" (title: {' '.join(html.unescape(found[1]).split())[:100]!r})" if found else ""
        hint = "the server wants a login, or the URL is that of a page: open it in a browser, set fetch.auth"
        return InputError(f"this is a web page, not data{title}", code="I103", where=path, hint=hint)
    kind = "an XML document" if lower.startswith("<") else "JSON" if lower[:1] in ("{", "[") else "text"
    control = sum(1 for b in head if b < 9 or 13 < b < 32)
    if control or "\ufffd" in text[:-4]:
        return None
    start = " ".join(text.split())[:80]
    hint = "the server answered with a message instead of the file: check the URL and fetch.auth"
    return InputError(f"this is {kind}, not data: it begins {start!r}", code="I103", where=path, hint=hint)


def check_hdf5(path: str) -> None:
    """Refuse an HDF5 file that is shorter than its superblock says: it was truncated.

    Costs two small reads. HDF5 file format specification, section II.A: versions 0 to 3 of the superblock.

    Raises
    ------
    InputError: I105 truncated, I106 the superblock is damaged.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(0)
        head = file.read(128)
        if not head.startswith(HDF5_SIGNATURE):
            offset = _hdf5_offset(file)
            if offset is None:
                raise InputError("no HDF5 superblock", code="I106", where=path, hint=GET_AGAIN)
            file.seek(offset)
            head = file.read(128)
    end = _hdf5_end(head)
    if end is None:
        raise InputError("the HDF5 superblock is damaged", code="I106", where=path, hint=GET_AGAIN)
    if size < end:
        raise InputError(f"the file is truncated: {size} bytes of {end}", code="I105", where=path, hint=GET_AGAIN)


def _hdf5_end(head: bytes) -> int | None:
    """End-of-file address of a superblock, or None when it makes no sense."""
    if len(head) < 48:
        return None
    version = head[8]
    if version in (0, 1):
        width, start = head[13], 24 if version == 0 else 28
        position = start + 2 * width  # base address, address of free space, end of file
    elif version in (2, 3):
        width, start = head[9], 12
        position = start + 2 * width  # base address, address of extension, end of file
    else:
        return None
    formats = {2: "<H", 4: "<I", 8: "<Q"}
    if width not in formats or position + width > len(head):
        return None
    return int(struct.unpack_from(formats[width], head, position)[0])
