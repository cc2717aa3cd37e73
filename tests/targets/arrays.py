"""Arrays and values that tests write."""

from __future__ import annotations

from typing import Any

import numpy as np

from pangeo_forge.plan.plan import ArrayPlan
from pangeo_forge.plan.planner import compressor_of


def array_plan(
    shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str = "<i2", name: str = "a", **fields: Any
) -> ArrayPlan:
    """An array of dims d0, d1 ... with the default codec."""
    defaults: dict[str, Any] = {
        "shards": None,
        "compressor": compressor_of(None, dtype),
        "fill_value": None,
        "attrs": {},
    }
    dims = fields.pop("dims", tuple(f"d{i}" for i in range(len(shape))))
    return ArrayPlan(name, dims, shape, dtype, chunks, **{**defaults, **fields})


def values_of(array: ArrayPlan, seed: int = 0) -> np.ndarray:
    """Random values; about a third of the chunks-sized corners are fill value."""
    rng = np.random.default_rng(seed)
    if array.dtype == "str":
        result = np.empty(array.shape, object)
        result.ravel()[:] = [f"é{i % 7}" * (i % 3) for i in range(result.size)]
        return result
    raw = rng.integers(0, 100, array.shape)
    values = raw.astype(array.dtype)
    if array.fill_value is not None and array.shape:
        values[tuple(slice(0, c) for c in array.granule)] = array.fill_value
    return values


def whole(array: ArrayPlan) -> tuple[slice, ...]:
    """The region of all of it."""
    return tuple(slice(0, n) for n in array.shape)
