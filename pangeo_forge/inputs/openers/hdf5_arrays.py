"""Arrays of HDF5 files: what of them is known at open, and how they are read later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pangeo_forge.inputs.lazy import ArraySource, Locator
from pangeo_forge.inputs.openers.leaves import KnownArray, Region, StoredArray

_SMALL = 128 * 1024


def hdf5_array(
    dataset: Any, settings: Any, path: str, name: str, shape: tuple[int, ...], messages: list[str]
) -> ArraySource | None:
    """The array of an open ``h5py.h5d.DatasetID``; None (told in ``messages``) for types that no dataset can hold.

    Small ones are read at once while the file is open: coordinates are wanted by every scan.
    """
    from h5py import h5d, h5t

    dtype = dataset.dtype
    if dtype.kind == "O" and h5t.check_dtype(vlen=dtype) not in (str, bytes):
        what = "an HDF5 reference" if h5t.check_dtype(ref=dtype) else "of variable length"
        messages.append(f"variable {name} was left out: its values are {what}")
        return None
    if dtype.subdtype is not None or (dtype.kind == "V" and dtype.names is None):
        messages.append(f"variable {name} was left out: its type {dtype} has no meaning in a dataset")
        return None
    plain = np.dtype(object) if dtype.kind == "O" else dtype if dtype.names else np.dtype(dtype.str)
    chunks = tuple(settings.get_chunk()) if settings.get_layout() == h5d.CHUNKED else None
    locator = Locator("hdf5", name)
    stored = tuple(dataset.shape)
    if stored == shape and len(shape) < 2 and dtype.names is None and dataset.get_storage_size() <= _SMALL:
        count = int(np.prod(shape, dtype=np.int64))
        if count * plain.itemsize <= _SMALL:
            values = _read_now(dataset, plain)
            if values is not None:
                return KnownArray(values, chunks, locator)
    reader = _text_array if dtype.kind == "O" else _table_array if dtype.names else _chunk_array
    fill: Any = "" if dtype.kind == "O" else np.zeros((), plain)[()]
    if stored != shape and dtype.kind != "O":
        holder = np.zeros((), plain)
        settings.get_fill_value(holder)
        fill = holder[()]
    # The locator is withheld where the stored array is shorter than the variable: raw chunks would not be all of it.
    known = locator if stored == shape and reader is _chunk_array else None
    return StoredArray(path, name, shape, plain, chunks, reader, known, stored if stored != shape else None, fill)


def _read_now(dataset: Any, dtype: np.dtype[Any]) -> np.ndarray | None:
    from h5py import h5s

    values = np.empty(dataset.shape, dtype if dtype.kind != "O" else dataset.dtype)
    try:
        dataset.read(h5s.ALL, h5s.ALL, values)
    except OSError:
        # A filter that is not installed: the error belongs to the one who needs the values.
        return None
    return texts(values) if dtype.kind == "O" else values


def texts(values: np.ndarray) -> np.ndarray:
    """Strings for bytes; those that are no UTF-8 are read as Latin-1."""
    out = np.empty(values.shape, object)
    flat = out.reshape(-1)
    for i, value in enumerate(values.reshape(-1).tolist()):
        if isinstance(value, bytes):
            try:
                flat[i] = value.decode()
            except UnicodeDecodeError:
                flat[i] = value.decode("latin-1")
        else:
            flat[i] = value if isinstance(value, str) else ""
    return out


@dataclass(eq=False)
class H5pyArray:
    """An array that is read through h5py, the file being open only as long as that takes."""

    path: str
    array: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None = None
    locator: Locator | None = None

    def read(self, region: Region) -> np.ndarray:
        """Values in ``region``."""
        import h5py

        from pangeo_forge.inputs.hdf5_layout import open_shared

        with h5py.File(open_shared(self.path.encode())) as file:
            values = np.asarray(file[self.array][(*region, ...)])
        return texts(values) if values.dtype.kind == "O" else values


def _described(path: str, array: str) -> H5pyArray:
    import h5py

    from pangeo_forge.inputs.hdf5_layout import open_shared

    with h5py.File(open_shared(path.encode())) as file:
        dataset = file[array]
        return H5pyArray(path, array, dataset.shape, dataset.dtype, dataset.chunks)


def _text_array(path: str, array: str) -> ArraySource:
    return _described(path, array)


def _table_array(path: str, array: str) -> ArraySource:
    return _described(path, array)


def _chunk_array(path: str, array: str) -> ArraySource:
    from pangeo_forge.inputs.arrays import open_array

    return open_array("hdf5", path, array)
