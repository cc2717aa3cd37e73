"""Files that end before they should, of each format."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.completeness import check_complete

DATA = Path(__file__).parents[1] / "data"
WHOLE = {
    "netcdf3": next((DATA / "cmip5_hadgem2es_tas_netcdf3").glob("*.nc")),
    "hdf5": next((DATA / "cmip6_cams_ta_units_differ").glob("*.nc")),
    "grib2": next(p for p in (DATA / "safrica_grib2_split").iterdir() if p.read_bytes()[:4] == b"GRIB"),
    "geotiff": next(p for p in (DATA / "lcmap_annual_cog").iterdir() if p.read_bytes()[:2] in (b"II", b"MM")),
}


@pytest.fixture(params=[*WHOLE, "gz", "bz2", "xz", "zip"])
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, bytes]:
    if request.param in WHOLE:
        return request.param, WHOLE[request.param].read_bytes()
    data = WHOLE["netcdf3"].read_bytes()[:20000]
    if request.param == "zip":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("a.nc", data)
        return "zip", (tmp_path / "a.zip").read_bytes()
    packed = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[request.param]
    return request.param, packed(data)


def test_whole_files_pass_and_cut_ones_do_not(whole: tuple[str, bytes], tmp_path: Path) -> None:
    kind, data = whole
    path = tmp_path / "file"
    path.write_bytes(data)
    check_complete(str(path))
    path.write_bytes(data[: len(data) - max(40, len(data) // 50)])
    if kind in ("gz", "bz2", "geotiff"):  # their readers find out
        check_complete(str(path))
        return
    with pytest.raises(InputError) as caught:
        check_complete(str(path))
    assert caught.value.code in ("I105", "I107", "I211")
    assert "the server sent it so" in str(caught.value.hint)


def test_padding_behind_xz_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(lzma.compress(bytes(5000)) + bytes(8))
    check_complete(str(path))


@pytest.mark.parametrize("data", [b"", b"<html><title>Log in</title></html>", b"not data"])
def test_what_is_no_data_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InputError):
        check_complete(str(path))
