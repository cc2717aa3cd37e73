"""Where the messages of a GRIB variable lie in a file, for references to them: each message is one chunk.

Readers of references decode messages by kerchunk's ``grib`` codec, which knows less than cfgrib: not the rows that run to
and fro, and it takes 9999 for missing. So each message is decoded both ways here, and refused where they differ. All of this
runs in an isolated process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pangeo_forge.errors import TargetError

Places = tuple[tuple[int, ...], str, np.ndarray, np.ndarray]
"""Shape, dtype, offsets and sizes of the messages in the shape of the grid of chunks (offset -1: there is none)."""

_REMEDY = "use `format: zarr`, which copies the values"


def message_places(path: str, select: Mapping[str, Any], extra: Mapping[str, Any], name: str) -> Places:
    """Byte ranges of the messages of one variable.

    Raises
    ------
    TargetError: T073 a message holds several fields, has no length, or decodes otherwise by the codec of readers.
    """
    from pangeo_forge.inputs.openers.grib import opened_strictly, told_length

    data = opened_strictly(path, select, extra).variables[name].data
    shape = tuple(int(n) for n in data.shape)
    header, field = shape[: -data.geo_ndim], shape[-data.geo_ndim :]
    grid = (*header, *(1 for _ in field))
    offsets, sizes = np.full(grid, -1, np.int64), np.zeros(grid, np.int64)
    dtype = np.dtype(data.dtype)
    with open(path, "rb") as file:
        for place, found in data.field_id_index.items():
            if not isinstance(found[0], int):
                raise _refused(name, "a message holds several fields")
            file.seek(found[0])
            head = file.read(16)
            size = told_length(head)
            if head[:4] != b"GRIB" or size is None:
                raise _refused(name, f"the message at byte {found[0]} does not tell its length")
            file.seek(found[0])
            ours = np.asarray(data[(*([i] for i in place), *(slice(None) for _ in field))]).reshape(field)
            theirs = decode(file.read(size), dtype)
            if theirs.size != math.prod(field) or not np.array_equal(ours, theirs.reshape(field), equal_nan=True):
                why = f"the message at byte {found[0]} means other values to readers of references than to cfgrib"
                raise _refused(name, f"{why} (9999, which they take for missing, or an order of its own)")
            at = (*(int(i) for i in place), *(0 for _ in field))
            offsets[at], sizes[at] = found[0], size
    return shape, dtype.str, offsets, sizes


def _refused(name: str, why: str) -> TargetError:
    return TargetError(f"{name} cannot be referenced: {why}", code="T073", hint=_REMEDY)


def decode(message: bytes, dtype: Any) -> np.ndarray:
    """Values of a message as kerchunk's codec gives them: missing ones NaN, in the order of the message."""
    import eccodes

    handle = eccodes.codes_new_from_message(message)
    try:
        values = eccodes.codes_get_array(handle, "values")
        missing = eccodes.codes_get_string(handle, "missingValue")
        if missing:
            values[values == float(missing)] = np.nan
        return np.asarray(values).astype(dtype, copy=False)
    finally:
        eccodes.codes_release(handle)
