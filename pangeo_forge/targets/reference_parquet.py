"""Kerchunk references as Parquet: one table of path, offset, size and raw bytes per array, in parts that are read when
they are needed.

The layout is that of fsspec's ``LazyReferenceMapper``, which reads it. Its own writer leaves the path null where there
is none, which pandas 3 reads as NaN, and then nothing opens; here it is empty text there, and chunks that lie in no
input are kept as bytes, so that every chunk is either a reference or bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pangeo_forge.plan.plan import ArrayPlan, Plan
from pangeo_forge.targets.byte_ranges import ChunkForm
from pangeo_forge.targets.chunks import ChunkStore, objects_in
from pangeo_forge.targets.codec import fill_of
from pangeo_forge.targets.reference_placement import Forms
from pangeo_forge.targets.references import References

RECORD_SIZE = 100_000
"""References a file."""


def write_parquet(
    folder: Path,
    documents: Mapping[str, bytes],
    inline: Mapping[str, bytes],
    references: References,
    plan: Plan,
    forms: Forms,
) -> None:
    """Write all tables, and last the document that makes them open.

    Parameters
    ----------
    inline: encoded chunks by key; one that is not there is all fill value.
    """
    folder.mkdir(parents=True)
    for array in plan.arrays:
        if array.name in forms:
            for number, columns in enumerate(_tables(array, forms[array.name], references)):
                _write(folder / array.name / f"refs.{number}.parq", columns)
        elif math.prod(array.shape):
            for number, raw in enumerate(_kept(array, inline)):
                columns = _columns([""] * len(raw), np.zeros((2, len(raw)), np.int64), raw)
                _write(folder / array.name / f"refs.{number}.parq", columns)
    metadata = {key: json.loads(data) for key, data in documents.items()}
    text = json.dumps({"metadata": metadata, "record_size": RECORD_SIZE})
    (folder / ".zmetadata").write_text(text)


def _kept(array: ArrayPlan, inline: Mapping[str, bytes]) -> Iterator[list[bytes | None]]:
    """Chunks of an array that is kept as bytes, by table."""
    store, filled = ChunkStore("memory", {}, 2), None
    keys = [store.key(array, at) for at in objects_in(array, tuple(slice(0, n) for n in array.shape))]
    for start in range(0, len(keys), RECORD_SIZE):
        part = [inline.get(key) for key in keys[start : start + RECORD_SIZE]]
        if None in part and filled is None:
            filled = _filled(array, None)
        yield [filled if data is None else data for data in part]


def _tables(array: ArrayPlan, form: ChunkForm, references: References) -> Iterator[dict[str, Any]]:
    grid = tuple(-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True))
    count = math.prod(grid)
    urls, which = [""], np.zeros(count, np.int32)
    ranges = np.zeros((2, count), np.int64)
    for piece in references.pieces:
        if piece.array != array.name:
            continue
        there = piece.offsets >= 0
        at = [i + c for i, c in zip(np.nonzero(there), piece.corner, strict=True)]
        # An array of no dimensions has one chunk.
        flat = np.ravel_multi_index(tuple(at), grid) if grid else np.zeros(int(there.sum()), np.int64)
        urls.append(piece.url)
        which[flat] = len(urls) - 1
        ranges[0, flat], ranges[1, flat] = piece.offsets[there], piece.sizes[there]
    filled = _filled(array, form) if (which == 0).any() else None
    for start in range(0, count, RECORD_SIZE):
        part = slice(start, start + RECORD_SIZE)
        raw = [filled if w == 0 else None for w in which[part]]
        yield _columns([urls[w] for w in which[part]], ranges[:, part], raw)


def _filled(array: ArrayPlan, form: ChunkForm | None) -> bytes:
    """An encoded chunk that is all fill value."""
    fill = fill_of(array.dtype, array.fill_value, 2)
    if form is None:
        from pangeo_forge.targets.codec import ChunkCodec

        kind = object if array.dtype == "str" else array.dtype
        return ChunkCodec.of(array.dtype, array.compressor).encode(np.full(array.chunks, fill, kind))
    import numcodecs

    data: Any = np.full(form.chunks, 0 if fill is None else fill, form.dtype)
    for config in json.loads(form.codecs):
        data = numcodecs.get_codec(dict(config)).encode(data)
    return data.tobytes() if isinstance(data, np.ndarray) else bytes(data)


def _columns(paths: list[str], ranges: np.ndarray, raw: list[bytes | None]) -> dict[str, Any]:
    return {"path": paths, "offset": ranges[0], "size": ranges[1], "raw": raw}


def _write(path: Path, columns: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    kinds = {"path": pa.string(), "offset": pa.int64(), "size": pa.int64(), "raw": pa.binary()}
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})
    parquet.write_table(table, path, compression="zstd", use_dictionary=["path", "raw"])
