"""The DAP 2 protocol (NASA ESDS-RFC-004): descriptions (DDS), attributes (DAS) and binary answers (DODS)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

TYPES: dict[str, np.dtype[Any]] = {
    "Byte": np.dtype(">u1"),
    "Int16": np.dtype(">i4"),
    "UInt16": np.dtype(">u4"),
    "Int32": np.dtype(">i4"),
    "UInt32": np.dtype(">u4"),
    "Float32": np.dtype(">f4"),
    "Float64": np.dtype(">f8"),
}
"""How values travel (XDR): 16-bit integers take four bytes; bytes are packed."""

NATIVE: dict[str, np.dtype[Any]] = {
    "Byte": np.dtype("u1"),
    "Int16": np.dtype("i2"),
    "UInt16": np.dtype("u2"),
    "Int32": np.dtype("i4"),
    "UInt32": np.dtype("u4"),
    "Float32": np.dtype("f4"),
    "Float64": np.dtype("f8"),
    "String": np.dtype(object),
    "Url": np.dtype(object),
}

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]=;:,]|[^\s{}\[\]=;:,"]+')


class Dap2Error(ValueError):
    """An answer that is not what the protocol says."""


@dataclass(frozen=True)
class Dap2Array:
    """One array of a DDS."""

    name: str
    kind: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    path: str
    """What a request calls it: ``grid.array`` for the array of a grid."""


@dataclass
class Dap2Description:
    """A parsed DDS."""

    arrays: dict[str, Dap2Array] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """Sequences and structures, which are no arrays."""


class _Tokens:
    def __init__(self, text: str) -> None:
        self.items = _TOKEN.findall(text)
        self.at = 0

    def peek(self) -> str:
        if self.at >= len(self.items):
            raise Dap2Error("the answer ends too early")
        return str(self.items[self.at])

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if expected is not None and token != expected:
            raise Dap2Error(f"{expected!r} expected, {token!r} found")
        self.at += 1
        return token


def parse_dds(text: str) -> Dap2Description:
    """The arrays of a dataset; maps of grids are arrays of their own.

    Raises
    ------
    Dap2Error: not a DDS.
    """
    tokens = _Tokens(text)
    if tokens.take().lower() != "dataset":
        raise Dap2Error(f"not a DDS: it begins {text[:40]!r}")
    tokens.take("{")
    found = Dap2Description()
    while tokens.peek() != "}":
        _declaration(tokens, found)
    return found


def _declaration(tokens: _Tokens, found: Dap2Description) -> None:
    kind = tokens.take()
    if kind == "Grid":
        _grid(tokens, found)
    elif kind in ("Structure", "Sequence"):
        tokens.take("{")
        inner = Dap2Description()
        while tokens.peek() != "}":
            _declaration(tokens, inner)
        tokens.take("}")
        name = unquote(tokens.take())
        while tokens.take() != ";":
            pass
        found.left_out.append(f"{kind} {name}")
    else:
        array = _array(tokens, kind)
        found.arrays[array.name] = array


def _array(tokens: _Tokens, kind: str) -> Dap2Array:
    if kind not in NATIVE:
        raise Dap2Error(f"unknown type {kind!r}")
    name = tokens.take()
    dims, shape = [], []
    while tokens.peek() == "[":
        tokens.take("[")
        first = tokens.take()
        if tokens.peek() == "=":
            tokens.take("=")
            dims.append(unquote(first))
            first = tokens.take()
        else:
            dims.append(f"phony_dim_{len(dims)}")
        shape.append(_length(first))
        tokens.take("]")
    tokens.take(";")
    return Dap2Array(unquote(name), kind, tuple(dims), tuple(shape), name)


def _length(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**62:
        raise Dap2Error(f"a dimension of length {text[:40]!r}")
    return int(text)


def _grid(tokens: _Tokens, found: Dap2Description) -> None:
    tokens.take("{")
    parts: list[Dap2Array] = []
    for label in ("array", "maps"):
        if tokens.take().lower() != label:
            raise Dap2Error(f"a grid without {label}")
        tokens.take(":")
        while tokens.peek() != "}" and (not parts or label == "maps"):
            parts.append(_array(tokens, tokens.take()))
    tokens.take("}")
    name = tokens.take()
    tokens.take(";")
    main, maps = parts[0], parts[1:]
    found.arrays[unquote(name)] = Dap2Array(unquote(name), main.kind, main.dims, main.shape, f"{name}.{main.path}")
    for part in maps:
        made = Dap2Array(part.name, part.kind, part.dims, part.shape, f"{name}.{part.path}")
        known = found.arrays.setdefault(part.name, made)
        if known.shape != part.shape:
            raise Dap2Error(f"the maps {part.name!r} of two grids differ in length")


def parse_das(text: str) -> dict[str, dict[str, Any]]:
    """Attributes by variable; containers within containers get names joined by dots.

    Raises
    ------
    Dap2Error: not a DAS.
    """
    tokens = _Tokens(text)
    if tokens.take().lower() != "attributes":
        raise Dap2Error(f"not a DAS: it begins {text[:40]!r}")
    tokens.take("{")
    found: dict[str, dict[str, Any]] = {}
    while tokens.peek() != "}":
        name = unquote(tokens.take())
        if tokens.peek() == "{":
            _container(tokens, found.setdefault(name, {}), "")
        else:
            _attribute(tokens, name, found.setdefault("NC_GLOBAL", {}), "")
    return found


def _container(tokens: _Tokens, attrs: dict[str, Any], prefix: str) -> None:
    tokens.take("{")
    while tokens.peek() != "}":
        first = tokens.take()
        if tokens.peek() == "{":
            _container(tokens, attrs, f"{prefix}{unquote(first)}.")
        else:
            _attribute(tokens, first, attrs, prefix)
    tokens.take("}")


def _attribute(tokens: _Tokens, kind: str, attrs: dict[str, Any], prefix: str) -> None:
    name = unquote(tokens.take())
    values = []
    while (token := tokens.take()) != ";":
        if token != ",":  # noqa: S105 - of a grammar
            values.append(token)
    attrs[prefix + name] = _value(kind, values)


def _value(kind: str, values: list[str]) -> Any:
    if kind in ("String", "Url") or kind not in NATIVE:
        texts = [re.sub(r"\\(.)", r"\1", v[1:-1]) if v.startswith('"') else v for v in values]
        return texts[0] if len(texts) == 1 else texts
    dtype = NATIVE[kind]
    try:
        numbers = np.array([float(v) for v in values] if dtype.kind == "f" else [int(v) for v in values])
    except (ValueError, OverflowError):
        raise Dap2Error(f"an attribute of type {kind} with the value {', '.join(values)[:60]!r}") from None
    # Some servers write a Byte of -1 for 255.
    made = numbers.astype(dtype)
    return made[0] if len(made) == 1 else made


def constraint(array: Dap2Array, region: tuple[slice, ...]) -> str:
    """The query of a request for a region: ``[start:step:last]`` an axis, ends included."""
    parts = "".join(f"[{s.start}:{s.step or 1}:{range(s.start, s.stop, s.step or 1)[-1]}]" for s in region)
    # Brackets are coded: Tomcat, on which many servers run, refuses them as they are.
    return quote(f"{array.path}{parts}", safe=":.%_-~,")


def parse_dods(answer: bytes, array: Dap2Array, shape: tuple[int, ...]) -> np.ndarray:
    """Values of one array in an answer to ``constraint``.

    Raises
    ------
    Dap2Error: the answer is cut, or of another shape than was asked for.
    """
    head, found, data = answer.partition(b"\nData:\n")
    if not found:
        head, found, data = answer.partition(b"Data:\r\n")
    if not found:
        raise Dap2Error(f"not a DODS answer: it begins {answer[:60]!r}")
    declared = re.findall(rb"=\s*(\d+)\]|\[(\d+)\]", head.split(b";")[0])
    if tuple(int(a or b) for a, b in declared) != shape:
        raise Dap2Error(f"the server answered shape {declared} to a request for {shape}")
    if array.dims:
        count, data = _count(data), data[4:]
        if array.kind not in ("String", "Url"):
            if _count(data) != count:
                raise Dap2Error("the two counts of an array differ")
            data = data[4:]
    else:
        count = 1
    if count != int(np.prod(shape, dtype=np.int64)):
        raise Dap2Error(f"the server sent {count} values for shape {shape}")
    if array.kind in ("String", "Url"):
        return _strings(data, count).reshape(shape)
    dtype = TYPES[array.kind]
    if len(data) < count * dtype.itemsize:
        raise Dap2Error("the answer is cut short")
    values: np.ndarray = np.frombuffer(data, dtype, count).astype(NATIVE[array.kind]).reshape(shape)
    return values


def _count(data: bytes) -> int:
    if len(data) < 4:
        raise Dap2Error("the answer is cut short")
    return int.from_bytes(data[:4], "big")


def _strings(data: bytes, count: int) -> np.ndarray:
    made = np.empty(count, object)
    position = 0
    for i in range(count):
        size = _count(data[position : position + 4])
        text = data[position + 4 : position + 4 + size]
        if len(text) < size:
            raise Dap2Error("the answer is cut short")
        made[i] = text.decode("utf-8", "replace")
        position += 4 + (size + 3) // 4 * 4
    return made
