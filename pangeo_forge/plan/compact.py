"""JSON of what JSON has no words for: long integer arrays as runs, other arrays as compressed bytes, NaN and bytes
scalars.

A plan of a million inputs must be a file of kilobytes when the inputs are regular, and must give back every bit.
"""

from __future__ import annotations

import base64
import itertools
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

Json = Any


def integers_to_json(values: np.ndarray) -> Json:
    """A 1-D integer array as its first value and runs of equal steps; as compressed bytes when that is shorter."""
    values = np.asarray(values, np.int64)
    if len(values) == 0:
        return {"runs": []}
    steps = np.diff(values)
    edges = np.flatnonzero(np.diff(steps)) + 1 if len(steps) else np.zeros(0, np.int64)
    bounds = np.concatenate([[0], edges, [len(steps)]]) if len(steps) else np.zeros(1, np.int64)
    if len(bounds) > 64 and len(bounds) > len(values) // 16:
        # Steps of steps: lengths of months and the like repeat, so they compress well.
        return {"first": int(values[0]), "steps": _pack(steps), "count": len(values)}
    runs = [[int(steps[a]), int(b - a)] for a, b in itertools.pairwise(bounds)]
    return {"first": int(values[0]), "runs": runs}


def integers_from_json(data: Json) -> np.ndarray:
    """Inverse of :func:`integers_to_json`."""
    if "first" not in data:
        return np.zeros(0, np.int64)
    if "steps" in data:
        steps = np.frombuffer(_unpack(data["steps"]), "<i8")
    else:
        runs = np.asarray(data["runs"], np.int64).reshape(-1, 2)
        steps = np.repeat(runs[:, 0], runs[:, 1])
    return np.concatenate([[data["first"]], data["first"] + np.cumsum(steps)]).astype(np.int64)


def _pack(values: np.ndarray) -> str:
    data = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return base64.b64encode(zlib.compress(data.tobytes(), 6)).decode()


def _unpack(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))


def array_to_json(values: np.ndarray | None) -> Json:
    """Any array, bit-exact; strings as a list."""
    if values is None:
        return None
    if values.dtype.kind in "OUT":
        return {"dtype": "str", "shape": list(values.shape), "list": [str(v) for v in values.ravel()]}
    if values.dtype == np.dtype("<i8") and values.ndim == 1:
        return {"dtype": "<i8", "shape": list(values.shape), "integers": integers_to_json(values)}
    return {"dtype": values.dtype.newbyteorder("<").str, "shape": list(values.shape), "zlib": _pack(values)}


def array_from_json(data: Json) -> np.ndarray | None:
    """Inverse of :func:`array_to_json`."""
    if data is None:
        return None
    shape = tuple(data["shape"])
    if data["dtype"] == "str":
        result = np.empty(len(data["list"]), object)
        result[:] = data["list"]
        return result.reshape(shape)
    if "integers" in data:
        return integers_from_json(data["integers"]).reshape(shape)
    return np.frombuffer(_unpack(data["zlib"]), data["dtype"]).reshape(shape).copy()


def plain(value: Any) -> Json:
    """An attribute or scalar as what JSON can say: numpy scalars and arrays become numbers and lists, bytes become
    text."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def scalar_to_json(value: Any) -> Json:
    """A fill value; non-finite floats, bytes and complex numbers are tagged, so that they come back as they were."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, complex):
        return {"complex": [scalar_to_json(value.real), scalar_to_json(value.imag)]}
    return value


def scalar_from_json(data: Json) -> Any:
    """Inverse of :func:`scalar_to_json`."""
    if not isinstance(data, dict):
        return data
    if "float" in data:
        return float(data["float"])
    if "bytes" in data:
        return base64.b64decode(data["bytes"])
    real, imag = data["complex"]
    return complex(scalar_from_json(real), scalar_from_json(imag))


def attrs_to_json(value: Any) -> Json:
    """Plain attributes with non-finite floats tagged (strict JSON has none)."""
    if isinstance(value, dict):
        return {k: attrs_to_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [attrs_to_json(v) for v in value]
    return {"$float": repr(value)} if isinstance(value, float) and not math.isfinite(value) else value


def attrs_from_json(data: Json) -> Any:
    """Inverse of :func:`attrs_to_json`."""
    if isinstance(data, list):
        return [attrs_from_json(v) for v in data]
    if isinstance(data, dict):
        if set(data) == {"$float"}:
            return float(data["$float"])
        return {k: attrs_from_json(v) for k, v in data.items()}
    return data
