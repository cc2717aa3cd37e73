"""Arrays of an input that are described, sliced and mapped before one byte of them is read.

A dataset that an opener returns holds :class:`LazyArray` data. Slicing, transposing, adding dimensions and mapping a
function over the elements only write down what to do; :meth:`LazyArray.read` reads no more than the region asked for.
xarray's own lazy indexing loads on ``expand_dims`` and loses the storage layout on ``transpose``; this keeps both, and can
say (:meth:`LazyArray.access`) when a variable is nothing but a view of one stored array, which is what lets a worker
read raw chunks without opening the dataset again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

Pick = slice | int | np.ndarray


@runtime_checkable
class ArraySource(Protocol):
    """One stored array of one input: the leaf under a :class:`LazyArray`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape as stored."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype of what ``read`` returns."""
        ...

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of the storage chunks; None when stored in one piece."""
        ...

    @property
    def locator(self) -> Locator | None:
        """How a worker finds this array in another file of the same layout; None when it cannot."""
        ...

    def read(self, region: tuple[slice, ...]) -> np.ndarray:
        """Values in ``region``: one slice an axis, in bounds, with start, stop and a step of at least 1."""
        ...


@runtime_checkable
class InPlaceSource(ArraySource, Protocol):
    """An :class:`ArraySource` that can read straight into a given buffer, which saves a copy of everything read."""

    def read(self, region: tuple[slice, ...], out: np.ndarray | None = None) -> np.ndarray:
        """Values in ``region``, in ``out`` (of the region's shape and this dtype, any strides) when given."""
        ...

    @property
    def reads_in_place(self) -> bool:
        """Whether ``out`` saves a copy; tells such a source from a plain one."""
        ...


@dataclass(frozen=True)
class Locator:
    """Names an array inside an input: ``kind`` is the reader ("hdf5", "netcdf3", "zarr"...), ``array`` its path there."""

    kind: str
    array: str


@dataclass(frozen=True)
class Access:
    """A variable as a pure view of a stored array: no value is touched.

    ``axes[i]`` is the source axis of output dimension i, or None for a dimension of length 1 that the view adds.
    ``picks[j]`` says what is taken of source axis j: an integer, or (start, stop, step) where ``stop=None`` means "to the
    end, whatever the length of this file", so that files of different lengths share one Access. step may be negative.
    """

    locator: Locator
    axes: tuple[int | None, ...]
    picks: tuple[int | tuple[int, int | None, int], ...]

    def bind(self, source: ArraySource) -> LazyArray:
        """The same view on the array of another file."""
        picks: list[Pick] = []
        for pick, size in zip(self.picks, source.shape, strict=True):
            if isinstance(pick, int):
                if not 0 <= pick < size:
                    raise IndexError(f"position {pick} of a view is beyond an array of length {size}")
                picks.append(pick)
            else:
                start, stop, step = pick
                if start > size or (stop is not None and stop > size):
                    raise IndexError(f"a view of {start}:{stop}:{step} is beyond an array of length {size}")
                if stop is None and step < 0:
                    picks.append(slice(size - 1 - start, None, step))
                else:
                    picks.append(slice(start, size if stop is None else stop, step))
        return LazyArray(source, self.axes, tuple(picks))


class LazyArray:
    """A duck array over an :class:`ArraySource`: a view, and functions mapped over its elements.

    It has no attribute ``chunks``, by which xarray would take it for a dask-like array. xarray accepts it as data. numpy functions that need values read them all (``__array__``); use :meth:`read` with a
    region instead where memory matters.
    """

    def __init__(
        self,
        source: ArraySource,
        axes: tuple[int | None, ...] | None = None,
        picks: tuple[Pick, ...] | None = None,
        functions: tuple[tuple[Callable[[np.ndarray], np.ndarray], np.dtype[Any]], ...] = (),
    ) -> None:
        self.source = source
        self._axes = tuple(range(len(source.shape))) if axes is None else axes
        self._picks = tuple(slice(0, n, 1) for n in source.shape) if picks is None else picks
        self._functions = functions

    # -- description -------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the view."""
        return tuple(1 if a is None else _length(self._picks[a], self.source.shape[a]) for a in self._axes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """dtype of the values after all mapped functions."""
        return self._functions[-1][1] if self._functions else self.source.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions of the view."""
        return len(self._axes)

    @property
    def size(self) -> int:
        """Number of elements of the view."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of the values when read."""
        return self.size * self.dtype.itemsize

    @property
    def storage_chunks(self) -> tuple[int, ...] | None:
        """Shape of the storage chunks along the view's dimensions (1 for added ones); None when stored in one piece."""
        if self.source.chunks is None:
            return None
        return tuple(1 if a is None else self.source.chunks[a] for a in self._axes)

    def access(self) -> Access | None:
        """The pure view that this is, or None when values are mapped, picked by list, or the source cannot be named."""
        if self._functions or self.source.locator is None:
            return None
        picks: list[int | tuple[int, int | None, int]] = []
        for pick, size in zip(self._picks, self.source.shape, strict=True):
            if isinstance(pick, np.ndarray):
                return None
            if isinstance(pick, int):
                picks.append(pick)
                continue
            start, stop, step = pick.indices(size)
            if step > 0:
                picks.append((start, None if stop >= size else stop, step))
            elif stop < 0:
                picks.append((size - 1 - start, None, step))
            else:
                return None
        return Access(self.source.locator, self._axes, tuple(picks))

    # -- describing more ---------------------------------------------------------------------------------------------

    def map(self, function: Callable[[np.ndarray], np.ndarray], dtype: Any) -> LazyArray:
        """Apply ``function`` (elementwise: array -> array of the same shape and of ``dtype``) to what is read."""
        return LazyArray(self.source, self._axes, self._picks, (*self._functions, (function, np.dtype(dtype))))

    def astype(self, dtype: Any, **_: Any) -> LazyArray:
        """Cast what is read."""
        target = np.dtype(dtype)
        return self if target == self.dtype else self.map(lambda a: a.astype(target), target)

    def transpose(self, *axes: Any) -> LazyArray:
        """Reorder the dimensions."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        order = tuple(reversed(range(self.ndim))) if not order else tuple(int(i) % self.ndim for i in order)
        return LazyArray(self.source, tuple(self._axes[i] for i in order), self._picks, self._functions)

    def __getitem__(self, key: Any) -> LazyArray:
        """A view, with numpy's meaning of every key that can be one.

        Raises
        ------
        IndexError: out of bounds, too many indices, or keys that pick points (one list paired with another): a view
            has no shape for that. :meth:`points` reads them.
        """
        keys = _expand_keys(key, self.ndim)
        if any(isinstance(k, np.ndarray) for k in keys):
            return self._advanced(keys)
        picks, position = list(self._picks), 0
        axes: list[int | None] = []
        for k in keys:
            if k is None:
                axes.append(None)
                continue
            axis = self._axes[position]
            position += 1
            picked, kept = self._pick(axis, k, picks)
            if axis is not None:
                picks[axis] = picked
            if kept:
                axes.append(axis)
        return LazyArray(self.source, tuple(axes), tuple(picks), self._functions)

    def _advanced(self, keys: list[Pick | None]) -> LazyArray:
        # numpy broadcasts all arrays and integers against each other. The result is a view (an outer product) when each
        # broadcast axis is varied by one key only; xarray's outer indexing comes in this form.
        pointed = [i for i, k in enumerate(keys) if isinstance(k, (int, np.ndarray))]
        arrays = {i: np.asarray(keys[i]) for i in pointed}
        shape = np.broadcast_shapes(*(a.shape for a in arrays.values()))
        owner: list[int | None] = [None] * len(shape)
        for i, array in arrays.items():
            varied = [n + len(shape) - array.ndim for n, size in enumerate(array.shape) if size != 1]
            if len(varied) > 1 or any(owner[n] is not None for n in varied):
                raise IndexError("keys that pick single points do not make a view; read them with points()")
            for n in varied:
                owner[n] = i
        picks = list(self._picks)
        where: dict[int, int | None] = {}
        others: list[tuple[int, int | None]] = []
        position = 0
        for i, k in enumerate(keys):
            if k is None:
                others.append((i, None))
                continue
            axis = self._axes[position]
            position += 1
            flat = k if isinstance(k, slice) else arrays[i].reshape(-1) if i in owner else int(arrays[i].reshape(-1)[0])
            picked, _ = self._pick(axis, flat, picks)
            if axis is not None:
                picks[axis] = picked
            if isinstance(k, slice):
                others.append((i, axis))
            else:
                where[i] = axis
        broadcast = [None if i is None else where[i] for i in owner]
        together = pointed == list(range(pointed[0], pointed[-1] + 1))
        before = [axis for i, axis in others if together and i < pointed[0]]
        after = [axis for i, axis in others if not (together and i < pointed[0])]
        return LazyArray(self.source, (*before, *broadcast, *after), tuple(picks), self._functions)

    def points(self, key: Any) -> np.ndarray:
        """Values at keys with numpy's full meaning, pointwise picks and masks too: reads the box that holds them."""
        try:
            return self[key].read()
        except IndexError as error:
            if "points()" not in str(error):
                raise
        boxes: list[slice] = []
        inner: list[Pick] = []
        for k, size in zip([k for k in _expand_keys(key, self.ndim) if k is not None], self.shape, strict=True):
            if isinstance(k, np.ndarray) and k.size:
                if k.min() < -size or k.max() >= size:
                    raise IndexError(f"an index is out of bounds for a dimension of length {size}")
                k = np.where(k < 0, k + size, k)
                boxes.append(slice(int(k.min()), int(k.max()) + 1))
                inner.append(k - int(k.min()))
            else:
                boxes.append(slice(None))
                inner.append(k)
        values = self[tuple(boxes)].read()
        keys = iter(inner)
        return values[tuple(None if k is None else next(keys) for k in _expand_keys(key, self.ndim))]

    def _pick(self, axis: int | None, key: Pick, picks: list[Pick]) -> tuple[Pick, bool]:
        size = 1 if axis is None else _length(picks[axis], self.source.shape[axis])
        if isinstance(key, int):
            index = key + size if key < 0 else key
            if not 0 <= index < size:
                raise IndexError(f"index {key} is out of bounds for a dimension of length {size}")
            return (0 if axis is None else _compose_int(picks[axis], index, self.source.shape[axis])), False
        if axis is None:
            if len(range(size)[key]) != 1 if isinstance(key, slice) else len(key) != 1:
                raise IndexError("an added dimension has length 1; it can only be taken whole")
            return 0, True
        return _compose(picks[axis], key, self.source.shape[axis]), True

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, region: tuple[slice, ...] | None = None, out: np.ndarray | None = None) -> np.ndarray:
        """Values of the view (or of ``region`` of it: one slice a dimension), with all functions applied.

        With ``out`` (of the shape and dtype of what is read, any strides) they are put there, and not copied on the way
        when the view is pure and its source is an :class:`InPlaceSource`.
        """
        if region is not None:
            return self[region].read(out=out)
        if out is not None:
            return self._read_into(out)
        boxes, after = [], []
        for pick, size in zip(self._picks, self.source.shape, strict=True):
            box, then = _box(pick, size)
            boxes.append(box)
            after.append(then)
        values = self.source.read(tuple(boxes))
        for axis, then in enumerate(after):
            if isinstance(then, np.ndarray):
                values = np.take(values, then, axis=axis)
            elif isinstance(then, slice):
                values = values[(slice(None),) * axis + (then,)]
        dropped = tuple(a for a, p in enumerate(self._picks) if isinstance(p, int) and a not in self._axes)
        kept = [a for a in range(len(self._picks)) if a not in dropped]
        values = values.reshape([values.shape[a] for a in kept])
        present = [a for a in self._axes if a is not None]
        values = values.transpose([kept.index(a) for a in present])
        # The ellipsis keeps an array of no dimensions an array.
        values = values[(*(None if a is None else slice(None) for a in self._axes), ...)]
        for function, _ in self._functions:
            values = function(values)
        return values

    def _read_into(self, out: np.ndarray) -> np.ndarray:
        if out.shape != self.shape or out.dtype != self.dtype:
            raise ValueError(f"out is {out.dtype}{out.shape}; the view is {self.dtype}{self.shape}")
        listed = any(isinstance(p, np.ndarray) for p in self._picks)
        if self._functions or listed or not isinstance(self.source, InPlaceSource):
            out[...] = self.read()
            return out
        # The same buffer as the source sees it: its axes in its order, dropped ones back, reversed ones turned round.
        order = [a for a in self._axes if a is not None]
        bare = out[(*(0 if a is None else slice(None) for a in self._axes), ...)]
        place = bare.transpose(sorted(range(len(order)), key=order.__getitem__))
        boxes, key = [], []
        for axis, (pick, size) in enumerate(zip(self._picks, self.source.shape, strict=True)):
            box, then = _box(pick, size)
            boxes.append(box)
            key.append(None if axis not in order else slice(None) if then is None else then)
        self.source.read(tuple(boxes), out=place[(*key, ...)])
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self.read()
        return values if dtype is None else values.astype(dtype, copy=False)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*_with_values(args), **{k: _with_values(v) for k, v in kwargs.items()})

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*_with_values(args), **kwargs)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<LazyArray {self.shape} {self.dtype} of {self.source!r}>"


