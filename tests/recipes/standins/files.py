"""Writers of small files in the formats of the archives. Values are given as they are stored."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
from scipy.io import netcdf_file

Variables = Mapping[str, tuple[Sequence[str], Any, Mapping[str, Any]]]
"""Name: dims, stored values, attributes."""


def sizes(variables: Variables) -> dict[str, int]:
    """Length of each dimension."""
    found: dict[str, int] = {}
    for dims, values, _ in variables.values():
        found.update(zip(dims, np.shape(values), strict=True))
    return found


def netcdf4(
    path: Path, variables: Variables, attrs: Mapping[str, Any] | None = None, *, group: str | None = None
) -> Path:
    """A NetCDF-4 file, deflated and shuffled as archives are; everything in ``group`` if one is named."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5netcdf.File(path, "w") as file:
        for name, value in (attrs or {}).items():
            file.attrs[name] = value
        place = file.create_group(group) if group else file
        place.dimensions = sizes(variables)
        for name, (dims, values, own) in variables.items():
            array = np.asarray(values)
            packed = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if array.ndim > 1 else {}
            variable = place.create_variable(
                name, tuple(dims), array.dtype, data=array, fillvalue=own.get("_FillValue"), **packed
            )
            for key, value in own.items():
                if key != "_FillValue":
                    variable.attrs[key] = value
    return path


def netcdf3(path: Path, variables: Variables, attrs: Mapping[str, Any] | None = None, *, record: str = "") -> Path:
    """A classic NetCDF-3 file; ``record`` names the unlimited dimension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netcdf_file(str(path), "w", version=2) as file:
        for name, length in sizes(variables).items():
            file.createDimension(name, None if name == record else length)
        for name, value in (attrs or {}).items():
            setattr(file, name, value)
        for name, (dims, values, own) in variables.items():
            array = np.asarray(values)
            variable = file.createVariable(name, array.dtype.newbyteorder(">"), tuple(dims))
            if array.ndim:
                variable[:] = array
            else:
                variable.assignValue(array)
            for key, value in own.items():
                setattr(variable, key, value)
    return path


def cdf5(folder: Path, files: Mapping[str, Variables]) -> None:
    """Classic files of 64-bit data (CDF-5), by the netCDF C library, in a process of its own: its HDF5 is another one."""
    code = """if True:
        import pickle, sys
        from pathlib import Path
        import netCDF4
        folder, files = pickle.load(sys.stdin.buffer)
        for name, variables in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with netCDF4.Dataset(path, "w", format="NETCDF3_64BIT_DATA") as file:
                for dims, values, _ in variables.values():
                    for dim, size in zip(dims, values.shape):
                        if dim not in file.dimensions:
                            file.createDimension(dim, size)
                for key, (dims, values, attrs) in variables.items():
                    variable = file.createVariable(key, values.dtype, dims)
                    variable.setncatts(attrs)
                    variable[...] = values
    """
    data = {n: {k: (tuple(d), np.asarray(v), dict(a)) for k, (d, v, a) in f.items()} for n, f in files.items()}
    subprocess.run([sys.executable, "-c", code], input=pickle.dumps((str(folder), data)), check=True)


def zipped_geotiff(path: Path, member: str, values: np.ndarray, *, west: float, north: float, step: float) -> Path:
    """A zip that holds one single-band GeoTIFF, with the metadata file beside it that such archives add."""
    import rasterio
    from rasterio.transform import from_origin

    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype.name,
        "crs": "EPSG:4326", "transform": from_origin(west, north, step, step), "nodata": 9999, "compress": "deflate",
    }  # fmt: skip
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as target:
            target.write(values, 1)
        content = memory.read()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr(member.replace(".tif", ".xml"), "<metadata/>")
    return path


def index_page(names: Sequence[str]) -> str:
    """The index of a folder as Apache writes it: sorting links, the parent, sizes, a checksum beside each file."""
    rows = [
        f'<tr><td><a href="{n}">{n}</a></td><td align="right">2017-06-01 00:00</td><td align="right">200K</td></tr>'
        for name in names
        for n in (name, f"{name}.md5")
    ]
    return (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<html><head><title>Index of /data</title></head><body>'
        '<table><tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>'
        '<tr><td><a href="/data/">Parent Directory</a></td></tr>\n' + "\n".join(rows) + "</table></body></html>"
    )


def grib(path: Path, messages: Sequence[Mapping[str, Any]], values: np.ndarray, edition: int = 2) -> None:
    """GRIB messages on one small grid of 4 x 3 points, written by eccodes in a process of its own.

    ``messages``: keys to set in each; ``values``: of shape (messages, 3, 4), NaN where missing.
    """
    code = """if True:
        import os, pickle, sys
        import eccodes as e
        import numpy as np
        path, messages, values, edition = pickle.load(sys.stdin.buffer)
        with open(path, "wb") as file:
            for keys, field in zip(messages, values):
                handle = e.codes_grib_new_from_samples(f"regular_ll_sfc_grib{edition}")
                grid = {
                    "Ni": 4, "Nj": 3, "latitudeOfFirstGridPointInDegrees": 50.0, "latitudeOfLastGridPointInDegrees": 30.0,
                    "longitudeOfFirstGridPointInDegrees": 240.0, "longitudeOfLastGridPointInDegrees": 270.0,
                    "iDirectionIncrementInDegrees": 10.0, "jDirectionIncrementInDegrees": 10.0, "bitsPerValue": 24,
                    "dataDate": 20220722, "dataTime": 2200, "centre": "kwbc",
                }
                for key, value in {**grid, **keys}.items():
                    e.codes_set(handle, key, value)
                if np.isnan(field).any():
                    e.codes_set(handle, "bitmapPresent", 1)
                    e.codes_set(handle, "missingValue", 1e20)
                e.codes_set_values(handle, np.where(np.isnan(field), 1e20, field).ravel().tolist())
                e.codes_write(handle, file)
        sys.stdout.flush()
        os._exit(0)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = pickle.dumps((str(path), [dict(m) for m in messages], np.asarray(values, "f8"), edition))
    subprocess.run([sys.executable, "-c", code], input=data, check=True)
