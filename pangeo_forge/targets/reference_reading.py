"""Kerchunk references read back, as what they were made of: byte ranges by input, and the chunks that are kept inside.

So that new inputs can be added without opening those that are referred to already.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pangeo_forge.errors import TargetError
from pangeo_forge.plan.plan import ArrayPlan
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.objects import ObjectStore
from pangeo_forge.targets.reference_placement import Piece


@dataclass(frozen=True)
class KnownReferences:
    """What references hold, but for their metadata."""

    pieces: tuple[Piece, ...] = ()
    inline: Mapping[str, bytes] = field(default_factory=dict)
    """Encoded chunks by key."""


def of_document(
    references: Mapping[str, Any], arrays: Sequence[ArrayPlan], referred: Mapping[str, Any]
) -> KnownReferences:
    """What a JSON document's ``refs`` hold.

    Parameters
    ----------
    arrays: of the dataset.
    referred: names of those that lie in the inputs.
    """
    rows: dict[str, list[tuple[tuple[int, ...], str, int, int]]] = {name: [] for name in referred}
    inline: dict[str, bytes] = {}
    kept = {a.name for a in arrays} - set(referred)
    for key, value in references.items():
        name, _, number = key.rpartition("/")
        if name in rows and isinstance(value, list):
            rows[name].append((_number(number, name, arrays), value[0], int(value[1]), int(value[2])))
        elif name in kept and not number.startswith(".") and isinstance(value, str):
            inline[key] = base64.b64decode(value[7:]) if value.startswith("base64:") else value.encode()
    pieces: list[Piece] = []
    for name, found in rows.items():
        if found:
            numbers, urls, offsets, sizes = zip(*found, strict=True)
            shaped = np.asarray(numbers, np.int64).reshape(len(found), -1)
            pieces += pieces_of(name, shaped, list(urls), np.asarray(offsets), np.asarray(sizes))
    return KnownReferences(tuple(pieces), inline)


def of_tables(objects: ObjectStore, arrays: Sequence[ArrayPlan], referred: Mapping[str, Any]) -> KnownReferences:
    """What a folder of Parquet tables holds.

    Raises
    ------
    TargetError: T065 a table is gone.
    """
    size = int(json.loads(objects.get(".zmetadata") or b"{}").get("record_size", 1))
    chunks, pieces, inline = ChunkStore("memory", {}, 2), list[Piece](), dict[str, bytes]()
    for array in arrays:
        grid = tuple(-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True))
        for first, table in _tables(objects, array.name, int(np.prod(grid, dtype=np.int64)), size):
            path, raw = table["path"].to_pylist(), table["raw"].to_pylist()
            if array.name in referred:
                here = np.flatnonzero([bool(p) for p in path])
                numbers = _unraveled(here + first, grid)
                offsets, sizes = (table[n].to_numpy()[here] for n in ("offset", "size"))
                pieces += pieces_of(array.name, numbers, [path[i] for i in here], offsets, sizes)
            else:
                for i, data in enumerate(raw):
                    inline[chunks.key(array, tuple(_unraveled(np.array([i + first]), grid)[0].tolist()))] = data
    return KnownReferences(tuple(pieces), inline)


def _tables(objects: ObjectStore, name: str, count: int, size: int) -> Iterator[tuple[int, Any]]:
    """Number of the first row, and the table."""
    import pyarrow.parquet as parquet

    for number in range(-(-count // size)):
        data = objects.get(f"{name}/refs.{number}.parq")
        if data is None:
            raise TargetError(
                f"the table {name}/refs.{number}.parq is gone",
                code="T065",
                where=objects.url,
                hint="build them anew with --rebuild",
            )
        # Rows beyond the end are of a run that died before it put the metadata.
        yield number * size, parquet.read_table(io.BytesIO(data)).slice(0, count - number * size)


def _unraveled(flat: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    if not grid:
        return np.zeros((len(flat), 0), np.int64)
    return np.stack(np.unravel_index(flat, grid), axis=-1).astype(np.int64)


def _number(text: str, name: str, arrays: Sequence[ArrayPlan]) -> tuple[int, ...]:
    # An array of no dimensions has the one chunk "0".
    if not next(a for a in arrays if a.name == name).dims:
        return ()
    return tuple(map(int, text.split(".")))


def pieces_of(
    name: str, numbers: np.ndarray, urls: Sequence[str], offsets: np.ndarray, sizes: np.ndarray
) -> list[Piece]:
    """Byte ranges by input.

    Parameters
    ----------
    numbers: of the chunks, one row each.
    """
    if not len(urls):
        return []
    names, which = np.unique(np.asarray(urls, object), return_inverse=True)
    order = np.argsort(which, kind="stable")
    edges = np.flatnonzero(np.diff(which[order])) + 1
    pieces = []
    for rows in np.split(order, edges):
        corner = numbers[rows].min(axis=0)
        shape = tuple((numbers[rows].max(axis=0) - corner + 1).tolist())
        found = np.full((2, *shape), -1, np.int64)
        at = tuple((numbers[rows] - corner).T)
        found[(0, *at)], found[(1, *at)] = offsets[rows], sizes[rows]
        pieces.append(Piece(name, str(names[which[rows[0]]]), tuple(corner.tolist()), found[0], found[1]))
    return pieces