def _with_values(value: Any) -> Any:
    if isinstance(value, LazyArray):
        return value.read()
    if isinstance(value, (list, tuple)):
        return type(value)(_with_values(v) for v in value)
    return value


def _expand_keys(key: Any, ndim: int) -> list[Pick | None]:
    """One key a dimension (and None for each new one); masks become positions."""
    given = list(key) if isinstance(key, tuple) else [key]
    if sum(1 for k in given if k is Ellipsis) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    keys: list[Any] = []
    for k in given:
        keys.extend([k] if k is None or k is Ellipsis else _as_picks(k))
    used = sum(1 for k in keys if k is not None and k is not Ellipsis)
    if used > ndim:
        raise IndexError(f"too many indices for an array of {ndim} dimensions: {key!r}")
    if not any(k is Ellipsis for k in keys):
        keys.append(Ellipsis)
    at = next(i for i, k in enumerate(keys) if k is Ellipsis)
    keys[at : at + 1] = [slice(None)] * (ndim - used)
    return keys


def _as_picks(key: Any) -> list[Pick]:
    if isinstance(key, slice):
        return [key]
    if isinstance(key, (bool, np.bool_)):
        raise IndexError("a single boolean is not an index")
    array = np.asarray(key)
    if array.dtype == bool:
        return [part.astype(np.int64) for part in np.nonzero(array)]
    if array.dtype.kind not in "iu" and array.size:
        raise IndexError(f"indices must be integers, slices or masks, not {array.dtype}")
    return [int(array)] if array.ndim == 0 else [array.astype(np.int64)]


