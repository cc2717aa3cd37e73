"""A Zarr store (v3 or v2) as target.

Local stores are built in a hidden folder beside their place and renamed at commit, so they appear whole or not at all.
Object stores have no rename: there the root's metadata, without which nothing opens, is put last.
"""

from __future__ import annotations

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
from pangeo_forge.targets.chunks import NOTHING, ChunkStore, Pending
from pangeo_forge.targets.metadata import PROVENANCE, STATE, documents
from pangeo_forge.targets.objects import LocalObjects, ObjectStore, is_local, local_path, open_objects, write_error
from pangeo_forge.targets.preview import preview
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
    workshop: str | None = None
    """Local stores: folder to build in, on the same file system; default: a hidden one beside the store."""

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
        if self.workshop is not None:
            return str(local_path(self.workshop))
        return str(self._place.with_name(f".{self._place.name}.partial-{self.run_id}"))

    @cached_property
    def chunks(self) -> ChunkStore:
        """The chunks of the store while it is built."""
        return ChunkStore(self.building_url, self.storage_options, self.zarr_format, self.threads)

    @property
    def _objects(self) -> ObjectStore:
        return self.chunks.objects

    # -- life --------------------------------------------------------------------------------------------------------

    def create(self, plan: Plan, *, overwrite: bool = False) -> Written:
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
        written = NOTHING
        for array in plan.arrays:
            if array.values is not None:
                written += self.write_block(array, tuple(slice(0, n) for n in array.shape), stored_values(array))
        return written

    def has_begun(self) -> bool:
        """Whether this run's unfinished store is there, so that what its journal says is true."""
        return Path(self.building_url).is_dir() if self.is_local else self._mark() == self.run_id

    def tidy(self) -> None:
        """Remove what a run leaves when it is killed just after its store became visible."""
        if self.is_local:
            shutil.rmtree(self.building_url, ignore_errors=True)
        elif self._mark() == self.run_id:
            self._objects.delete(MARK)

    def write_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Written:
        """Store a block (see :meth:`ChunkStore.write_block`)."""
        return self.chunks.write_block(array, region, values)

    def start_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Pending:
        """Begin to store a block (see :meth:`ChunkStore.start_block`)."""
        return self.chunks.start_block(array, region, values)

    def commit(
        self,
        plan: Plan,
        inspect: Callable[[Any], None] | None = None,
        guard: Callable[[], None] | None = None,
    ) -> None:
        """Check the complete store with a fresh open, then make it visible: the root's metadata last, and (local) the
        folder renamed to its place.

        Parameters
        ----------
        inspect: called with the complete store (anything that zarr opens) before it is visible; when it raises, nothing
            that opens is left.
        guard: called last of all before the store becomes visible; may raise, too.

        Raises
        ------
        TargetError: T030 when what was written does not open as planned; nothing that opens is left then.
        """
        _, roots = documents(plan)
        complete = preview(self.building_url, roots, self.storage_options, consolidated=plan.consolidated)
        check_store(complete, plan)
        if inspect is not None:
            inspect(complete)
        if guard is not None:
            guard()
        for key, data in roots.items():
            self._objects.put(key, data)
        if isinstance(self._objects, LocalObjects):
            self._objects.settle()
            self._rename()
        else:
            self._objects.delete(MARK)

    def discard_dead(self) -> None:
        """Clear what another run has left unfinished at the address. Only for who holds the dataset's lease."""
        if self.is_local:
            for folder in self._place.parent.glob(f".{self._place.name}.partial-*"):
                if str(folder) != self.building_url:
                    shutil.rmtree(folder, ignore_errors=True)
            return
        mark = self._mark()
        if mark is not None and mark != self.run_id:
            if any(self._objects.exists(key) for key in ROOTS):
                self._objects.delete(MARK)
            else:
                self._objects.clear()

    def state(self) -> str | None:
        """The state that the finished store at the address says it is in; None when there is none."""
        return state_of(LocalObjects(self._place) if self.is_local else self._objects)

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
        TargetError: T001 it exists, T002 it exists and is not ours, T010-T012 nothing can be written there (local).
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
        if self.is_local:
            LocalObjects(self.building_url).try_out()
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
        try:
            if not place.exists() or not any(place.iterdir()):
                os.rename(building, place)
                return
            if exchange(building, place):
                # What was replaced has the building's name now.
                shutil.rmtree(building, ignore_errors=True)
                return
            aside = place.with_name(f".{place.name}.replaced-{self.run_id}")
            os.rename(place, aside)
            try:
                os.rename(building, place)
            except OSError:
                os.rename(aside, place)
                raise
        except OSError as error:
            raise write_error(error, self.url, 0) from error
        shutil.rmtree(aside, ignore_errors=True)


def exchange(one: Path, two: Path) -> bool:
    """Swap two folders in one step, so that there is no moment without either; False where the system cannot.

    ``renameat2(2)`` with RENAME_EXCHANGE: Linux 3.15 and later, on ext4, xfs, btrfs, tmpfs and others.
    """
    import ctypes

    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    here, swap = -100, 2
    return int(call(here, os.fsencode(one), here, os.fsencode(two), swap)) == 0


def state_of(objects: ObjectStore) -> str | None:
    """The state that a store's root attributes name."""
    for key in (*ROOTS[:2], ".zattrs"):
        data = objects.get(key)
        if data is not None and (attrs := root_attrs(data)):
            return attrs.get(STATE)
    return None


def is_ours(document: bytes | None) -> bool:
    """Whether a root metadata document says that this program made the store."""
    return document is not None and f"{PROVENANCE}version" in root_attrs(document)


def root_attrs(document: bytes) -> dict[str, Any]:
    """The root attributes that a root metadata document holds; none when it is not one."""
    try:
        data = json.loads(document)
    except ValueError:
        return {}
    if not isinstance(data, dict):
        return {}
    attrs = data.get("attributes") or data.get("metadata", {}).get(".zattrs") or data
    return attrs if isinstance(attrs, dict) else {}


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


def check_store(url: Any, plan: Plan, storage_options: Mapping[str, Any] | None = None) -> None:
    """Open the store (its address, or a zarr store) afresh with zarr-python and compare every array's description and the known values with the plan.

    Raises
    ------
    TargetError: T030.
    """
    import zarr

    options = dict(storage_options or {}) if isinstance(url, str) and not is_local(url) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # Stores that keep all metadata in one place of their own (Icechunk, references) have no second copy of it.
            consolidated = getattr(url, "supports_consolidated_metadata", True)
            group = zarr.open_group(url, mode="r", storage_options=options, use_consolidated=consolidated)
            found = dict(group.arrays())
            if set(found) != {a.name for a in plan.arrays}:
                raise _damaged(url, f"it holds {sorted(found)}, not {sorted(a.name for a in plan.arrays)}")
            for array in plan.arrays:
                _check_array(url, array, found[array.name])
        except TargetError:
            raise
        except Exception as error:  # whatever the libraries say of what they cannot read
            raise _damaged(url, f"it does not open: {type(error).__name__}: {error}") from error


def _check_array(url: Any, array: ArrayPlan, found: Any) -> None:
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


def _damaged(url: Any, why: str) -> TargetError:
    return TargetError(
        f"the store is not what was planned: {why}",
        code="T030",
        where=url if isinstance(url, str) and is_local(url) else None,
        hint="run again; report it if it stays",
    )
