"""Where and when a dataset is: found in its coordinates by the CF conventions."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

WORLD = (-180.0, -90.0, 180.0, 90.0)
MOST = 4_000_000
"""Elements of a coordinate that are looked at; of larger ones, an even sample."""

_LATITUDE = {"latitude", "lat", "nav_lat", "xlat", "grid_latitude_deg"}
_LONGITUDE = {"longitude", "lon", "nav_lon", "xlong", "long"}
_NORTH = {"degrees_north", "degree_north", "degree_n", "degrees_n", "degreen", "degreesn"}
_EAST = {"degrees_east", "degree_east", "degree_e", "degrees_e", "degreee", "degreese"}

Span = tuple[Any, Any]


@dataclass(frozen=True)
class Extents:
    """Where and when."""

    bbox: tuple[float, float, float, float]
    """West, south, east, north in degrees. West is greater than east where it crosses the antimeridian."""
    is_known: bool
    """False: no coordinate tells, so it is the whole world."""
    interval: tuple[dt.datetime | None, dt.datetime | None]
    """First and last moment; None: no coordinate is a time."""


def extents_of(ds: xr.Dataset) -> Extents:
    """Where and when ``ds`` (decoded) is."""
    lat, lon = coordinate(ds, "latitude"), coordinate(ds, "longitude")
    south_north, west_east = (None if c is None else span(c) for c in (lat, lon))
    bbox = WORLD
    if south_north is not None and west_east is not None and lon is not None:
        south, north = (float(np.clip(v, -90, 90)) for v in south_north)
        west, east = _wrapped(lon, *west_east)
        bbox = (west, south, east, north)
    known = bbox is not WORLD
    moments = [span(c) for c in times(ds)]
    found = [m for m in moments if m is not None]
    first, last = (min(a for a, _ in found), max(b for _, b in found)) if found else (None, None)
    return Extents(bbox, known, (moment(first), moment(last)))


def coordinate(ds: xr.Dataset, kind: str) -> xr.DataArray | None:
    """The coordinate that holds latitudes or longitudes."""
    names, units = (_LATITUDE, _NORTH) if kind == "latitude" else (_LONGITUDE, _EAST)

    def rank(array: xr.DataArray) -> int:
        says = str(array.attrs.get("standard_name", "")).lower(), str(array.attrs.get("units", "")).lower()
        return 0 if says[0] == kind else 1 if says[1] in units else 2 if str(array.name).lower() in names else 3

    there = [c for c in ds.coords.values() if c.dtype.kind in "iuf" and c.size]
    ranked = sorted((rank(c), c.ndim, str(c.name)) for c in there)
    return ds[ranked[0][2]] if ranked and ranked[0][0] < 3 else None


def times(ds: xr.Dataset) -> Iterator[xr.DataArray]:
    """Coordinates that are times along a dimension of their own, or scalars."""
    for name, array in ds.coords.items():
        if is_time(array) and array.dims in ((name,), ()) and array.size:
            yield array


def is_time(array: xr.DataArray) -> bool:
    """Whether its values are moments."""
    if array.dtype.kind == "M":
        return True
    return (
        array.dtype == object
        and array.size > 0
        and hasattr(np.asarray(array[(0,) * array.ndim].values).item(), "calendar")
    )


def span(array: xr.DataArray) -> Span | None:
    """Least and greatest value, as a Python number or moment; None when all are missing."""
    step = max(1, round((array.size / MOST) ** (1 / max(1, array.ndim))))
    values = np.asarray(array[(slice(None, None, step),) * array.ndim].values).ravel()
    if values.dtype.kind == "M":
        values = values[~np.isnat(values)]
    elif values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = values.min(), values.max()
    return (low, high) if values.dtype.kind in "MO" else (low.item(), high.item())


def moment(value: Any) -> dt.datetime | None:
    """A decoded time as a moment in UTC; a day that the common calendar does not have is the last one of its month."""
    if value is None:
        return None
    if isinstance(value, np.datetime64):
        parts = str(value.astype("datetime64[us]"))
        return dt.datetime.fromisoformat(parts).replace(tzinfo=dt.UTC) if "0001" <= parts[:4] <= "9999" else None
    if not 1 <= value.year <= 9999:
        return None
    day = min(value.day, calendar.monthrange(value.year, value.month)[1])
    return dt.datetime(value.year, value.month, day, value.hour, value.minute, value.second, tzinfo=dt.UTC)


def _wrapped(lon: xr.DataArray, west: float, east: float) -> tuple[float, float]:
    """Longitudes from -180 to 180."""
    step = abs(float(lon[1] - lon[0])) if lon.ndim == 1 and lon.size > 1 else 0.0
    if east - west + step >= 360 - 1e-6 or (lon.ndim > 1 and east - west > 355):
        return -180.0, 180.0
    return tuple(v if -180 <= v <= 180 else (v + 180) % 360 - 180 for v in (west, east))  # type: ignore[return-value]