def _length(pick: Pick, size: int) -> int:
    if isinstance(pick, slice):
        return len(range(*pick.indices(size)))
    return 1 if isinstance(pick, int) else len(pick)


def _compose_int(pick: Pick, index: int, size: int) -> int:
    if isinstance(pick, slice):
        return range(*pick.indices(size))[index]
    return pick if isinstance(pick, int) else int(pick[index])


def _compose(pick: Pick, key: slice | np.ndarray, size: int) -> Pick:
    if isinstance(pick, int):
        raise IndexError("a dimension that was taken at one position cannot be sliced again")
    if isinstance(pick, slice) and isinstance(key, slice):
        picked = range(*pick.indices(size))[key]
        if not picked:
            return slice(0, 0, 1)
        return slice(picked.start, picked.stop if picked.stop >= 0 else None, picked.step)
    positions = np.arange(size)[pick] if isinstance(pick, slice) else pick
    return positions[key]


def _box(pick: Pick, size: int) -> tuple[slice, slice | np.ndarray | None]:
    """What to read of a source axis, as a slice with a positive step, and what to do to it after."""
    if isinstance(pick, int):
        return slice(pick, pick + 1, 1), None
    if isinstance(pick, slice):
        taken = range(*pick.indices(size))
        if not taken:
            return slice(0, 0, 1), None
        if taken.step > 0:
            return slice(taken.start, taken[-1] + 1, taken.step), None
        return slice(taken[-1], taken[0] + 1, -taken.step), slice(None, None, -1)
    if not len(pick):
        return slice(0, 0, 1), None
    low = int(pick.min())
    return slice(low, int(pick.max()) + 1, 1), pick - low
