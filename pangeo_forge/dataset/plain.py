"""Open an input by the field's own libraries, so that what our readers say can be compared with what others say.

HDF5 (NetCDF-4) is read by h5py, with the HDF5 library's own filters; NetCDF-3 by xarray with scipy. ``xarray.open_dataset``
would read HDF5 through the same library, and takes twenty times as long to open a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import numpy as np
import xarray as xr

from pangeo_forge.inputs.lazy import LazyArray
from pangeo_forge.inputs.openers import opened, sniff, unwrapped_path
from pangeo_forge.inputs.source import InputSource, OpenOptions


class _Stored(Protocol):
    """An array that another library has opened."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, region: Any) -> Any: ...


class PlainSource:
    """An array that another library opened, as the leaf under a ``LazyArray``: transforms stay lazy, the library reads."""

    locator = None
    chunks = None

    def __init__(self, stored: _Stored) -> None:
        self._stored = stored
        self.shape = stored.shape
        self.dtype = stored.dtype

    def read(self, region: tuple[slice, ...], out: np.ndarray | None = None) -> np.ndarray:
        """Values in ``region``."""
        values = np.asarray(self._stored[region])
        if out is not None:
            out[...] = values
            return out
        return values

    def __repr__(self) -> str:
        return f"<PlainSource {self.shape} {self.dtype}>"


@contextmanager
def opened_plainly(source: InputSource, options: OpenOptions) -> Iterator[xr.Dataset]:
    """The dataset as stored, by another library; by our own opener where there is none or it cannot open the input so.

    Coordinates and dimension names are those of our opener (a recipe may name dims that files do not), values are the library's.
    """
    with opened(source, options) as ours, _others(source, options) as plain:
        yield _with_values_of(ours, plain)


def _others(source: InputSource, options: OpenOptions) -> AbstractContextManager[Mapping[str, _Stored]]:
    """Arrays by name, as another library opens them; none where it does not."""
    path = unwrapped_path(source, options)
    if path is None or len(options.groups) != 1:
        return nullcontext({})
    kind = sniff(path)
    if kind in ("netcdf4", "hdf5"):
        return _by_h5py(path, options.groups[0])
    return _by_scipy(path) if kind == "netcdf3" and not _is_cdf5(path) else nullcontext({})


@contextmanager
def _by_h5py(path: str, group: str) -> Iterator[Mapping[str, _Stored]]:
    import h5py

    from pangeo_forge.inputs.hdf5_layout import open_shared

    with h5py.File(open_shared(os.fsencode(path))) as file:
        found = file.get(group)
        arrays = {} if found is None else {n: v for n, v in found.items() if isinstance(v, h5py.Dataset)}
        # So netCDF-4 stores a variable that is called as a dimension, but is not its coordinate.
        yield {n.removeprefix("_nc4_non_coord_"): v for n, v in arrays.items() if v.shape is not None}


@contextmanager
def _by_scipy(path: str) -> Iterator[Mapping[str, _Stored]]:
    try:
        plain = xr.open_dataset(path, engine="scipy", decode_cf=False, cache=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        yield {}
        return
    with plain:
        yield {str(n): _Values(v) for n, v in plain.variables.items()}


class _Values:
    """A variable of xarray that gives arrays."""

    def __init__(self, variable: xr.Variable) -> None:
        self._variable = variable
        self.shape = variable.shape
        self.dtype = variable.dtype

    def __getitem__(self, region: Any) -> Any:
        return self._variable[region].values


def _is_cdf5(path: str) -> bool:
    """Whether the file is classic NetCDF of 64-bit data, which scipy does not know."""
    with open(path, "rb") as file:
        return file.read(4) == b"CDF\x05"


def _with_values_of(ours: xr.Dataset, plain: Mapping[str, _Stored]) -> xr.Dataset:
    replaced = {
        str(name): _as_plain(variable, plain[str(name)])
        for name, variable in ours.variables.items()
        if str(name) in plain and _is_same_kind(variable, plain[str(name)])
    }
    coords = {n: v for n, v in replaced.items() if n in ours.coords}
    data = {n: v for n, v in replaced.items() if n not in ours.coords}
    # The variables keep their roles: what ours calls a coordinate stays one.
    return ours.drop_vars(list(replaced)).assign_coords(coords).assign(data)


def _is_same_kind(variable: xr.Variable, other: _Stored) -> bool:
    return other.shape == variable.shape and other.dtype.kind in "iuf"


def _as_plain(variable: xr.Variable, other: _Stored) -> xr.Variable:
    return xr.Variable(variable.dims, LazyArray(PlainSource(other)), variable.attrs, variable.encoding)
