"""Which part of a variable a picture shows: two dimensions, one or none of it, at the first place that holds values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

MOST_POINTS = 600
"""Of one axis of a picture; longer ones are thinned."""
_TRIES = 4
_AXES = {
    "y": {"lat", "latitude", "y", "yc", "nav_lat", "rlat", "projection_y_coordinate", "grid_latitude", "j", "nj", "south_north"},
    "x": {"lon", "longitude", "x", "xc", "nav_lon", "rlon", "projection_x_coordinate", "grid_longitude", "i", "ni", "west_east"},
}  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """What is drawn."""

    values: np.ndarray
    """Float values of two dimensions (y, x), one, or none; NaN where missing."""
    dims: tuple[str, ...]
    at: Mapping[str, str]
    """Dimensions that are not drawn, with the value that was taken."""
    axes: tuple[np.ndarray | None, ...]
    """Coordinate of each of ``dims``; None: it has none, or none that is numeric."""
    labels: tuple[str, ...]
    """Name and units of each axis."""
    strides: tuple[int, ...]
    """Every how many values of each of ``dims`` are drawn."""


def slice_of(ds: xr.Dataset, name: str) -> Slice | None:
    """The part of variable ``name`` to draw; None for text and for what holds nothing."""
    array = ds[name]
    if array.dtype.kind not in "biufcmM" or 0 in array.shape:
        return None
    drawn = drawn_dims(ds, name)
    rest = [d for d in array.dims if d not in drawn]
    taken = array
    at: dict[str, int] = {}
    strides = {d: max(1, -(-array.sizes[d] // MOST_POINTS)) for d in drawn}
    for number in range(_TRIES):
        at = {str(d): _place(array.sizes[d], number) for d in rest}
        taken = array.isel({**at, **{d: slice(None, None, n) for d, n in strides.items()}}).transpose(*drawn)
        values = numbers(taken.values)
        if not rest or np.isfinite(values).any():
            break
    return Slice(
        values=values,
        dims=tuple(drawn),
        at={d: _value_at(ds, d, i) for d, i in at.items()},
        axes=tuple(_axis(taken, d) for d in drawn),
        labels=tuple(_label(ds, d) for d in drawn),
        strides=tuple(strides.values()),
    )


def drawn_dims(ds: xr.Dataset, name: str) -> list[str]:
    """Dimensions for the axes of the picture, y before x: those of the map, else the last two longer than one."""
    array = ds[name]
    dims = [str(d) for d in array.dims]
    found = {axis: next((d for d in dims if _is_axis(ds, d, axis)), None) for axis in ("y", "x")}
    if found["y"] and found["x"] and min(array.sizes[found["y"]], array.sizes[found["x"]]) > 1:
        return [found["y"], found["x"]]
    long = [d for d in dims if array.sizes[d] > 1]
    return long[-2:] if long else dims[-1:]


def numbers(values: Any) -> np.ndarray:
    """Values as floats: times as days (since 1970), complex numbers as their magnitude, infinities as missing."""
    array = np.asarray(values)
    if array.dtype.kind == "M":
        array = array - np.datetime64(0, "D")
    if array.dtype.kind == "m":
        array = array / np.timedelta64(1, "D")
    if array.dtype.kind == "c":
        array = np.abs(array)
    made = array.astype(float)
    return np.where(np.isfinite(made), made, np.nan)


def _place(size: int, number: int) -> int:
    """First, middle, last, then between: where a value may be when the first place holds none."""
    return min(size - 1, (0, size // 2, size - 1, size // 4)[number])


def _is_axis(ds: xr.Dataset, dim: str, axis: str) -> bool:
    if dim.lower() in _AXES[axis]:
        return True
    if dim not in ds.coords:
        return False
    attrs = ds[dim].attrs
    said = {str(attrs.get(k, "")).lower() for k in ("standard_name", "axis")}
    degrees = str(attrs.get("units", "")).lower()
    return bool(said & _AXES[axis]) or degrees in (
        ("degrees_north", "degree_north") if axis == "y" else ("degrees_east", "degree_east")
    )


def _axis(taken: xr.DataArray, dim: str) -> np.ndarray | None:
    if dim not in taken.coords or taken[dim].dtype.kind not in "biufmM" or taken[dim].ndim != 1:
        return None
    values = np.asarray(taken[dim].values)
    if values.dtype.kind == "M":
        return None if np.isnat(values).any() else values
    values = numbers(values)
    return values if np.isfinite(values).all() else None


def _value_at(ds: xr.Dataset, dim: str, index: int) -> str:
    if dim not in ds.coords or ds[dim].ndim != 1:
        return f"number {index}"
    return shown_value(ds[dim].values[index])


def shown_value(value: Any) -> str:
    """A coordinate's value, as a title or a tick tells it."""
    if isinstance(value, np.datetime64):
        return str(np.datetime_as_string(value, unit="s")).replace("T00:00:00", "")
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def _label(ds: xr.Dataset, dim: str) -> str:
    units = ds[dim].attrs.get("units") if dim in ds.coords else None
    return f"{dim} [{units}]" if units else str(dim)
