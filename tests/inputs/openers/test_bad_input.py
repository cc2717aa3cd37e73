"""Truncated, empty, mislabelled and fuzzed files: an error with key and URL, never a crash, never a hang; opened and read."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.openers import naming, open_dataset
from pangeo_forge.inputs.source import InputSource, OpenOptions
from tests.recipes.standins.files import grib

DATA = Path(__file__).parents[2] / "data"
FILES = {
    "netcdf3": DATA / "cmip5_hadgem2es_tas_netcdf3/tas_Amon_HadGEM2-ES_rcp85_r1i1p1_229912-229912.nc",
    "hdf5": DATA / "singles/vlstr_type.nc",
    "hdf5_groups": DATA / "tempo_no2_l2_groups/TEMPO_NO2_L2_V03_20240328T154353Z_S008G01.nc4",
    "grib": DATA / "singles/polar_stereo.grib2",
    "geotiff": DATA / "singles/test_data_tif_time.tif",
    "zarr": DATA / "singles/sic_daily_sample.zarr.zip",
}
URL = "https://user:secret@example.org/a.nc?token=secret"
READ_BYTES = 64 << 20
"""Arrays beyond this are not read here: a plan would refuse them."""


def records(path: Path) -> None:
    """NetCDF-3 with two variables along the record dimension."""
    values = np.arange(600, dtype="i2").reshape(20, 5, 6)
    ds = xr.Dataset({"a": (("t", "y", "x"), values), "b": (("t",), np.arange(20.0))}, {"t": np.arange(20)})
    ds.to_netcdf(path, engine="scipy", unlimited_dims=["t"])


def chunked(path: Path) -> None:
    """HDF5 with every way in which values are reached: our codecs, the library's, an index too large to list, texts."""
    values = np.arange(40 * 30, dtype="i4").reshape(40, 30) % 91
    with h5py.File(path, "w") as file:
        file.create_dataset("zlib", data=values, chunks=(7, 8), compression="gzip", shuffle=True, fletcher32=True)
        file.create_dataset("lzf", data=values, chunks=(7, 8), compression="lzf")
        file.create_dataset("scaled", data=values, chunks=(20, 30), scaleoffset=0)
        file.create_dataset("plain", data=values)
        file.create_dataset("table", data=np.zeros(40, [("n", "i4"), ("v", "f8")]))
        file.create_dataset("texts", data=[f"text {i}" for i in range(30_000)], dtype=h5py.string_dtype())


def grib1(path: Path) -> None:
    """Two steps of two variables."""
    messages = [{"shortName": name, "step": step} for step in (0, 6) for name in ("2t", "msl")]
    grib(path, messages, np.arange(48.0).reshape(4, 3, 4), edition=1)


MADE: dict[str, Callable[[Path], object]] = {"records": records, "chunked": chunked, "grib1": grib1}
SAMPLES = [*FILES, *MADE]


def content(name: str, folder: Path) -> bytes:
    if name in FILES:
        return FILES[name].read_bytes()
    MADE[name](folder / "made")
    return (folder / "made").read_bytes()


def refused_or_read(path: Path, timeout: float) -> InputError | None:
    """The error of opening it and reading all it says to hold, checked for what every error must tell."""
    source = InputSource(URL, str(path), "time=1")
    try:
        with warnings.catch_warnings(), naming(source):
            warnings.simplefilter("ignore")
            ds = open_dataset(source, OpenOptions(timeout=timeout))
            for variable in ds.variables.values():
                if variable.nbytes <= READ_BYTES:
                    assert variable.values.shape == variable.shape
    except PangeoForgeError as error:
        assert isinstance(error, InputError)  # noqa: PT017
        assert error.where is not None  # noqa: PT017
        assert "time=1 (https://example.org/a.nc" in error.where  # noqa: PT017
        assert "secret" not in str(error)  # noqa: PT017
        assert str(path) not in error.where  # noqa: PT017
        return error
    return None


@pytest.mark.parametrize("name", SAMPLES)
def test_a_whole_file_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(content(name, tmp_path))
    assert refused_or_read(tmp_path / "a.bin", 60) is None


@pytest.mark.parametrize("name", SAMPLES)
def test_truncated_files_are_refused(name: str, tmp_path: Path) -> None:
    whole = content(name, tmp_path)
    path = tmp_path / "a.bin"
    for part in (0.0, 0.001, 0.3, 0.9):
        path.write_bytes(whole[: int(len(whole) * part)])
        assert refused_or_read(path, 30) is not None, part
    path.write_bytes(whole[:-1])
    # An index of a zip, padding of a record: the last byte of some formats holds nothing.
    assert refused_or_read(path, 30) is not None or name in ("records", "geotiff")


def fuzz(name: str, count: int, folder: Path, reach: int | None) -> set[str]:
    """Flip some bytes, in the first ``reach`` or anywhere; the codes that were met."""
    whole = content(name, folder)
    source = random.Random(f"{name} {reach}")
    path = folder / "a.bin"
    met = set()
    for _ in range(count):
        damaged = bytearray(whole)
        for _ in range(source.choice((1, 2, 8, 40))):
            damaged[source.randrange(min(len(damaged), reach or len(damaged)))] = source.randrange(256)
        path.write_bytes(damaged)
        error = refused_or_read(path, 5)
        met.add(error.code if error else "")
    return met


@pytest.mark.parametrize("name", SAMPLES)
def test_fuzzed_headers_and_values(name: str, tmp_path: Path) -> None:
    fuzz(name, 8, tmp_path, 20_000)
    fuzz(name, 8, tmp_path, None)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", SAMPLES)
def test_fuzzed_headers_and_values_long(name: str, tmp_path: Path) -> None:
    met = fuzz(name, 300, tmp_path, 2_000) | fuzz(name, 300, tmp_path, 20_000) | fuzz(name, 300, tmp_path, None)
    assert len(met) > 1


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_every_open_has_a_time_limit(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content(name, tmp_path))
    # The first call also waits for the child to start.
    assert refused_or_read(path, 60) is None
    error = refused_or_read(path, 1e-9)
    assert error is not None
    assert error.code == "I121"
    assert refused_or_read(path, 60) is None


def test_a_coordinate_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "endless.h5"
    with h5py.File(path, "w") as file:
        scale = file.create_dataset("time", (1 << 40,), "f8", chunks=(1000,))
        scale.make_scale("time")
    error = refused_or_read(path, 30)
    assert error is not None
    assert error.code == "I125"


def test_what_no_reader_foresaw_names_the_input_too(tmp_path: Path) -> None:
    def fail() -> None:
        raise ZeroDivisionError("in a library")

    place = InputSource(URL, str(tmp_path), "time=1")
    with pytest.raises(InputError, match=r"time=1 \(https://example.org/a.nc.*ZeroDivision.*I124"), naming(place):
        fail()
