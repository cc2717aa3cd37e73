"""Blocks of arrays to and from objects: split into chunks, encode in threads, put; and back.

Used for targets and for intermediate arrays alike. Writing a block twice stores the same objects.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from pangeo_forge.errors import InternalError, TargetError
from pangeo_forge.plan.grid import itemsize
from pangeo_forge.plan.overlaps import Overlap, Region
from pangeo_forge.plan.plan import ArrayPlan
from pangeo_forge.targets import sharding
from pangeo_forge.targets.buffers import BLOCKS
from pangeo_forge.targets.codec import ChunkCodec, fill_of, is_all_fill
from pangeo_forge.targets.objects import ObjectStore, open_objects
from pangeo_forge.targets.protocol import Changes, Written, digest_of

NOTHING = Written(0, 0, 0, 0)


@dataclass(frozen=True)
class Pending:
    """A block on its way to the store."""

    futures: tuple[Future[Written], ...]

    def result(self) -> Written:
        """Wait until all chunks are stored; raises what any of them raised, after all have ended."""
        done, failed = NOTHING, None
        for future in self.futures:
            try:
                done += future.result()
            except Exception as error:  # noqa: BLE001  # raised below, when no thread reads the block any more
                failed = failed or error
        if failed is not None:
            raise failed
        return done


_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def codec_pool(threads: int) -> ThreadPoolExecutor:
    """The process's pool of ``threads`` codec threads, made on first use."""
    # Keyed by process: a forked child inherits the dict but not the threads.
    key = (os.getpid(), threads)
    if key not in _pools:
        _pools.setdefault(key, ThreadPoolExecutor(threads, thread_name_prefix="codec"))
    return _pools[key]


@dataclass(frozen=True)
class ChunkStore:
    """Arrays as chunk objects under one root: ``<root>/<array>/<chunk key>``. Picklable; holds no open handle.

    Parameters
    ----------
    url: local folder or fsspec URL.
    threads: codec threads of this process.
    """

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    zarr_format: int = 3
    threads: int = 2
    origins: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of arrays that are a window of longer ones (append): the number of the window's first object along each dim."""

    @cached_property
    def objects(self) -> ObjectStore:
        """The objects."""
        return open_objects(self.url, self.storage_options)

    def write_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Written:
        """Store ``values`` in ``region``, a union of whole chunks (shards); returns when all is stored."""
        return self.start_block(array, region, values).result()

    def start_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Pending:
        """Begin to store a block: chunks are encoded and put by the codec threads. ``values`` must not change until
        ``result()``."""
        _check(array, region, values)
        pool = codec_pool(self.threads)
        return Pending(tuple(pool.submit(self._write, array, at, region, values) for at in objects_in(array, region)))

    def handover(self) -> Changes | None:
        """What the driver must be given for the chunks to count; None: objects that are put are there."""
        return None

    def read_block(self, array: ArrayPlan, region: Region, out: np.ndarray | None = None) -> np.ndarray:
        """Values in any region of an array; the fill value where nothing is stored."""
        shape = tuple(s.stop - s.start for s in region)
        if out is None:
            out = BLOCKS.take(shape, np.dtype(object if array.dtype == "str" else array.dtype))
        pool = codec_pool(self.threads)
        futures = [pool.submit(self._read, array, at, region, out) for at in objects_in(array, region)]
        failed = [f.exception() for f in futures]
        for error in failed:
            if error is not None:
                raise error
        return out

    def key(self, array: ArrayPlan, at: Sequence[int]) -> str:
        """Key of the object (chunk or shard) number ``at``."""
        if array.name in self.origins:
            at = [i + o for i, o in zip(at, self.origins[array.name], strict=True)]
        if self.zarr_format == 2:
            return f"{array.name}/{'.'.join(map(str, at)) or '0'}"
        return "/".join([array.name, "c", *map(str, at)])

    # -- one object --------------------------------------------------------------------------------------------------

    def _write(self, array: ArrayPlan, at: tuple[int, ...], region: Region, values: np.ndarray) -> Written:
        fill = fill_of(array.dtype, array.fill_value, self.zarr_format)
        chunk, key = _whole(array, at, region, values, fill), self.key(array, at)
        raw, codec = chunk.size * itemsize(array.dtype), ChunkCodec.of(array.dtype, array.compressor)
        data: bytes | bytearray | None
        if array.shards is None:
            count, stored = 1, int(not is_all_fill(chunk, fill))
            data = codec.encode(chunk) if stored else None
        else:
            slots: list[Any] = [(*r, ...) for r in sharding.chunks_in(array.shards, array.chunks)]
            parts = [chunk[slot] for slot in slots]
            count, (data, stored) = (
                len(parts),
                sharding.join(None if is_all_fill(p, fill) else codec.encode(p) for p in parts),
            )
        if not stored or data is None:
            # A retry may find what an earlier try, with other inputs, had stored.
            self.objects.delete(key)
            return Written(0, count, raw, 0)
        self.objects.put(key, data)
        return Written(stored, count - stored, raw, len(data), {key: digest_of(data)})

    def _read(self, array: ArrayPlan, at: tuple[int, ...], region: Region, out: np.ndarray) -> None:
        there, here = [], []
        for i, g, s in zip(at, array.granule, region, strict=True):
            low, high = max(i * g, s.start), min((i + 1) * g, s.stop)
            there.append(slice(low - i * g, high - i * g))
            here.append(slice(low - s.start, high - s.start))
        target, key = out[tuple(here)] if here else out, self.key(array, at)
        data = self.objects.get(key)
        if data is None:
            fill = fill_of(array.dtype, array.fill_value, self.zarr_format)
            if fill is None:
                raise TargetError(
                    f"the object {key} is not there", code="T022", where=self.objects.url, hint="run again"
                )
            target[...] = fill
            return
        codec = ChunkCodec.of(array.dtype, array.compressor)
        if (
            array.shards is None
            and target.shape == array.granule
            and target.flags.c_contiguous
            and target.dtype == array.dtype
        ):
            codec.decode(data, array.chunks, out=target)
            return
        target[...] = self._decode(array, data, codec, key)[tuple(there)]

    def _decode(self, array: ArrayPlan, data: bytes, codec: ChunkCodec, key: str) -> np.ndarray:
        if array.shards is None:
            return codec.decode(data, array.chunks)
        fill = fill_of(array.dtype, array.fill_value, self.zarr_format)
        whole = np.full(array.shards, fill, object if array.dtype == "str" else array.dtype)
        regions = sharding.chunks_in(array.shards, array.chunks)
        for part, region in zip(sharding.split(data, len(regions), key), regions, strict=True):
            if part is not None:
                whole[region] = codec.decode(bytes(part), array.chunks)
        return whole


