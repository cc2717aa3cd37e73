"""Open an input by a library instead of our readers, so that what our readers say can be compared with what others say.

HDF5 is read by h5py, through the library's own index and filters, in an isolated process like everything that libhdf5 does;
NetCDF-3 by scipy, through xarray.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.inputs.lazy import LazyArray
from pangeo_forge.inputs.openers import opened, sniff, unwrapped_path
from pangeo_forge.inputs.openers.hdf5_arrays import h5py_array, numeric_arrays
from pangeo_forge.inputs.source import InputSource, OpenOptions

Region = tuple[slice, ...]


@dataclass(frozen=True)
class PlainSource:
    """A variable as a library gives it, as the leaf under a ``LazyArray``: transforms stay lazy, the library reads."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    take: Callable[[Region], np.ndarray]

    locator = None
    chunks = None

    def read(self, region: Region, out: np.ndarray | None = None) -> np.ndarray:
        """Values in ``region``."""
        values = self.take(region)
        if out is not None:
            out[...] = values
            return out
        return values


@contextmanager
def opened_plainly(source: InputSource, options: OpenOptions) -> Iterator[xr.Dataset]:
    """The dataset as stored, its numbers read by a library; by our own reader where there is none.

    Coordinates and dimension names are those of our opener (a recipe may name dims that files do not), values the library's.
    """
    with opened(source, options) as ours:
        path = unwrapped_path(source, options)
        format_ = None if path is None or len(options.groups) != 1 or options.engine else sniff(path)
        if path is not None and format_ == "hdf5":
            yield _with_values_of(ours, _by_h5py(path, options))
        elif path is not None and format_ == "netcdf3" and not _is_cdf5(path):
            with xr.open_dataset(path, engine="scipy", decode_cf=False, cache=False) as plain:
                yield _with_values_of(ours, {str(n): _by_xarray(v) for n, v in plain.variables.items()})
        else:
            yield ours


def _by_h5py(path: str, options: OpenOptions) -> dict[str, PlainSource]:
    limits = options.limits
    found: Mapping[str, Any] = limits.call(numeric_arrays, path, options.groups[0], where=path)
    arrays = {n: h5py_array(path, where, shape, dtype, None, limits) for n, (where, shape, dtype) in found.items()}
    return {n: PlainSource(a.shape, a.dtype, a.read) for n, a in arrays.items()}


def _by_xarray(variable: xr.Variable) -> PlainSource:
    return PlainSource(variable.shape, variable.dtype, lambda region: np.asarray(variable[region].values))


def _is_cdf5(path: str) -> bool:
    """Whether the file is classic NetCDF of 64-bit data, which scipy does not know."""
    with open(path, "rb") as file:
        return file.read(4) == b"CDF\x05"


def _with_values_of(ours: xr.Dataset, plain: Mapping[str, PlainSource]) -> xr.Dataset:
    replaced = {
        str(name): xr.Variable(variable.dims, LazyArray(plain[str(name)]), variable.attrs, variable.encoding)
        for name, variable in ours.variables.items()
        if name in plain and _is_same_kind(variable, plain[str(name)])
    }
    coords = {n: v for n, v in replaced.items() if n in ours.coords}
    data = {n: v for n, v in replaced.items() if n not in ours.coords}
    # The variables keep their roles: what ours calls a coordinate stays one.
    return ours.drop_vars(list(replaced)).assign_coords(coords).assign(data)


def _is_same_kind(variable: xr.Variable, other: PlainSource) -> bool:
    return other.shape == variable.shape and other.dtype.kind in "iuf"
