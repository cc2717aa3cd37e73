"""Rebuilding datasets from variables without reading them.

xarray makes an index for each dimension coordinate when it builds a dataset, and reads the coordinate for that.
Transforms build datasets without indexes, so that what is lazy stays lazy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr


def variables_of(ds: xr.Dataset) -> dict[str, xr.Variable]:
    """The variables by name, none of them an index."""
    return {str(name): variable.to_base_variable() for name, variable in ds.variables.items()}


def rebuild(
    ds: xr.Dataset,
    variables: Mapping[str, xr.Variable],
    coords: Iterable[str] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """A dataset of these variables; ``coords`` (default: the same as before) name the coordinates among them.

    A variable that is named as its only dimension is a coordinate whatever ``coords`` say, as in xarray.
    """
    named = set(map(str, ds.coords if coords is None else coords))
    named |= {n for n, v in variables.items() if v.dims == (n,)}
    found = xr.Coordinates({n: v for n, v in variables.items() if n in named}, indexes={})
    data = {n: v for n, v in variables.items() if n not in named}
    out = xr.Dataset(data, coords=found, attrs=dict(ds.attrs if attrs is None else attrs))
    out.encoding = dict(ds.encoding)
    return out


def take(ds: xr.Dataset, dim: str, index: int | slice | np.ndarray) -> xr.Dataset:
    """Take ``index`` along ``dim`` of every variable; slices and integers stay views."""
    variables = {n: v.isel({dim: index}) if dim in v.dims else v for n, v in variables_of(ds).items()}
    return rebuild(ds, variables)


def replace_variable(ds: xr.Dataset, changed: Mapping[str, xr.Variable]) -> xr.Dataset:
    """The dataset with some variables exchanged."""
    return rebuild(ds, variables_of(ds) | dict(changed))


def mapped(variable: xr.Variable, function: Callable[[np.ndarray], np.ndarray], dtype: Any) -> xr.Variable:
    """The variable with ``function`` (elementwise) applied when it is read; at once when it is in memory already."""
    from pangeo_forge.inputs.lazy import LazyArray

    data: Any = variable._data
    data = data.map(function, dtype) if isinstance(data, LazyArray) else function(np.asarray(variable.values))
    return xr.Variable(variable.dims, data, dict(variable.attrs), dict(variable.encoding), fastpath=True)


def as_slice(positions: np.ndarray) -> slice | np.ndarray:
    """Positions as a slice when they are evenly spaced, so that what is taken stays a view."""
    if len(positions) == 0:
        return slice(0, 0)
    if len(positions) == 1:
        return slice(int(positions[0]), int(positions[0]) + 1)
    steps = np.diff(positions)
    step = int(steps[0])
    if step == 0 or np.any(steps != step):
        return positions
    stop = int(positions[-1]) + (1 if step > 0 else -1)
    return slice(int(positions[0]), None if stop < 0 else stop, step)


def with_dim(variable: xr.Variable, dim: str) -> xr.Variable:
    """The variable with a new dimension of length 1 in front; a view of the same data."""
    data: Any = variable._data
    if not hasattr(data, "__array_function__"):
        data = np.asarray(variable.values)  # an index, or xarray's own lazy array, which cannot add a dimension
    return xr.Variable((dim, *variable.dims), data[None], dict(variable.attrs), dict(variable.encoding))
