"""Attributes as plain Python values that JSON can hold, and their comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain_attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes with numpy scalars, arrays, bytes and broken text turned into plain Python."""
    return {_text(str(name)): plain(value) for name, value in attrs.items()}


def plain(value: Any) -> Any:
    """One attribute's value: str, int, float, bool, None, or a list of these.

    One-element arrays become their element, as netCDF has no scalars apart from them. Bytes that are no UTF-8 are read
    as Latin-1; lone surrogates, which no JSON may hold, become the replacement character.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, np.generic):
        return plain(value.item())
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, np.ndarray):
        return plain(value.reshape(-1)[0]) if value.size == 1 else [plain(v) for v in value.reshape(-1).tolist()]
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, Mapping):
        return plain_attrs(value)
    return _text(str(value))


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _text(text: str) -> str:
    return str(text) if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def canonical(value: Any) -> str:
    """Equal for equal values and only for those; NaN equals NaN, 1 is not "1", 1 equals 1.0."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return json.dumps(value, sort_keys=True, default=str)
