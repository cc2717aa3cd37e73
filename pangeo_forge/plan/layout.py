"""What a recipe asks of the target's layout, as plain data.

The recipe's pydantic models stay out of the planner: :meth:`Layout.from_recipe` reads their attributes, and tests and
notebooks build a :class:`Layout` by hand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from pangeo_forge.errors import PlanError
from pangeo_forge.recipe.globs import settings_of

DEFAULT_CHUNK_BYTES = 50_000_000
"""Uncompressed bytes of one chunk in the dtype as stored. Packed data compresses about threefold, so an object is some
15 MB: large enough that a request's latency (~50 ms) costs less than its transfer, small enough for an interactive read
and for a task of several variables to stay within a few hundred MB."""

ZSTD_BLOCK = 1 << 19
"""Bytes that Blosc compresses at a time with zstd. Its own choice (32 kB at level 1) makes zstd begin anew so often that it
takes twice the CPU time, and stores up to 6 % more (benchmarks/README.md)."""

DEFAULT_COMPRESSOR: Mapping[str, Any] = {
    "name": "blosc", "cname": "zstd", "level": 1, "shuffle": "bitshuffle", "blocksize": ZSTD_BLOCK,
}  # fmt: skip
"""Measured on int16 sea surface temperatures: six times as fast as zarr's default zstd at a better ratio."""

_BYTES = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([kMGT]?)(i?)B?\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class VariableLayout:
    """What a recipe asks for one variable; None: as for all."""

    chunks: Mapping[str, int] | None = None
    shards: Mapping[str, int] | None = None
    compressor: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Layout:
    """Chunks, shards and codecs that a recipe asks for."""

    zarr_format: int = 3
    chunks: Mapping[str, int] | Literal["auto"] = "auto"
    """Chunk length per dimension, -1 or absent: the whole dimension; or ``auto``."""
    chunk_bytes: int = DEFAULT_CHUNK_BYTES
    """With ``auto``: most uncompressed bytes of a chunk, in the dtype as stored."""
    chunk_ratio: Mapping[str, float] = field(default_factory=dict)
    """With ``auto``: how often each dimension is divided relative to the others; -1 or absent: never."""
    shards: Mapping[str, int] | None = None
    """Shard length per dimension, a multiple of the chunk's; absent: one chunk; -1: the whole dimension."""
    shard_bytes: int | None = None
    compressor: Mapping[str, Any] | None = None
    """``{name: blosc | zstd | gzip | none, level: ...}``; None: the default."""
    variables: Mapping[str, VariableLayout] = field(default_factory=dict)
    attrs_set: Mapping[str, Any] = field(default_factory=dict)
    attrs_delete: tuple[str, ...] = ()
    append: str | None = None
    """Dimension along which later runs append."""
    consolidated: bool = True
    """Whether the root holds a copy of all arrays' metadata."""

    def of(self, name: str) -> VariableLayout:
        """What is asked for one variable, by its name or by globs."""
        found = VariableLayout()
        for entry in settings_of(name, self.variables):
            found = replace(found, **{f.name: v for f in fields(entry) if (v := getattr(entry, f.name)) is not None})
        return found

    @classmethod
    def from_recipe(cls, target: Any) -> Layout:
        """The layout of a recipe's ``target`` section (any object with the section's names as attributes)."""
        attrs = _plain(getattr(target, "attrs", None)) or {}
        chunk_bytes = getattr(target, "chunk_bytes", None)
        shard_bytes = getattr(target, "shard_bytes", None)
        chunks = getattr(target, "chunks", None)
        return cls(
            zarr_format=int(getattr(target, "zarr_format", None) or 3),
            chunks="auto" if chunks is None or chunks == "auto" else dict(chunks),
            chunk_bytes=DEFAULT_CHUNK_BYTES if chunk_bytes is None else parse_bytes(chunk_bytes),
            chunk_ratio=dict(getattr(target, "chunk_ratio", None) or {}),
            shards=getattr(target, "shards", None),
            shard_bytes=None if shard_bytes is None else parse_bytes(shard_bytes),
            compressor=_named(getattr(target, "compressor", None)),
            variables={k: _variable(v) for k, v in (getattr(target, "variables", None) or {}).items()},
            attrs_set=dict(attrs.get("set") or {}),
            attrs_delete=tuple(attrs.get("delete") or ()),
            append=getattr(target, "append", None),
            consolidated=bool(getattr(target, "consolidated", True)),
        )


def _variable(spec: Any) -> VariableLayout:
    return VariableLayout(
        chunks=getattr(spec, "chunks", None),
        shards=getattr(spec, "shards", None),
        compressor=_named(getattr(spec, "compressor", None)),
    )


def _named(compressor: Any) -> Any:
    return {"name": compressor} if isinstance(compressor, str) else _plain(compressor)


def _plain(value: Any) -> Any:
    """A pydantic model as a dict without its absent fields; anything else as it is."""
    return value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else value


def parse_bytes(text: str | int | float) -> int:
    """Bytes of ``50MB``, ``2 GiB``, ``400000``; SI units mean powers of 1000.

    Raises
    ------
    PlanError: P201 when it is not a size.
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return int(text)
    match = _BYTES.match(str(text))
    if not match:
        raise PlanError(f"{text!r} is not a size in bytes", code="P201", hint="write 50MB, 2GB, 512MiB or a number")
    number, prefix, binary = match.groups()
    power = " kmgt".index(prefix.lower()) if prefix else 0
    return int(float(number) * (1024 if binary else 1000) ** power)


def format_bytes(count: float) -> str:
    """Bytes for people: ``1.2 GB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(count) < 999.5 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.2g} {unit}"
        count /= 1000
    raise AssertionError("unreachable")
