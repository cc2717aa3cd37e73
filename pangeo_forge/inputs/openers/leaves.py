"""Stored arrays as openers describe them: picklable, without an open file behind them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pangeo_forge.inputs.arrays import open_array
from pangeo_forge.inputs.isolation import Limits
from pangeo_forge.inputs.lazy import ArraySource, LazyArray, Locator

Region = tuple[slice, ...]


def region_bytes(region: Region, dtype: np.dtype[Any]) -> int:
    """Bytes that the values of a region take."""
    return math.prod(len(range(s.start, s.stop, s.step or 1)) for s in region) * dtype.itemsize


@dataclass(eq=False)
class StoredArray:
    """An array of an HDF5 file whose chunks are looked for when values are asked for."""

    path: str
    array: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    limits: Limits
    locator: Locator | None = None
    _source: ArraySource | None = field(default=None, repr=False)

    def read(self, region: Region) -> np.ndarray:
        """Values in ``region``."""
        if self._source is None:
            self._source = open_array("hdf5", self.path, self.array, self.limits)
        return self._source.read(region)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_source": None}


@dataclass(eq=False)
class IsolatedArray:
    """An array that one function reads in the isolated process, because only a library knows where its values lie.

    Attributes
    ----------
    function: called with ``arguments`` and the region; both pickle.
    where: file and array, for errors.
    """

    function: Callable[..., np.ndarray]
    arguments: tuple[Any, ...]
    where: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    limits: Limits

    @property
    def locator(self) -> Locator | None:
        """None: there are no bytes of a file to refer to."""
        return None

    def read(self, region: Region) -> np.ndarray:
        """Values in ``region``."""
        nbytes = region_bytes(region, self.dtype)
        values: np.ndarray = self.limits.call(self.function, *self.arguments, region, where=self.where, nbytes=nbytes)
        return values


@dataclass(eq=False)
class PaddedArray:
    """An array that is stored shorter than its dimensions are."""

    source: ArraySource
    shape: tuple[int, ...]
    fill: Any
    """What stands in the part that is not stored."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype as stored."""
        return self.source.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Storage chunks of the stored part."""
        return self.source.chunks

    @property
    def locator(self) -> Locator | None:
        """None: what is stored is not all of it."""
        return None

    def read(self, region: Region) -> np.ndarray:
        """Values in ``region``."""
        out = np.full(tuple(len(range(s.start, s.stop, s.step or 1)) for s in region), self.fill, self.dtype)
        inside = tuple(
            slice(s.start, max(s.start, min(s.stop, n)), s.step or 1)
            for s, n in zip(region, self.source.shape, strict=True)
        )
        values = self.source.read(inside)
        out[tuple(slice(0, n) for n in values.shape)] = values
        return out


@dataclass(eq=False)
class KnownArray:
    """A small array whose values were read at open; ``locator`` still names it in other files."""

    values: np.ndarray
    chunks: tuple[int, ...] | None = None
    locator: Locator | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as stored."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype as stored."""
        return self.values.dtype

    def read(self, region: Region) -> np.ndarray:
        """Values in ``region``."""
        key: tuple[Any, ...] = (*region, ...)
        return np.asarray(self.values[key])


@dataclass(eq=False)
class JoinedCharacters:
    """Fixed-length strings over a char array (its last axis), as xarray's ``CharacterArrayCoder`` joins them."""

    source: ArraySource

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without the characters' axis."""
        return self.source.shape[:-1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """``S`` of the characters' length."""
        return np.dtype(f"S{self.source.shape[-1]}")

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Storage chunks without the characters' axis."""
        return None if self.source.chunks is None else self.source.chunks[:-1]

    @property
    def locator(self) -> Locator | None:
        """None: not a pure view of the stored array."""
        return None

    def read(self, region: Region) -> np.ndarray:
        """Joined strings in ``region``."""
        size = self.source.shape[-1]
        values = self.source.read((*region, slice(0, size, 1)))
        return np.ascontiguousarray(values).view(f"S{size}").reshape(values.shape[:-1])


@dataclass(eq=False)
class FieldArray:
    """One field of a table (an array of a compound type)."""

    source: ArraySource
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the table."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype of the field."""
        return self.source.dtype[self.name]

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Storage chunks of the table."""
        return self.source.chunks

    @property
    def locator(self) -> Locator | None:
        """None: not a pure view of the stored array."""
        return None

    def read(self, region: Region) -> np.ndarray:
        """Values of the field in ``region``."""
        return np.ascontiguousarray(self.source.read(region)[self.name])


def lazy(source: ArraySource) -> LazyArray:
    """The whole array as duck array."""
    return LazyArray(source)
