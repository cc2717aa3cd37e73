"""References: byte ranges in the inputs in place of chunks, as they come from workers and go to writers."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import numpy as np

from pangeo_forge.errors import InternalError, TargetError
from pangeo_forge.plan.plan import Plan
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.protocol import Changes
from pangeo_forge.targets.reference_placement import Piece
from pangeo_forge.targets.zarr import stored_values

Target = tuple[Piece, int, int]
"""The piece (with the input's URL), offset, length."""


@dataclass(frozen=True)
class References:
    """The pieces that inputs give; merging joins them."""

    pieces: tuple[Piece, ...] = ()

    def merge(self, other: Changes) -> References:
        """Both together."""
        if not isinstance(other, References):
            raise InternalError("changes of different targets are merged", code="X022")
        return References(self.pieces + other.pieces)

    def of(self, array: str) -> Iterator[tuple[tuple[int, ...], Target]]:
        """Chunk number and byte range of every chunk that is there."""
        for piece in self.pieces:
            if piece.array != array:
                continue
            for at in np.argwhere(piece.offsets >= 0):
                local = tuple(int(i) for i in at)
                number = tuple(i + c for i, c in zip(local, piece.corner, strict=True))
                yield number, (piece, int(piece.offsets[local]), int(piece.sizes[local]))

    @property
    def urls(self) -> set[str]:
        """All inputs that are referred to."""
        return {piece.url for piece in self.pieces}

    def count(self) -> int:
        """Number of chunks that are there."""
        return sum(int((piece.offsets >= 0).sum()) for piece in self.pieces)

    def check(self, plan: Plan, names: Mapping[str, Any], known: tuple[str, int] | None = None) -> None:
        """No chunk may have two references, none may lie outside its array, and one without must mean "missing".

        Parameters
        ----------
        known: dimension, and length along it up to which there are references already.

        Raises
        ------
        InternalError: X023.
        TargetError: T032 an input is missing, and no value means missing.
        """
        for name in names:
            array = plan.array(name)
            grid = tuple(-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True))
            seen = np.zeros(grid, np.int32)
            if known is not None:
                dim, length = known
                seen[
                    tuple(
                        slice(-(-length // c) if d == dim else None)
                        for d, c in zip(array.dims, array.chunks, strict=True)
                    )
                ] = 1
            for piece in self.pieces:
                if piece.array == name:
                    part = [slice(c, c + n) for c, n in zip(piece.corner, piece.offsets.shape, strict=True)]
                    counts: np.ndarray = seen[tuple(part)]
                    if np.shape(counts) != piece.offsets.shape:
                        raise InternalError(f"a reference lies outside of {name}", code="X023", where=piece.url)
                    seen[tuple(part)] += 1
            if math.prod(grid) and seen.max() > 1:
                raise InternalError(f"a chunk of {name} has two references", code="X023")
            if math.prod(grid) and seen.min() < 1 and array.fill_value is None and np.dtype(array.dtype).kind in "iub":
                raise TargetError(
                    f"an input of {name} is missing and {array.dtype} has no value that means missing",
                    code="T032",
                    hint=f"set inputs.on_missing: fail, or use `format: zarr` with target.variables.{name}.fill_value",
                )


def references_of(changes: Changes | None) -> References:
    """What the workers handed over, as references."""
    return changes if isinstance(changes, References) else References()


@dataclass
class MemoryObjects:
    """Objects in a dict: chunks that are kept inside the references."""

    held: dict[str, bytes] = field(default_factory=dict)
    url = "memory"

    def put(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.held[key] = bytes(data)

    def get(self, key: str) -> bytes | None:
        """What is kept."""
        return self.held.get(key)

    def exists(self, key: str) -> bool:
        """Whether it is kept."""
        return key in self.held

    def delete(self, key: str) -> None:
        """Forget it."""
        self.held.pop(key, None)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys under a prefix."""
        return (k for k in self.held if k.startswith(prefix))

    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self.held

    def clear(self) -> None:
        """Forget all."""
        self.held.clear()


def inline_chunks(plan: Plan, threads: int = 1) -> dict[str, bytes]:
    """Encoded chunks, by key, of the arrays whose values are known: coordinates and small variables.

    Raises
    ------
    TargetError: T070 the values of an array are neither referenced nor known.
    """
    held = MemoryObjects()
    store = ChunkStore("memory", {}, plan.zarr_format, threads)
    store.__dict__["objects"] = held
    for array in plan.arrays:
        if array.values is not None:
            store.write_block(array, tuple(slice(0, n) for n in array.shape), stored_values(array))
    return held.held


def kerchunk_mapping(
    documents: Mapping[str, bytes],
    inline: Mapping[str, bytes],
    references: References,
    plan: Plan,
    names: Mapping[str, Any],
) -> dict[str, Any]:
    """Kerchunk's version 1 references: documents as text, known chunks in base64, the others as [URL, offset, length]."""
    found: dict[str, Any] = {k: v.decode() for k, v in documents.items()}
    for key, data in inline.items():
        found[key] = "base64:" + base64.b64encode(data).decode()
    chunks = ChunkStore("memory", {}, 2)
    for name in names:
        array = plan.array(name)
        for number, (piece, offset, length) in references.of(name):
            found[chunks.key(array, number)] = [piece.url, offset, length]
    return found


def modified_at(text: str | None) -> datetime | None:
    """The moment that a server (RFC 9110) or a file system (ISO 8601) names; None when it is not understood."""
    if not text:
        return None
    try:
        found = parsedate_to_datetime(text) if "," in text else datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def public_url(url: str, where: str, also: frozenset[str] = frozenset()) -> str:
    """An input's URL as it goes into references: its own, absolute, without anything secret.

    Raises
    ------
    TargetError: T075 it holds something secret.
    """
    from pangeo_forge.inputs.fetch.address import local_path, redact_url

    path = local_path(url)
    if path is not None:
        from pathlib import Path

        return Path(path).absolute().as_uri()
    if redact_url(url, also=also) != url:
        raise TargetError(
            "the input's URL holds a user, a password or a key, which would be published in the references",
            code="T075",
            where=where,
            hint="take it out of the URL (`fetch.auth`), or use `format: zarr`",
        )
    return url
