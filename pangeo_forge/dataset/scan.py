"""Scan one input: metadata, the values of its small coordinates, and digests of what must be equal in all inputs.

No data variable along a concat dim is read, so a scan costs a few milliseconds, whatever the size of the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.dataset import roles, time
from pangeo_forge.dataset.attributes import plain_attrs
from pangeo_forge.dataset.model import Index, InputScan, Packing, TimeUnits, VariableScan
from pangeo_forge.dataset.stored import StoredVariable, stored_variables
from pangeo_forge.dataset.values import digest, meaning, ticks_of
from pangeo_forge.errors import CombineError

if TYPE_CHECKING:
    from pangeo_forge.dataset.roles import Dataset

KEPT_BYTES = 1 << 20
"""Values of variables without a concat dim are kept up to this size; larger ones by digest only."""

BOUNDS_WIDTH = 4
"""Time variables along a concat dim are kept when their other dims hold no more than this many values (bounds: 2)."""


def scan_dataset(
    ds: Dataset,
    index: Index,
    label: str,
    concat_dims: Sequence[str],
    *,
    key: Mapping[str, Any] | None = None,
    decode_times: bool = True,
) -> InputScan:
    """What one opened and transformed input holds.

    Parameters
    ----------
    ds: as stored (undecoded CF); variables that a transform decoded hold their former packing in ``.encoding``.
    index: the input's position, one integer per concat key, then one per merge key.
    label: the input's key and URL, for messages.
    concat_dims: dimension of each concat key. One that the input lacks is added: data variables gain it with length 1.
    key: value of each concat dim for this input (number, string, date): the coordinate of an added dimension for which
        the input itself has no scalar coordinate.
    decode_times: False leaves variables with time units as plain numbers.

    Raises
    ------
    CombineError: C003 dtype, C011 to C014 times that cannot be decoded; ``where`` is the label.
    """
    dims = tuple(concat_dims)
    try:
        stored = stored_variables(ds, dims, decode_times=decode_times)
        bounds = set(roles.bounds_parents(ds))
        merging = len(index) > len(dims)
        variables = [_scan(v, dims, merging, v.name in bounds) for v in stored]
    except CombineError as error:
        error.where = error.where or label
        raise
    names = {v.name for v in variables}
    variables += [
        _from_key(d, (key or {})[d]) for d in dims if d not in ds.dims and d not in names and d in (key or {})
    ]
    sizes: dict[str, int] = {}
    for v in variables:
        sizes.update(zip(v.dims, v.shape, strict=True))
    attrs = {k: v for k, v in plain_attrs(ds.attrs).items() if k != "coordinates"}
    return InputScan(tuple(index), label, sizes, tuple(variables), attrs)


def _scan(v: StoredVariable, concat_dims: tuple[str, ...], merging: bool, is_bounds: bool) -> VariableScan:
    along = [d for d in v.dims if d in concat_dims]
    kept = _is_kept(v, along, is_bounds)
    needs_digest = kept or len(along) < len(concat_dims) or merging
    values, content = None, None
    if kept or (needs_digest and (not along or v.nbytes <= KEPT_BYTES)):
        stored = v.read()
        meant = meaning(stored, v.packing, v.time)
        content = digest(meant)
        if kept:
            values = meant if v.time and stored.dtype.kind in "MO" else stored
    return VariableScan(
        name=v.name,
        dims=v.dims,
        shape=v.shape,
        dtype=v.dtype,
        attrs=v.attrs,
        packing=v.packing,
        time=v.time,
        is_coord=v.is_coord,
        values=values,
        digest=content,
        storage_chunks=v.storage_chunks(),
        access=v.access(),
    )


def _is_kept(v: StoredVariable, along: list[str], is_bounds: bool) -> bool:
    if not along:
        return v.nbytes <= KEPT_BYTES
    if v.name == along[0] and len(v.dims) == 1:
        return True
    if len(along) > 1:
        return False
    width = int(np.prod([n for d, n in zip(v.dims, v.shape, strict=True) if d != along[0]], dtype=np.int64))
    return (v.is_coord and len(v.dims) == 1) or ((is_bounds or v.time is not None) and width <= BOUNDS_WIDTH)


def _from_key(dim: str, value: Any) -> VariableScan:
    """A coordinate of length 1 with the value of the input's key."""
    units: TimeUnits | None = None
    if hasattr(value, "calendar") and hasattr(value, "dayofyr"):
        ticks, calendar = time.from_cftime(np.array([value], dtype=object))
        values, units, dtype = ticks, TimeUnits("", calendar), "<i8"
    elif hasattr(value, "isoformat") or isinstance(value, np.datetime64):
        moment = np.array([np.datetime64(value.isoformat() if hasattr(value, "isoformat") else value)])
        units, dtype = TimeUnits("", "proleptic_gregorian"), "<i8"
        values = ticks_of(moment, Packing(), units)
    elif isinstance(value, str):
        values, dtype = np.array([value], dtype=object), "str"
    else:
        values = np.array([value])
        values = values.astype(values.dtype.newbyteorder("<"))
        dtype = values.dtype.str
    return VariableScan(
        name=dim, dims=(dim,), shape=(1,), dtype=dtype, attrs={}, packing=Packing(), time=units, is_coord=True,
        values=values, digest=digest(values),
    )  # fmt: skip
