"""A Zarr store (v3 or v2) as target.

Local stores are built in a hidden folder beside their place and renamed at commit, so they appear whole or not at all.
Object stores have no rename: there the root's metadata, without which nothing opens, is put last.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pangeo_forge.errors import TargetError
from pangeo_forge.plan.overlaps import Region
from pangeo_forge.plan.plan import ArrayPlan, Plan
from pangeo_forge.targets.chunks import ChunkStore, Pending
from pangeo_forge.targets.metadata import PROVENANCE, documents
from pangeo_forge.targets.objects import LocalObjects, ObjectStore, is_local, local_path, open_objects, write_error
from pangeo_forge.targets.protocol import Written

MARK = ".pangeo-forge-building"
"""Object that marks an unfinished store on an object store: the run that builds it."""

ROOTS = ("zarr.json", ".zmetadata", ".zgroup")
"""Any of these makes a store open."""


@dataclass(frozen=True)
class ZarrTarget:
    """A Zarr store to be built by one run. Picklable; holds no open handle.

    Parameters
    ----------
    address: local path or fsspec URL of the store itself.
    run_id: names the run (letters, digits, ``-``, ``_``). The same id continues where an earlier try stopped.
    zarr_format: 3 or 2, as in the plan.
    storage_options: for fsspec; never shown.
    threads: codec threads per process.
    """

    address: str
    run_id: str
    zarr_format: int = 3
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    threads: int = 2

    @property
    def url(self) -> str:
        """Where the store is after commit; holds no secret."""
        return str(self._place) if self.is_local else open_objects(self.address).url

    @property
    def is_local(self) -> bool:
        """Whether the store is a folder of this machine."""
        return is_local(self.address)

    @property
    def _place(self) -> Path:
        return local_path(self.address)

    @property
    def building_url(self) -> str:
        """Where the store is while it is built."""
        if not self.is_local:
            return self.address
        return str(self._place.with_name(f".{self._place.name}.partial-{self.run_id}"))

    @cached_property
    def chunks(self) -> ChunkStore:
        """The chunks of the store while it is built."""
        return ChunkStore(self.building_url, self.storage_options, self.zarr_format, self.threads)

    @property
    def _objects(self) -> ObjectStore:
        return self.chunks.objects

    # -- life --------------------------------------------------------------------------------------------------------

    def create(self, plan: Plan, *, overwrite: bool = False) -> None:
        """Begin: refuse what may not be replaced, write array metadata and the values that are known.

        Blocks that an earlier try of the same run has written are kept.

        Raises
        ------
        TargetError: T001 it exists, T002 it exists and is not ours, T003 another run builds there, T010-T012 it
        cannot be written.
        """
        there = self.refuse(overwrite=overwrite)
        if not self.is_local:
            self._take(there, overwrite)
        arrays, _ = documents(plan)
        for key, data in arrays.items():
            self._objects.put(key, data)
        for array in plan.arrays:
            if array.values is not None:
                self.write_block(array, tuple(slice(0, n) for n in array.shape), stored_values(array))

    def write_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Written:
        """Store a block (see :meth:`ChunkStore.write_block`)."""
        return self.chunks.write_block(array, region, values)

    def start_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Pending:
        """Begin to store a block (see :meth:`ChunkStore.start_block`)."""
        return self.chunks.start_block(array, region, values)

    def commit(self, plan: Plan, inspect: Callable[[str], None] | None = None) -> None:
        """Put the root's metadata last, check with a fresh open, and (local) rename the store to its place.

        Parameters
        ----------
        inspect: called with the address of the complete store before it is at its place (on an object store: as soon as
            it opens); when it raises, nothing that opens is left.

        Raises
        ------
        TargetError: T030 when what was written does not open as planned; nothing that opens is left then.
        """
        _, roots = documents(plan)
        for key, data in roots.items():
            self._objects.put(key, data)
        try:
            check_store(self.building_url, plan, self.storage_options)
            if inspect is not None:
                inspect(self.building_url)
        except BaseException:
            for key in roots:
                self._objects.delete(key)
            raise
        if isinstance(self._objects, LocalObjects):
            self._objects.settle()
            self._rename()
        else:
            self._objects.delete(MARK)

    def abort(self) -> None:
        """Remove what this run has made; a finished store stays."""
        if self.is_local or self._mark() == self.run_id:
            self._objects.clear()

    # -- what is there before ----------------------------------------------------------------------------------------

    def refuse(self, *, overwrite: bool = False) -> str | None:
        """Raise when what is at the address may not be replaced; changes nothing.

        Returns ``ours`` when a store of ours is there, else None.

        Raises
        ------
        TargetError: T001 it exists, T002 it exists and is not ours.
        """
        there = self._existing()
        if there == "foreign":
            raise TargetError(
                "there is something that this program did not make, so it is not overwritten",
                code="T002",
                where=self.url,
                hint="choose another --target, or remove it yourself",
            )
        if there == "ours" and not overwrite:
            raise TargetError(
                "the store exists already",
                code="T001",
                where=self.url,
                hint="add --overwrite, or choose another --target",
            )
        return there

    def _existing(self) -> str | None:
        """``ours``, ``foreign`` or None: what is at the final address."""
        if self.is_local and not self._place.exists():
            return None
        place: ObjectStore = LocalObjects(self._place) if self.is_local else self._objects
        if any(is_ours(place.get(key)) for key in (*ROOTS, ".zattrs")):
            return "ours"
        if self.is_local and not self._place.is_dir():
            return "foreign"
        if not self.is_local and self._mark() is not None:
            return None
        return None if place.is_empty() else "foreign"

    def _mark(self) -> str | None:
        data = self._objects.get(MARK)
        return None if data is None else str(json.loads(data).get("run_id"))

    def _take(self, there: str | None, overwrite: bool) -> None:
        """Mark the place on an object store as ours, and clear it unless this run's own chunks are there."""
        mark = self._mark()
        if mark is not None and mark != self.run_id and not overwrite:
            raise TargetError(
                f"run {mark} is building a store here, or was stopped before its end",
                code="T003",
                where=self.url,
                hint=f"continue it, or add --overwrite to discard it (run id {mark})",
            )
        if there is not None or mark not in (None, self.run_id):
            for key in ROOTS:
                self._objects.delete(key)
            self._objects.clear()
        self._objects.put(MARK, json.dumps({"run_id": self.run_id}).encode())

    def _rename(self) -> None:
        place, building = self._place, Path(self.building_url)
        aside = place.with_name(f".{place.name}.replaced-{self.run_id}")
        try:
            replaced = place.exists() and any(place.iterdir())
            if replaced:
                os.rename(place, aside)
            try:
                os.rename(building, place)
            except OSError:
                if replaced:
                    os.rename(aside, place)
                raise
        except OSError as error:
            raise write_error(error, self.url, 0) from error
        with contextlib.suppress(OSError):
            shutil.rmtree(aside)


