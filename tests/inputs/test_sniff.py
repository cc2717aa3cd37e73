"""Formats told from bytes; wrappers; truncated, empty and mislabelled files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import h5py
import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.sniff import check_hdf5, sniff
from pangeo_forge.inputs.unpack import unpack


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"CDF\x01", "netcdf3"),
        (b"CDF\x02", "netcdf3"),
        (b"CDF\x05", "netcdf3"),
        (b"\x89HDF\r\n\x1a\n", "hdf5"),
        (bytes(512) + b"\x89HDF\r\n\x1a\n", "hdf5"),
        (bytes(2048) + b"\x89HDF\r\n\x1a\n", "hdf5"),
        (b"GRIB\x00\x00\x00\x01", "grib1"),
        (b"GRIB\x00\x00\x00\x02", "grib2"),
        (b"T123 KWBC 010000\r\r\nGRIB\x00\x00\x00\x02", "grib2"),
        (b"II*\x00", "geotiff"),
        (b"MM\x00*", "geotiff"),
        (b"II+\x00", "geotiff"),
        (b"MM\x00+", "geotiff"),
        (b"\x1f\x8b\x08", "gz"),
        (b"BZh9", "bz2"),
        (b"\xfd7zXZ\x00", "xz"),
    ],
)
def test_magic_bytes_decide_whatever_the_name(head: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "data.zarr.tif.nc"
    path.write_bytes(head + bytes(64))
    assert sniff(str(path)) == expected


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "I102", "empty"),
        (b"<!DOCTYPE html><html><head><title>Earthdata\n Login</title>", "I103", "title: 'Earthdata Login'"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "I103", "AccessDenied"),
        (b'{"error": "not found"}', "I103", "JSON"),
        (b"Error 503: try again\n", "I103", "try again"),
        (b"\x0e\x03\x13\x01" + bytes(20), "I104", "HDF4"),
        (b"\x00\x01\x02\x03" * 9, "I104", "unknown format"),
    ],
)
def test_what_is_no_data_is_told(content: bytes, code: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        sniff(str(path))
    assert caught.value.code == code


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        sniff(str(tmp_path / "nothing.nc"))


def test_zarr_folders_and_zips(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "zarr.json").write_text("{}")
    assert sniff(str(tmp_path / "store")) == "zarr"
    for name, expected in (("a/.zgroup", "zarr"), ("a.nc", "zip")):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(name, "{}")
        assert sniff(str(tmp_path / "x.zip")) == expected


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("userblock", [0, 512])
def test_truncated_hdf5_is_found_by_its_superblock(libver: str, userblock: int, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=libver, userblock_size=userblock) as file:
        file["a"] = list(range(1000))
    check_hdf5(str(path))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="truncated"):
        check_hdf5(str(path))


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("wrapper", list(PACKERS))
def test_wrappers_are_unpacked_once_and_damage_is_told(wrapper: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * 100
    path = tmp_path / "a"
    path.write_bytes(PACKERS[wrapper](content))
    out = unpack(str(path), wrapper, member=None, scratch=str(tmp_path / "s"), limit=10**6)
    assert Path(out).read_bytes() == content
    before = Path(out).stat().st_mtime_ns
    assert unpack(str(path), wrapper, member=None, scratch=str(tmp_path / "s"), limit=10**6) == out
    assert Path(out).stat().st_mtime_ns == before
    with pytest.raises(InputError) as caught:
        unpack(str(path), wrapper, member=None, scratch=str(tmp_path / "t"), limit=1000)
    assert caught.value.code == "I108"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError) as caught:
        unpack(str(path), wrapper, member=None, scratch=str(tmp_path / "s"), limit=10**6)
    assert caught.value.code == "I107"
    assert not list((tmp_path / "s" / "unpacked").glob("*.partial"))


def test_zip_members(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("in/a.nc", b"A")
        archive.writestr("in/b.nc", b"B")
    path = tmp_path / "x.zip"
    path.write_bytes(buffer.getvalue())
    keys = {"scratch": str(tmp_path), "limit": 100}
    assert Path(unpack(str(path), "zip", member="in/b.nc", **keys)).read_bytes() == b"B"  # type: ignore[arg-type]
    assert Path(unpack(str(path), "zip", member="*/a.*", **keys)).read_bytes() == b"A"  # type: ignore[arg-type]
    for member in (None, "*.tif", "*.nc"):
        with pytest.raises(InputError, match=r"in/a\.nc") as caught:
            unpack(str(path), "zip", member=member, **keys)  # type: ignore[arg-type]
        assert caught.value.code == "I109"
