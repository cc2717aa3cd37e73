"""Opens GeoTIFF with rasterio alone (no pyproj), in an isolated process (``isolation``).

Names follow rioxarray: ``band_data(band, y, x)``, cell centres in ``x`` and ``y``, the projection in ``spatial_ref`` as a CF grid
mapping (CF conventions, section 5.6 and appendix F). ``nodata`` is ``_FillValue``; scales and offsets are CF packing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.isolation import Limits
from pangeo_forge.inputs.openers.assembly import StoredDataset, StoredVariable, to_xarray
from pangeo_forge.inputs.openers.grid_mapping import grid_mapping_attributes
from pangeo_forge.inputs.openers.leaves import IsolatedArray, KnownArray, Region
from pangeo_forge.inputs.source import InputSource, OpenOptions

if TYPE_CHECKING:
    import xarray as xr

_VARIABLE = "band_data"


def open(source: InputSource, options: OpenOptions) -> xr.Dataset:
    """The dataset of a GeoTIFF file: all bands as one variable.

    Raises
    ------
    InputError: I110 unreadable, I118 bands differ in packing or nodata; I120 the library crashed; I121 it hung.
    """
    if source.path is None:
        raise InputError("GeoTIFF is read from a local file", code="I101", where=source.where)
    path = os.path.abspath(os.fspath(source.path))
    stored = options.limits.call(describe, path, options.limits, where=source.where)
    return to_xarray(stored, decode_coords=options.decode_coords, drop=options.drop, source=path)


def _opened(path: str) -> Any:
    import rasterio

    # Only the TIFF driver: other drivers of GDAL follow URLs and paths that a file may hold.
    return rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(path, driver="GTiff")


def describe(path: str, limits: Limits) -> StoredDataset:
    """What the file holds."""
    environment, raster = _opened(path)
    with environment, raster:
        shape = (raster.count, raster.height, raster.width)
        dtypes = set(raster.dtypes)
        if len(dtypes) > 1:
            raise _differ(path, "dtype", dtypes)
        rows, columns = raster.block_shapes[0]
        array = IsolatedArray(read_window, (path,), path, shape, np.dtype(raster.dtypes[0]), (1, rows, columns), limits)
        variables = {
            "band": StoredVariable(("band",), KnownArray(np.arange(1, raster.count + 1))),
            **_positions(raster),
            "spatial_ref": StoredVariable((), KnownArray(np.asarray(0)), _spatial_reference(raster)),
            _VARIABLE: StoredVariable(("band", "y", "x"), array, _attributes(raster, path)),
        }
        return StoredDataset(variables, {}, frozenset(["band", "x", "y", "spatial_ref"]))


def _differ(path: str, what: str, values: Any) -> InputError:
    return InputError(
        f"the bands differ in {what}: {', '.join(sorted(map(str, values)))}",
        code="I118",
        where=path,
        hint="such a file does not make one variable; split its bands first",
    )


def _attributes(raster: Any, path: str) -> dict[str, Any]:
    attrs: dict[str, Any] = dict(raster.tags().items())
    for name, values, neutral in (("scale_factor", raster.scales, 1.0), ("add_offset", raster.offsets, 0.0)):
        if len(set(values)) > 1:
            raise _differ(path, name, set(values))
        if values[0] != neutral:
            attrs[name] = float(values[0])
    nodata = {repr(n) for n in raster.nodatavals}
    if len(nodata) > 1:
        raise _differ(path, "nodata", nodata)
    if raster.nodata is not None:
        dtype = np.dtype(raster.dtypes[0])
        stored = np.asarray(raster.nodata).astype(dtype)[()]
        # A nodata value that the dtype cannot hold (-9999 in uint8) marks nothing.
        if stored == raster.nodata or np.isnan(raster.nodata):
            attrs["_FillValue"] = stored
    for name, texts in (("long_name", raster.descriptions), ("units", raster.units)):
        if any(texts):
            attrs[name] = texts[0] if len(set(texts)) == 1 else [t or "" for t in texts]
    if raster.count > 1:
        for key in sorted({k for i in raster.indexes for k in raster.tags(i)}):
            attrs.setdefault(key, [raster.tags(i).get(key, "") for i in raster.indexes])
    else:
        for key, value in raster.tags(1).items():
            attrs.setdefault(key, value)
    attrs["grid_mapping"] = "spatial_ref"
    return attrs


def _positions(raster: Any) -> dict[str, StoredVariable]:
    """Centres of the cells; none when the grid is rotated or has no place."""
    transform = raster.transform
    if not transform.is_rectilinear or transform.is_identity:
        return {}
    x = transform.c + transform.a * (np.arange(raster.width) + 0.5)
    y = transform.f + transform.e * (np.arange(raster.height) + 0.5)
    geographic = bool(raster.crs and raster.crs.is_geographic)
    units = None if geographic or not raster.crs else raster.crs.linear_units
    found = {}
    for name, values in (("y", y), ("x", x)):
        if geographic:
            long_name = "latitude" if name == "y" else "longitude"
            attrs = {"standard_name": long_name, "long_name": long_name}
            attrs["units"] = "degrees_north" if name == "y" else "degrees_east"
        else:
            attrs = {"standard_name": f"projection_{name}_coordinate", "long_name": f"{name} coordinate of projection"}
            if units and units != "unknown":
                attrs["units"] = "metre" if units in ("metre", "meter", "m") else units
        found[name] = StoredVariable((name,), KnownArray(values), {"axis": name.upper(), **attrs})
    return found


def _spatial_reference(raster: Any) -> dict[str, Any]:
    # GDAL's order of the six numbers, as rioxarray writes them.
    attrs = {"GeoTransform": " ".join(repr(float(n)) for n in raster.transform.to_gdal())}
    return {**(grid_mapping_attributes(raster.crs) if raster.crs else {}), **attrs}


def read_window(path: str, region: Region) -> np.ndarray:
    """Values of a region, reading only the tiles that it touches."""
    from rasterio.windows import Window

    bands, rows, columns = region
    environment, raster = _opened(path)
    indexes = [i + 1 for i in range(*bands.indices(raster.count))]
    window = Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    with environment, raster:
        if not indexes or window.width <= 0 or window.height <= 0:
            box = np.empty((len(indexes), max(window.height, 0), max(window.width, 0)), raster.dtypes[0])
        else:
            box = raster.read(indexes, window=window)
    return np.ascontiguousarray(box[:, :: rows.step or 1, :: columns.step or 1])
