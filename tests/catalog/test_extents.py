from __future__ import annotations

import datetime as dt

import cftime
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.catalog.extents import WORLD, coordinate, extents_of, moment


def grid(lat: object, lon: object, **coords: object) -> xr.Dataset:
    return xr.Dataset(coords={"lat": ("lat", np.asarray(lat, "f8")), "lon": ("lon", np.asarray(lon, "f8")), **coords})


@pytest.mark.parametrize(
    ("lon", "west_east"),
    [
        (np.arange(0, 360, 1.0), (-180, 180)),
        (np.arange(-180, 180, 0.5), (-180, 180)),
        ([10.0, 20, 30], (10, 30)),
        ([190.0, 200, 210], (-170, -150)),
        ([170.0, 180, 190], (170, -170)),
        ([200.0], (-160, -160)),
    ],
    ids=["0-360", "-180-180", "east", "west", "antimeridian", "point"],
)
def test_longitudes(lon: object, west_east: tuple[float, float]) -> None:
    found = extents_of(grid([-20, 40], lon))
    assert found.bbox == (west_east[0], -20, west_east[1], 40)
    assert found.is_known


def test_coordinates_are_found_by_what_they_say() -> None:
    ds = xr.Dataset(
        coords={
            "y": ("y", [1.0, 2]),
            "x": ("x", [5.0, 6]),
            "where_n": (("y", "x"), [[10.0, 11], [12, np.nan]], {"units": "degrees_north"}),
            "where_e": (("y", "x"), [[1.0, 2], [3, 4]], {"standard_name": "longitude"}),
            "lat": ("y", [99.0, 99]),
        }
    )
    # Units tell more than a name.
    assert coordinate(ds, "latitude") is not None
    assert coordinate(ds, "latitude").name == "where_n"  # type: ignore[union-attr]
    assert extents_of(ds).bbox == (1, 10, 4, 12)


def test_nothing_known_is_the_world() -> None:
    found = extents_of(xr.Dataset({"a": ("t", [1, 2])}))
    assert (found.bbox, found.is_known, found.interval) == (WORLD, False, (None, None))


def test_times() -> None:
    days = np.array(["2000-01-01", "2001-12-31T12", "NaT"], "M8[ns]")
    found = extents_of(xr.Dataset(coords={"time": ("time", days)}))
    assert found.interval == (dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(2001, 12, 31, 12, tzinfo=dt.UTC))
    odd = [cftime.Datetime360Day(2000, 2, 30), cftime.Datetime360Day(2000, 12, 30)]
    found = extents_of(xr.Dataset(coords={"time": ("time", odd)}))
    assert found.interval == (dt.datetime(2000, 2, 29, tzinfo=dt.UTC), dt.datetime(2000, 12, 30, tzinfo=dt.UTC))


def test_moments_that_have_no_year_of_ours() -> None:
    assert moment(cftime.DatetimeNoLeap(0, 1, 1, has_year_zero=True)) is None
    assert moment(None) is None
