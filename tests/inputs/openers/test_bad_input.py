"""Truncated, empty, mislabelled and fuzzed files: an error with key and URL, never a crash, never a hang."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import pytest

from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.openers import open_dataset
from pangeo_forge.inputs.source import InputSource, OpenOptions

DATA = Path(__file__).parents[2] / "data"
SAMPLES = {
    "netcdf3": DATA / "cmip5_hadgem2es_tas_netcdf3/tas_Amon_HadGEM2-ES_rcp85_r1i1p1_229912-229912.nc",
    "hdf5": DATA / "singles/vlstr_type.nc",
    "hdf5_groups": DATA / "tempo_no2_l2_groups/TEMPO_NO2_L2_V03_20240328T154353Z_S008G01.nc4",
    "grib": DATA / "singles/polar_stereo.grib2",
    "geotiff": DATA / "singles/test_data_tif_time.tif",
    "zarr": DATA / "singles/sic_daily_sample.zarr.zip",
}
URL = "https://user:secret@example.org/a.nc?token=secret"


def refused_or_opened(path: Path, timeout: float) -> InputError | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            open_dataset(InputSource(URL, str(path), "time=1"), OpenOptions(timeout=timeout))
    except PangeoForgeError as error:
        assert isinstance(error, InputError)  # noqa: PT017
        assert error.where is not None  # noqa: PT017
        assert "time=1 (https://example.org/a.nc" in error.where  # noqa: PT017
        assert "secret" not in str(error)  # noqa: PT017
        return error
    return None


@pytest.mark.parametrize("name", list(SAMPLES))
def test_truncated_files_are_refused(name: str, tmp_path: Path) -> None:
    content = SAMPLES[name].read_bytes()
    path = tmp_path / "a.bin"
    for part in (0.0, 0.001, 0.3, 0.9):
        path.write_bytes(content[: int(len(content) * part)])
        # A TIFF's tiles are not looked at before they are read.
        if not (name == "geotiff" and part >= 0.3):
            assert refused_or_opened(path, 30) is not None, part


def fuzz(name: str, count: int, tmp_path: Path) -> None:
    content = SAMPLES[name].read_bytes()
    source = random.Random(name)
    path = tmp_path / "a.bin"
    for _ in range(count):
        damaged = bytearray(content)
        for _ in range(source.choice((1, 2, 8))):
            damaged[source.randrange(min(len(damaged), 20_000))] = source.randrange(256)
        path.write_bytes(damaged)
        refused_or_opened(path, 5)


@pytest.mark.parametrize("name", list(SAMPLES))
def test_fuzzed_headers(name: str, tmp_path: Path) -> None:
    fuzz(name, 20, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(SAMPLES))
def test_fuzzed_headers_long(name: str, tmp_path: Path) -> None:
    fuzz(name, 300, tmp_path)