def new_block(array: ArrayPlan, region: Region, pieces: Sequence[Overlap], zarr_format: int = 3) -> np.ndarray:
    """A buffer for a region: uninitialised where ``pieces`` cover it, else the value that means missing.

    Raises
    ------
    TargetError: T032 when an input is missing and the array has no value that means missing.
    """
    shape = tuple(s.stop - s.start for s in region)
    kind = np.dtype(object) if array.dtype == "str" else np.dtype(array.dtype)
    covered = sum(math.prod(s.stop - s.start for s in p.block) for p in pieces)
    if covered == math.prod(shape) and array.dtype != "str":
        return BLOCKS.take(shape, kind)
    if array.fill_value is None and kind.kind not in "fcOSU":
        raise TargetError(
            f"an input of {array.name} is missing and {array.dtype} has no value that means missing",
            code="T032",
            hint=f"give it one: target.variables.{array.name}.fill_value, or set inputs.on_missing: fail",
        )
    fill = fill_of(array.dtype, array.fill_value, zarr_format)
    return np.full(shape, {"O": "", "S": b"", "U": ""}.get(kind.kind) if fill is None else fill, kind)


def objects_in(array: ArrayPlan, region: Region) -> Iterator[tuple[int, ...]]:
    """Numbers of the objects (chunks or shards) that a region touches, in C order."""
    return itertools.product(
        *(range(s.start // g, -(-s.stop // g)) for s, g in zip(region, array.granule, strict=True))
    )


def _whole(array: ArrayPlan, at: tuple[int, ...], region: Region, values: np.ndarray, fill: Any) -> np.ndarray:
    """The values of one object, padded with the fill value where it reaches over the array's end."""
    slices = [
        slice(i * g - s.start, min((i + 1) * g, s.stop) - s.start)
        for i, g, s in zip(at, array.granule, region, strict=True)
    ]
    # The ellipsis keeps a scalar an array.
    key: Any = (*slices, ...)
    part: np.ndarray = values[key]
    if part.shape == array.granule:
        return part
    whole = np.zeros(array.granule, part.dtype) if fill is None else np.full(array.granule, fill, part.dtype)
    if fill is None and array.dtype == "str":
        whole[...] = ""
    whole[tuple(map(slice, part.shape))] = part
    return whole


def _check(array: ArrayPlan, region: Region, values: np.ndarray) -> None:
    shape = tuple(s.stop - s.start for s in region)
    aligned = all(
        s.start % g == 0 and (s.stop % g == 0 or s.stop == n)
        for s, g, n in zip(region, array.granule, array.shape, strict=True)
    )
    kind = np.dtype(object) if array.dtype == "str" else np.dtype(array.dtype)
    same = array.dtype == "str" or values.dtype == kind or values.dtype.newbyteorder("<") == kind
    if not aligned or values.shape != shape or not same:
        raise InternalError(
            f"block {shape} {values.dtype} at {[(s.start, s.stop) for s in region]} is not a union of whole objects "
            f"{array.granule} of {array.name} {array.shape} {array.dtype}",
            code="X020",
        )
