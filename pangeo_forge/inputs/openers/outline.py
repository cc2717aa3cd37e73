"""An input as stored, with no more than a scan asks for: an ``xarray.Dataset`` costs a millisecond, and xarray's import.

An outline has those attributes of a dataset and of its variables that scanning uses, under the same names and with the same
values (a test compares both). What xarray would change, refuse or convert on the way has none: it goes through xarray.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pangeo_forge.inputs.lazy import LazyArray
from pangeo_forge.inputs.openers.assembly import StoredDataset, arranged


@dataclass(frozen=True, eq=False)
class OutlineVariable:
    """One variable; its data are lazy, but for the coordinates of dimensions, which xarray loads, too."""

    dims: tuple[str, ...]
    _data: LazyArray | np.ndarray
    attrs: dict[str, Any]
    encoding: dict[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype as stored."""
        return self._data.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths along ``dims``."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.dims)

    @property
    def size(self) -> int:
        """Number of values."""
        return self._data.size


@dataclass(frozen=True, eq=False)
class Outline:
    """One input."""

    variables: Mapping[str, OutlineVariable]
    coords: frozenset[str]
    """Names of the variables that are coordinates."""
    dims: Mapping[str, int]
    attrs: dict[str, Any]
    encoding: dict[str, Any]


def outline_of(stored: StoredDataset, *, decode_coords: bool | str, drop: Sequence[str], source: str) -> Outline | None:
    """The outline of what a reader found; None when xarray must decide what becomes of it."""
    variables, coords = arranged(stored, decode_coords=decode_coords, drop=drop)
    sizes: dict[str, int] = {}
    made: dict[str, OutlineVariable] = {}
    for name, variable in variables.items():
        data = LazyArray(variable.source)
        if len(set(variable.dims)) != len(variable.dims) or len(data.shape) != len(variable.dims):
            return None
        if any(sizes.setdefault(d, n) != n for d, n in zip(variable.dims, data.shape, strict=True)):
            return None
        if name in variable.dims and not (len(variable.dims) == 1 and _is_kept_by_indexes(data.dtype)):
            return None
        held = data.read() if name in variable.dims else data
        made[name] = OutlineVariable(variable.dims, held, dict(variable.attrs))
    for message in stored.warnings:
        warnings.warn(message, stacklevel=2)
    ordered = [*(n for n in made if n not in coords), *(n for n in made if n in coords)]
    return Outline({n: made[n] for n in ordered}, frozenset(coords), sizes, dict(stored.attrs), {"source": source})


def _is_kept_by_indexes(dtype: np.dtype[Any]) -> bool:
    """Whether an index of xarray holds values in this dtype as they are."""
    return dtype.kind in "iu" or (dtype.kind == "f" and dtype.itemsize in (4, 8))
