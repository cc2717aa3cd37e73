"""Makes the archive that is measured: daily files in the layout of NOAA OISST v2.1, with made-up values.

Four packed int16 variables of 720 x 1440, deflate 4 and shuffle, one chunk each; noise in the last digits, so that the
files shrink about as the real ones do (2.7 MB each, 8.3 MB decoded).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import h5netcdf
import numpy as np

NAMES = ("sst", "anom", "err", "ice")
SHAPE = (1, 1, 720, 1440)
FIRST = dt.date(1981, 9, 1)
MISSING = -999


def make_archive(folder: Path, count: int) -> list[Path]:
    """The first ``count`` days in ``folder``; days that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"oisst.{FIRST + dt.timedelta(day):%Y%m%d}.nc" for day in range(count)]
    lat, lon = np.arange(-89.875, 90, 0.25, dtype="f4"), np.arange(0.125, 360, 0.25, dtype="f4")
    mean = 27 * np.cos(np.deg2rad(lat))[:, None] + 2 * np.sin(np.deg2rad(3 * lon))[None, :]
    land = np.sin(np.deg2rad(2 * lon))[None, :] + np.cos(np.deg2rad(3 * lat))[:, None] > 0.9
    for day, path in enumerate(paths):
        if not path.exists():
            part = path.with_suffix(".part")
            _write_day(part, day, lat, lon, mean, land)
            part.rename(path)
    return paths


def _write_day(path: Path, day: int, lat: np.ndarray, lon: np.ndarray, mean: np.ndarray, land: np.ndarray) -> None:
    rng = np.random.default_rng(day)
    season = 5 * np.sin(day / 58) * np.sin(np.deg2rad(lat))[:, None]
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"time": None, "zlev": 1, "lat": lat.size, "lon": lon.size}
        file.resize_dimension("time", 1)
        axes = {
            "time": (np.array([1339 + day], "f4"), "days since 1978-01-01 12:00:00"),
            "zlev": (np.zeros(1, "f4"), "meters"),
            "lat": (lat, "degrees_north"),
            "lon": (lon, "degrees_east"),
        }
        for name, (values, units) in axes.items():
            file.create_variable(name, (name,), data=values).attrs["units"] = units
        for name in NAMES:
            field = mean + season if name == "sst" else 0.1 * mean
            packed = (100 * field + rng.normal(0, 4, SHAPE[2:])).astype("i2")
            packed[land] = MISSING
            variable = file.create_variable(
                name,
                ("time", "zlev", "lat", "lon"),
                data=packed[None, None],
                chunks=SHAPE,
                compression="gzip",
                compression_opts=4,
                shuffle=True,
                fillvalue=np.int16(MISSING),
            )
            variable.attrs.update(
                scale_factor=np.float32(0.01), add_offset=np.float32(0), units="Celsius", long_name=name
            )
        file.attrs["title"] = "daily fields in the layout of OISST"


def make_small_inputs(folder: Path, count: int) -> list[Path]:
    """``count`` NetCDF-4 files of about 10 kB: one day of one small field each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"small.{number:06d}.nc" for number in range(count)]
    rng = np.random.default_rng(0)
    for number, path in enumerate(paths):
        if path.exists():
            continue
        part = path.with_suffix(".part")
        with h5netcdf.File(part, "w") as file:
            file.dimensions = {"time": 1, "x": 500}
            file.create_variable("time", ("time",), data=np.array([number], "i4")).attrs["units"] = (
                "days since 1990-01-01"
            )
            file.create_variable("x", ("x",), data=np.arange(500, dtype="f4"))
            file.create_variable("rain", ("time", "x"), data=rng.random((1, 500), "f4"), fillvalue=np.float32(np.nan))
        part.rename(path)
    return paths
