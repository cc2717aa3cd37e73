"""Arrays of HDF5 files: what of them is known at open, and how they are read later."""

from __future__ import annotations

from typing import Any

import numpy as np

from pangeo_forge.inputs.isolation import Limits
from pangeo_forge.inputs.lazy import ArraySource, Locator
from pangeo_forge.inputs.openers.leaves import IsolatedArray, KnownArray, PaddedArray, Region, StoredArray

_SMALL = 128 * 1024


def hdf5_array(
    dataset: Any,
    settings: Any,
    path: str,
    name: str,
    shape: tuple[int, ...],
    messages: list[str],
    limits: Limits,
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
    source: ArraySource
    if dtype.kind == "O" or dtype.names:
        source = h5py_array(path, name, stored, plain, chunks, limits)
    else:
        source = StoredArray(path, name, stored, plain, chunks, limits, locator)
    if stored == shape:
        return source
    # An unlimited dimension that other variables made longer. Raw chunks would not be all of it.
    fill: Any = ""
    if dtype.kind != "O":
        holder = np.zeros((), plain)
        settings.get_fill_value(holder)
        fill = holder[()]
    return PaddedArray(source, shape, fill)


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


def h5py_array(
    path: str,
    array: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    chunks: tuple[int, ...] | None,
    limits: Limits,
) -> IsolatedArray:
    """Texts or a table, read through h5py, the file being open only as long as that takes.

    Raw chunks of such arrays hold references to texts, or rows of a table.
    """
    return IsolatedArray(read_by_h5py, (path, array), f"{path}: {array}", shape, dtype, chunks, limits)


def read_by_h5py(path: str, array: str, region: Region) -> np.ndarray:
    """Values in ``region``; texts as str."""
    import h5py

    from pangeo_forge.inputs.hdf5_layout import open_shared

    with h5py.File(open_shared(path.encode())) as file:
        values = np.asarray(file[array][(*region, ...)])
    return texts(values) if values.dtype.kind == "O" else values


def numeric_arrays(path: str, group: str) -> dict[str, tuple[str, tuple[int, ...], np.dtype[Any]]]:
    """By the name that netCDF gives it: path, shape and dtype of each array of numbers in a group, as h5py sees them."""
    import h5py

    from pangeo_forge.inputs.hdf5_layout import open_shared

    found = {}
    with h5py.File(open_shared(path.encode())) as file:
        for name, node in file[group].items():
            if isinstance(node, h5py.Dataset) and node.dtype.kind in "iuf" and node.shape is not None:
                label = name.removeprefix("_nc4_non_coord_")
                found[label] = (f"{group.rstrip('/')}/{name}", node.shape, np.dtype(node.dtype.str))
    return found
