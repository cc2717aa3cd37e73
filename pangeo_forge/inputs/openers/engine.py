"""Opens an input with an xarray engine that the recipe names (``open.engine``), in an isolated process.

For formats that our own readers do not know, or know otherwise than a recipe needs: any backend that is installed beside
this program. As with our readers the dataset stays as stored (``decode_cf=False``) and nothing is read before it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.isolation import Limits
from pangeo_forge.inputs.openers.assembly import StoredDataset, StoredVariable, to_xarray
from pangeo_forge.inputs.openers.leaves import IsolatedArray, Region
from pangeo_forge.inputs.source import InputSource, OpenOptions

if TYPE_CHECKING:
    import xarray as xr

_CACHED_FILES = 4


def open(source: InputSource, options: OpenOptions) -> xr.Dataset:
    """The dataset that the engine makes of the input.

    Raises
    ------
    InputError: I101 no local file; I116 no such engine is installed; I110 what the engine says; I120, I121.
    """
    if source.path is None:
        raise InputError("engines read local files", code="I101", where=source.where, hint="set fetch.cache: true")
    keywords = dict(options.engine_options)
    if options.group is not None:
        keywords["group"] = options.group
    place = EnginePlace(os.path.abspath(source.path), str(options.engine), keywords)
    stored = options.limits.call(describe, place, options.limits, where=source.where)
    return to_xarray(stored, decode_coords=options.decode_coords, drop=options.drop, source=source.path)


@dataclass(frozen=True)
class EnginePlace:
    """What is opened, and how."""

    path: str
    engine: str
    keywords: Mapping[str, Any]


_open: dict[tuple[str, int, str], Any] = {}


def _dataset(place: EnginePlace) -> Any:
    """The dataset, kept open in the isolated process for the reads that follow."""
    import xarray as xr

    key = (place.path, os.stat(place.path).st_mtime_ns, repr((place.engine, sorted(place.keywords.items(), key=str))))
    if key not in _open:
        while len(_open) >= _CACHED_FILES:
            _open.pop(next(iter(_open))).close()
        known = xr.backends.list_engines()
        if place.engine not in known:
            raise InputError(
                f"there is no xarray engine {place.engine!r}",
                code="I116",
                hint=f"install the package that brings it, or take one of: {', '.join(sorted(known))}",
            )
        _open[key] = xr.open_dataset(
            place.path, engine=place.engine, decode_cf=False, cache=False, **dict(place.keywords)
        )
    return _open[key]


def describe(place: EnginePlace, limits: Limits) -> StoredDataset:
    """What the engine finds."""
    dataset = _dataset(place)
    variables = {}
    for name, variable in dataset.variables.items():
        chunks = variable.encoding.get("chunksizes") or variable.encoding.get("preferred_chunks")
        if isinstance(chunks, Mapping):
            chunks = [chunks.get(d, n) for d, n in variable.sizes.items()]
        parts = tuple(int(c) for c in chunks) if chunks and len(chunks) == variable.ndim else None
        where, dtype = f"{place.path}: {name}", np.dtype(variable.dtype)
        array = IsolatedArray(read_values, (place, str(name)), where, tuple(variable.shape), dtype, parts, limits)
        variables[str(name)] = StoredVariable(tuple(map(str, variable.dims)), array, dict(variable.attrs))
    return StoredDataset(variables, dict(dataset.attrs), frozenset(map(str, dataset.coords)))


def read_values(place: EnginePlace, name: str, region: Region) -> np.ndarray:
    """Values of a region of one variable."""
    return np.ascontiguousarray(_dataset(place).variables[name][region].values).reshape(
        tuple(len(range(s.start, s.stop, s.step or 1)) for s in region)
    )
