"""Stored values turned into what they mean, and their digest: the same for equal values however they are stored."""

from __future__ import annotations

import hashlib

import numpy as np

from pangeo_forge.dataset import packing as cf
from pangeo_forge.dataset import time
from pangeo_forge.dataset.model import Packing, TimeUnits


def ticks_of(values: np.ndarray, packing: Packing, units: TimeUnits) -> np.ndarray:
    """Exact ticks of a time variable's stored numbers, or of the dates that a transform made of them."""
    if values.dtype.kind == "m":
        return values
    if values.dtype.kind == "M":
        return time.from_datetime64(values)
    if values.dtype.kind == "O":
        return time.from_cftime(values)[0]
    if packing.is_scaled or values.dtype.kind == "f":
        return time.decode(cf.decode(values, packing), units.units, units.calendar)
    plain = values.view(f"u{values.dtype.itemsize}") if packing.unsigned else values
    # Integers stay integers: xarray decodes them with their fill value as "not a time".
    ticks = (
        time.decode(plain, units.units, units.calendar)
        if not packing.fill_value and not packing.missing_value
        else None
    )
    if ticks is not None and packing.fill_value is None:
        return ticks
    missing = np.zeros(values.shape, bool)
    for fill in cf.masks(packing, values.dtype):
        missing |= values == fill
    masked = np.where(missing, np.int64(time.NAT), plain.astype(np.int64))
    return time.decode(masked, units.units, units.calendar)


def meaning(values: np.ndarray, packing: Packing, units: TimeUnits | None) -> np.ndarray:
    """Ticks for times, decoded floats for packed numbers, the values themselves otherwise."""
    return cf.decode(values, packing) if units is None else ticks_of(values, packing, units)


def strings(values: np.ndarray) -> np.ndarray:
    """Bytes of a fixed length, or objects, as objects that are ``str``: UTF-8, as netCDF says."""
    texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values.reshape(-1)]
    result = np.empty(values.size, dtype=object)
    result[:] = texts
    return result.reshape(values.shape)


def digest(meant: np.ndarray) -> str:
    """SHA-256 of values that :func:`meaning` gave: shape, dtype and values; all NaNs are one, and so are both zeros."""
    sha = hashlib.sha256(f"{meant.shape}".encode())
    if meant.dtype.kind in "OUST":
        sha.update("\0".join(strings(meant).reshape(-1)).encode("utf-8", "surrogatepass"))
        return sha.hexdigest()
    if meant.dtype.kind == "m":
        raw = meant.view(np.int64)
        if meant.dtype == "m8[ns]" and not np.any((raw % 1000 != 0) & ~np.isnat(meant)):
            meant = meant.astype("m8[us]")
        sha.update(meant.dtype.str.encode())
    else:
        sha.update(f"{meant.dtype.kind}{meant.dtype.itemsize}".encode())
    if meant.dtype.kind == "f":
        meant = np.where(np.isnan(meant), meant.dtype.type(np.nan), meant + 0.0)
    sha.update(np.ascontiguousarray(meant.astype(meant.dtype.newbyteorder("<"), copy=False)).tobytes())
    return sha.hexdigest()


def same(one: np.ndarray, two: np.ndarray, tolerance: float | None) -> bool:
    """Whether values are equal, or (numbers) within ``tolerance`` of each other."""
    if one.shape != two.shape:
        return False
    if tolerance and one.dtype.kind in "iuf" and two.dtype.kind in "iuf":
        return bool(np.allclose(one.astype("f8"), two.astype("f8"), rtol=0, atol=tolerance, equal_nan=True))
    if one.dtype.kind == "m":
        return digest(one) == digest(two)
    numeric = one.dtype.kind in "iuf" and two.dtype.kind in "iuf"
    return bool(np.array_equal(one, two, equal_nan=numeric))