def is_ours(document: bytes | None) -> bool:
    """Whether a root metadata document says that this program made the store."""
    if document is None:
        return False
    try:
        data = json.loads(document)
    except ValueError:
        return False
    attrs = data.get("attributes") or data.get("metadata", {}).get(".zattrs") or data
    return isinstance(attrs, dict) and f"{PROVENANCE}version" in attrs


def stored_values(array: ArrayPlan) -> np.ndarray:
    """Known values of an array in its stored dtype; refuses to change one."""
    values = np.asarray(array.values)
    if array.dtype == "str":
        return values.astype(object).reshape(array.shape)
    cast = values.astype(array.dtype).reshape(array.shape)
    if values.dtype.kind in "iuf" and not np.array_equal(
        cast, values.reshape(array.shape), equal_nan=values.dtype.kind == "f"
    ):
        raise TargetError(
            f"values of {array.name} do not fit its dtype {array.dtype}",
            code="T031",
            hint="choose a wider dtype in the recipe",
        )
    return cast


def check_store(url: str, plan: Plan, storage_options: Mapping[str, Any] | None = None) -> None:
    """Open the store afresh with zarr-python and compare every array's description and the known values with the plan.

    Raises
    ------
    TargetError: T030.
    """
    import zarr

    options = dict(storage_options or {}) if not is_local(url) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            group = zarr.open_group(url, mode="r", storage_options=options, use_consolidated=True)
            found = dict(group.arrays())
            if set(found) != {a.name for a in plan.arrays}:
                raise _damaged(url, f"it holds {sorted(found)}, not {sorted(a.name for a in plan.arrays)}")
            for array in plan.arrays:
                _check_array(url, array, found[array.name])
        except TargetError:
            raise
        except Exception as error:  # whatever the libraries say of what they cannot read
            raise _damaged(url, f"it does not open: {type(error).__name__}: {error}") from error


def _check_array(url: str, array: ArrayPlan, found: Any) -> None:
    if tuple(found.shape) != array.shape or tuple(found.chunks) != array.chunks or found.shards != array.shards:
        raise _damaged(
            url, f"{array.name} is {found.shape} in chunks {found.chunks}, not {array.shape} in {array.chunks}"
        )
    if array.values is None or not all(array.shape):
        return
    wanted, values = stored_values(array), np.asarray(found[...])
    same = (
        [str(v) for v in values.ravel()] == [str(v) for v in wanted.ravel()]
        if array.dtype == "str"
        else values.dtype == wanted.dtype and values.tobytes() == wanted.tobytes()
    )
    if not same:
        raise _damaged(url, f"the values of {array.name} do not read back as written")


def _damaged(url: str, why: str) -> TargetError:
    return TargetError(
        f"the store is not what was planned: {why}",
        code="T030",
        where=url if is_local(url) else None,
        hint="run again; report it if it stays",
    )
