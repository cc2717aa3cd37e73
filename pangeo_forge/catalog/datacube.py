"""Dimensions and variables of a dataset in the terms of STAC's datacube extension."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.catalog.extents import coordinate, is_time, moment, span

MOST_VALUES = 100
"""Labels of a dimension that are written out."""

_VERTICAL = {"depth", "altitude", "height", "air_pressure", "pressure", "level", "plev", "lev", "isobaricinhpa"}


def dimensions_of(ds: xr.Dataset) -> dict[str, dict[str, Any]]:
    """``cube:dimensions``."""
    axes = _axes(ds)
    return {str(d): _dimension(ds, str(d), axes.get(str(d))) for d in ds.sizes}


def _axes(ds: xr.Dataset) -> dict[str, str]:
    """Axis by dimension: of coordinates with a dimension of their own."""
    found = {}
    for kind, axis in (("longitude", "x"), ("latitude", "y")):
        array = coordinate(ds, kind)
        if array is not None and array.dims == (array.name,):
            found[str(array.name)] = axis
    for dim in map(str, ds.sizes):
        if dim not in ds.coords:
            continue
        attrs = ds[dim].attrs
        says = {str(attrs.get("standard_name", "")).lower(), dim.lower()}
        if (
            dim not in found
            and ds[dim].dtype.kind in "iuf"
            and (attrs.get("axis") == "Z" or "positive" in attrs or says & _VERTICAL)
        ):
            found[dim] = "z"
    return found


def _dimension(ds: xr.Dataset, dim: str, axis: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if dim not in ds.coords or not ds.sizes[dim]:
        # Numbers of positions.
        return {"type": "index", "extent": [0, max(0, ds.sizes[dim] - 1)]}
    array = ds[dim]
    if array.attrs.get("long_name"):
        said["description"] = str(array.attrs["long_name"])
    if is_time(array):
        known = span(array)
        ends = [moment(v) for v in known] if known else [None, None]
        return {"type": "temporal", "extent": [None if e is None else stamp(e) for e in ends], **said}
    if array.dtype.kind in "iuf":
        known = span(array)
        said["extent"] = list(known) if known else [None, None]
        if array.attrs.get("units"):
            said["unit"] = str(array.attrs["units"])
    elif array.size <= MOST_VALUES:
        said["values"] = [str(v) for v in np.asarray(array.values).tolist()]
    else:
        said["extent"] = [0, array.size - 1]
    if axis is None:
        return {"type": "coordinate", **said}
    if axis != "z":
        said["reference_system"] = 4326
    return {"type": "spatial", "axis": axis, **said}


def variables_of(ds: xr.Dataset) -> dict[str, dict[str, Any]]:
    """``cube:variables``: the data variables, and the coordinates that are no dimensions."""
    found = {}
    for name, array in ds.variables.items():
        if name in ds.sizes:
            continue
        said: dict[str, Any] = {"dimensions": [str(d) for d in array.dims]}
        said["type"] = "auxiliary" if name in ds.coords else "data"
        description = array.attrs.get("long_name") or array.attrs.get("standard_name")
        if description:
            said["description"] = str(description)
        if array.attrs.get("units"):
            said["unit"] = str(array.attrs["units"])
        found[str(name)] = said
    return found


def stamp(when: Any) -> str:
    """A moment as STAC writes it."""
    text: str = when.strftime("%Y-%m-%dT%H:%M:%S") if when.year >= 1000 else f"{when.year:04d}{when:-%m-%dT%H:%M:%S}"
    return f"{text}Z"
