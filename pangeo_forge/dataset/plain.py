"""Open an input by xarray's own engine, so that what our readers say can be compared with what others say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.inputs.lazy import LazyArray
from pangeo_forge.inputs.openers import opened, sniff, unwrapped_path
from pangeo_forge.inputs.source import InputSource, OpenOptions

_ENGINES = {"netcdf4": "h5netcdf", "hdf5": "h5netcdf", "netcdf3": "scipy"}


class PlainSource:
    """A variable that xarray opened, as the leaf under a ``LazyArray``: transforms stay lazy, xarray's engine reads."""

    locator = None
    chunks = None

    def __init__(self, variable: xr.Variable) -> None:
        self._variable = variable
        self.shape = variable.shape
        self.dtype = variable.dtype

    def read(self, region: tuple[slice, ...], out: np.ndarray | None = None) -> np.ndarray:
        """Values in ``region``."""
        values = np.asarray(self._variable[region].values)
        if out is not None:
            out[...] = values
            return out
        return values

    def __repr__(self) -> str:
        return f"<PlainSource {self.shape} {self.dtype}>"


@contextmanager
def opened_plainly(source: InputSource, options: OpenOptions) -> Iterator[xr.Dataset]:
    """The dataset as stored, by xarray's engine; by our own opener where xarray has none or cannot open the input so.

    Coordinates and dimension names are those of our opener (a recipe may name dims that files do not), values are xarray's.
    """
    with opened(source, options) as ours:
        plain = _by_xarray(source, options)
        if plain is None:
            yield ours
            return
        with plain:
            yield _with_values_of(ours, plain)


def _by_xarray(source: InputSource, options: OpenOptions) -> xr.Dataset | None:
    path = unwrapped_path(source, options)
    if path is None or len(options.groups) != 1:
        return None
    engine = _ENGINES.get(sniff(path))
    if engine is None or (engine == "scipy" and _is_cdf5(path)):
        return None
    extra: dict[str, Any] = {} if engine == "scipy" else {"group": options.groups[0], "phony_dims": "sort"}
    try:
        return xr.open_dataset(path, engine=engine, decode_cf=False, cache=False, **extra)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_cdf5(path: str) -> bool:
    """Whether the file is classic NetCDF of 64-bit data, which scipy does not know."""
    with open(path, "rb") as file:
        return file.read(4) == b"CDF\x05"


def _with_values_of(ours: xr.Dataset, plain: xr.Dataset) -> xr.Dataset:
    replaced = {
        str(name): _as_plain(variable, plain.variables[name])
        for name, variable in ours.variables.items()
        if name in plain.variables and _is_same_kind(variable, plain.variables[name])
    }
    coords = {n: v for n, v in replaced.items() if n in ours.coords}
    data = {n: v for n, v in replaced.items() if n not in ours.coords}
    # The variables keep their roles: what ours calls a coordinate stays one.
    return ours.drop_vars(list(replaced)).assign_coords(coords).assign(data)


def _is_same_kind(variable: xr.Variable, other: xr.Variable) -> bool:
    return other.shape == variable.shape and other.dtype.kind in "iuf"


def _as_plain(variable: xr.Variable, other: xr.Variable) -> xr.Variable:
    return xr.Variable(variable.dims, LazyArray(PlainSource(other)), variable.attrs, variable.encoding)
