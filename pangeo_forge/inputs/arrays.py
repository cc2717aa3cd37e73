"""How a worker reaches the stored arrays of an input by kind and name, without opening a dataset."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from pangeo_forge.errors import InputError, InternalError
from pangeo_forge.inputs.isolation import Limits
from pangeo_forge.inputs.lazy import ArraySource

Opener = Callable[[str, Sequence[str], Limits], Mapping[str, ArraySource]]
"""Opens several arrays (paths inside the file) of one local file at the cost of one opening."""


def _hdf5(path: str, names: Sequence[str], limits: Limits) -> Mapping[str, ArraySource]:
    from pangeo_forge.inputs.hdf5_chunks import Hdf5Array
    from pangeo_forge.inputs.hdf5_layout import layout

    # Only the library can say where chunks lie, and a damaged index makes it loop: values are read without it.
    found = limits.call(layout, path, list(names), where=path)
    return {name: Hdf5Array(path, name, known=known, limits=limits) for name, known in found.items()}


def _netcdf3(path: str, names: Sequence[str], limits: Limits) -> Mapping[str, ArraySource]:
    from pangeo_forge.inputs.netcdf3_array import open_netcdf3_arrays

    return open_netcdf3_arrays(path, names)


def _grib(path: str, names: Sequence[str], limits: Limits) -> Mapping[str, ArraySource]:
    from pangeo_forge.inputs.openers.grib import grib_arrays

    return grib_arrays(path, names, limits)


_OPENERS: dict[str, Opener] = {"hdf5": _hdf5, "netcdf3": _netcdf3, "grib": _grib}


def register(kind: str, opener: Opener) -> None:
    """Make arrays of another ``Locator.kind`` reachable; registering a kind again replaces its opener."""
    _OPENERS[kind] = opener


def kinds() -> tuple[str, ...]:
    """The kinds that can be opened."""
    return tuple(sorted(_OPENERS))


_CONTAINED = Limits()


def open_array(kind: str, path: str, array: str, limits: Limits = _CONTAINED) -> ArraySource:
    """The array ``array`` of the local file ``path``, read by the reader of ``kind`` (``Locator.kind``)."""
    return open_arrays(kind, path, [array], limits)[array]


def open_arrays(kind: str, path: str, names: Sequence[str], limits: Limits = _CONTAINED) -> Mapping[str, ArraySource]:
    """Several arrays of one file, which is opened once.

    Raises
    ------
    InternalError: X201 no reader of that kind: a locator was written by a newer version, or an opener did not register.
    InputError: the reader's own.
    """
    opener = _OPENERS.get(kind)
    if opener is None:
        raise InternalError(
            f"no reader for arrays of kind {kind!r}",
            code="X201",
            where=path,
            hint=f"known kinds: {', '.join(kinds())}; was the plan written by another version?",
        )
    return opener(path, names, limits)


class ArrayCache:
    """Arrays of the inputs read last, so that tasks which share inputs do not open them again.

    Bounded (least recently used goes first) and safe to share between threads. An entry is used as long as the file's
    size and modification time stay. Sources that have a ``close`` are closed when they leave and at :meth:`close`; a
    source must not be used after its entry may have left, so give a cache at least as many files as are read at a time.

    Parameters
    ----------
    max_files: files whose arrays are kept.
    limits: how the libraries that open arrays are contained.
    """

    def __init__(self, max_files: int = 128, limits: Limits = _CONTAINED) -> None:
        if max_files < 1:
            raise ValueError("max_files must be at least 1")
        self.max_files = max_files
        self.limits = limits
        self._entries: OrderedDict[tuple[str, str], tuple[tuple[int, int], dict[str, ArraySource]]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, kind: str, path: str, names: Sequence[str]) -> dict[str, ArraySource]:
        """Arrays ``names`` of the file ``path``; what is not in the cache is opened in one go."""
        stamp = _stamp(path)
        with self._lock:
            entry = self._entries.get((kind, path))
            known = dict(entry[1]) if entry and entry[0] == stamp else {}
            if known:
                self._entries.move_to_end((kind, path))
        absent = [n for n in names if n not in known]
        if absent:
            # Outside the lock: opening one file must not hold up the readers of others.
            known.update(open_arrays(kind, path, absent, self.limits))
            self._keep((kind, path), stamp, known)
        return {n: known[n] for n in names}

    def _keep(self, key: tuple[str, str], stamp: tuple[int, int], opened: dict[str, ArraySource]) -> None:
        leaving: list[ArraySource] = []
        with self._lock:
            former = self._entries.pop(key, None)
            if former and former[0] == stamp:
                opened = {**former[1], **opened}
            if former:
                kept = {id(a) for a in opened.values()}
                leaving += [a for a in former[1].values() if id(a) not in kept]
            self._entries[key] = (stamp, opened)
            while len(self._entries) > self.max_files:
                leaving += self._entries.popitem(last=False)[1][1].values()
        _close_all(leaving)

    def close(self) -> None:
        """Close and forget everything; the cache may be used again."""
        with self._lock:
            leaving = [a for _, arrays in self._entries.values() for a in arrays.values()]
            self._entries.clear()
        _close_all(leaving)

    def __len__(self) -> int:
        return len(self._entries)

    def __enter__(self) -> ArrayCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _stamp(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise InputError(
            f"the file cannot be opened: {error.strerror or error}",
            code="I200",
            where=path,
            hint="check that the file exists; a cached copy may have been removed",
        ) from error
    return status.st_size, status.st_mtime_ns


def _close_all(arrays: Sequence[ArraySource]) -> None:
    for array in arrays:
        close = getattr(array, "close", None)
        if close is not None:
            close()
