"""Stored arrays as openers describe them: picklable, without an open file behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pangeo_forge.inputs.lazy import ArraySource, LazyArray, Locator

Region = tuple[slice, ...]


@dataclass(eq=False)
class StoredArray:
    """An array of a file that is opened for reading when values are asked for.

    ``reader`` opens the file's own array: ``reader(path, array) -> ArraySource``. It is kept out of pickles' way by being
    a module's function.
    """

    path: str
    array: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    reader: Callable[[str, str], ArraySource]
    locator: Locator | None = None
    stored_shape: tuple[int, ...] | None = None
    """Shape in the file when it is smaller than ``shape`` (an unlimited dimension that other variables made longer)."""
    fill: Any = 0
    """What stands in the part that is not stored."""
    _source: ArraySource | None = field(default=None, repr=False)

    def read(self, region: Region) -> np.ndarray:
        """Values in ``region``."""
        if self._source is None:
            self._source = self.reader(self.path, self.array)
        if self.stored_shape is None:
            return self._source.read(region)
        out = np.full(tuple(len(range(s.start, s.stop, s.step or 1)) for s in region), self.fill, self.dtype)
        inside = tuple(
            slice(s.start, max(s.start, min(s.stop, n)), s.step or 1)
            for s, n in zip(region, self.stored_shape, strict=True)
        )
        values = self._source.read(inside)
        out[tuple(slice(0, n) for n in values.shape)] = values
        return out

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_source": None}


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
