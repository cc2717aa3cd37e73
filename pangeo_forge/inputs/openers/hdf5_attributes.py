"""Attributes of HDF5 objects as netCDF means them, read through h5py's low level, which costs a third of its high level."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from h5py import h5a, h5r, h5s, h5t

from pangeo_forge.inputs.openers.hdf5_headers import UNKNOWN, Attribute, Headers

Stored = dict[bytes, Attribute | None]
"""Attributes by name, as a header has them."""

HIDDEN = frozenset(
    [
        "REFERENCE_LIST",
        "CLASS",
        "DIMENSION_LIST",
        "NAME",
        "_Netcdf4Dimid",
        "_Netcdf4Coordinates",
        "_nc3_strict",
        "_NCProperties",
        "_NCCOPY",
    ]
)
"""Bookkeeping of the netCDF-4 library and of HDF5's dimension scales."""

_NUMBERS = (h5t.TypeIntegerID, h5t.TypeFloatID)
_LEFT_OUT = HIDDEN - {"_NCCOPY"}


def read_attributes(
    node: Any, place: str, messages: list[str], headers: Headers | None = None, stored: Stored | None = None
) -> tuple[dict[str, Any], set[str]]:
    """Attributes of ``node`` (an ``h5py.h5g.GroupID`` or ``h5d.DatasetID``), and the names of its hidden ones.

    Values are what netCDF libraries give: text as str, one-element arrays as scalars, several strings as a list. Bytes
    that are no UTF-8 are mended and told in ``messages``; references and other types without a meaning are left out, too.

    Parameters
    ----------
    stored: what ``headers`` found in the node's header; None: the library reads all.
    """
    attrs: dict[str, Any] = {}
    hidden: set[str] = set()
    names: list[bytes] = []
    if stored is None:
        # A callback that returns None goes on to the next.
        h5a.iterate(node, names.append)
    for raw in sorted(stored) if stored is not None else names:
        name = raw.decode("utf-8", "surrogateescape")
        if name in _LEFT_OUT:
            hidden.add(name)
            continue
        clean = _mended(name, f"name of an attribute of {place}", messages)
        try:
            value: Any = UNKNOWN if headers is None or stored is None else headers.value(stored[raw])
            if value is UNKNOWN:
                value = read_value(h5a.open(node, raw), f"{place}@{clean}", messages)
            elif isinstance(value, bytes) or value.dtype.kind == "O":
                value = _decoded(np.atleast_1d(np.array(value, object)), f"{place}@{clean}", messages)
        except (OSError, TypeError, ValueError, NotImplementedError) as error:
            messages.append(f"attribute {clean!r} of {place} was left out: it cannot be read ({error})")
            continue
        if value is not None:
            attrs[clean] = value
    return attrs, hidden


def hidden_value(node: Any, name: str) -> Any:
    """Value of a bookkeeping attribute, as numpy gives it."""
    attribute = h5a.open(node, name.encode())
    values = np.empty(attribute.shape, dtype=attribute.get_type().dtype)
    attribute.read(values)
    return (
        values[()] if values.ndim == 0 else values[0] if values.shape == (1,) and values.dtype.kind != "O" else values
    )


def read_value(attribute: Any, place: str, messages: list[str]) -> Any:
    """Value of one ``h5py.h5a.AttrID``; None when it has no meaning in a dataset (references)."""
    kind, nbytes = attribute.get_type(), _nbytes(attribute)
    # The space is asked for only where there is no value, which saves a handle for each attribute.
    space = h5s.SIMPLE if nbytes else attribute.get_space().get_simple_extent_type()
    if isinstance(kind, h5t.TypeStringID):
        return "" if space == h5s.NULL else _text(attribute, kind, place, messages)
    dtype = kind.dtype
    if space == h5s.NULL:
        return np.array([], dtype=dtype)
    if h5t.check_dtype(ref=dtype) in (h5r.Reference, h5r.RegionReference):
        messages.append(f"attribute {place} was left out: it is an HDF5 reference")
        return None
    if isinstance(kind, h5t.TypeArrayID):
        values = np.empty(attribute.shape + dtype.subdtype[1], dtype=dtype.subdtype[0])
        attribute.read(values, mtype=kind)
    else:
        values = np.empty(attribute.shape, dtype=dtype)
        attribute.read(values, mtype=_memory_type(dtype) if isinstance(kind, _NUMBERS) else None)
    if isinstance(kind, h5t.TypeCompoundID):
        messages.append(f"attribute {place} was left out: it is of a compound type")
        return None
    if values.dtype.metadata:
        values = values.view(np.dtype(values.dtype.str)) if values.dtype.kind != "O" else values
    return values[()] if values.ndim == 0 else values[0] if values.shape == (1,) else values


@lru_cache(maxsize=64)
def _memory_type(dtype: np.dtype[Any]) -> Any:
    """HDF5's type for numbers of a dtype, made once."""
    return h5t.py_create(dtype)


def _nbytes(attribute: Any) -> int:
    try:
        return int(attribute.get_storage_size())
    except RuntimeError:
        # h5py takes the size 0, of an empty attribute, for an error.
        return 0


def _text(attribute: Any, kind: Any, place: str, messages: list[str]) -> Any:
    # The memory type comes from the array's dtype, which tells h5py how strings of variable length become objects.
    values = np.empty(attribute.shape, dtype=kind.dtype)
    attribute.read(values)
    return _decoded(values, place, messages)


def _decoded(values: np.ndarray, place: str, messages: list[str]) -> Any:
    """A text, or the list of several."""
    flat = [b.decode("utf-8", "surrogateescape") if isinstance(b, bytes) else b for b in values.reshape(-1).tolist()]
    texts = [_mended(text, place, messages) for text in flat]
    return texts[0] if len(texts) == 1 else texts


def _mended(text: str, place: str, messages: list[str]) -> str:
    """``text`` with bytes that are no UTF-8 read as Latin-1, which is what they nearly always are."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        messages.append(f"{place} holds bytes that are no UTF-8; they were read as Latin-1")
        return "".join(map(_mended_character, text))
    return text


def _mended_character(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return chr(code - 0xDC00)
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else character
