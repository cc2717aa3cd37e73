"""Make a Zarr store longer while others read it: new chunks first, the root's metadata last, in one conditional put.

Who opened the store before keeps the extent that it saw; the chunks at its end are replaced by ones that hold the same
values there. Who opens by consolidated metadata (xarray's default) sees the old extent or the new one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, Self

import numpy as np

from pangeo_forge.errors import TargetError
from pangeo_forge.plan.overlaps import Region
from pangeo_forge.plan.plan import ArrayPlan, Plan
from pangeo_forge.targets.chunks import ChunkStore, objects_in
from pangeo_forge.targets.conditional import Conflict, Tag, put_if, read_tagged
from pangeo_forge.targets.metadata import documents
from pangeo_forge.targets.objects import LocalObjects, ObjectStore
from pangeo_forge.targets.preview import preview
from pangeo_forge.targets.protocol import Changes, Written
from pangeo_forge.targets.zarr import check_store, root_attrs

COMMITS = {3: "zarr.json", 2: ".zmetadata"}
"""The object by which readers open: it is put last."""

SHAPING = ("shape", "data_type", "dtype", "chunk_grid", "chunks")
"""What of an array's metadata tells whether its chunks are ours."""


class Extension(Protocol):
    """What an append needs of a dataset that exists. Life: root, begin (driver), chunks (workers), commit (driver)."""

    @property
    def url(self) -> str:
        """Where the dataset is; holds no secret."""
        ...

    @property
    def keeps_chunks(self) -> bool:
        """Whether chunks that are put outlive a run that is killed, so that the next one need not put them again."""
        ...

    @property
    def chunks(self) -> ChunkStore:
        """Chunks of the window that tasks write."""
        ...

    @property
    def whole(self) -> ChunkStore:
        """Chunks of the dataset as it is."""
        ...

    def root(self) -> tuple[dict[str, Any], Self]:
        """Attributes of the root, and an extension of just this state of the dataset."""
        ...

    def begin(self, plan: Plan, origins: Mapping[str, tuple[int, ...]]) -> Self:
        """An extension to the dataset of ``plan``, whose tasks write a window that begins at ``origins`` (per array: number
        of its first object along each dim)."""
        ...

    def mend(self, plan: Plan) -> Self:
        """Bring what is there to the state that readers see, when a run died half-way; the extension of what is there then."""
        ...

    def check_there(self) -> None:
        """Raise when somebody has removed the dataset since its root was read."""
        ...

    def restore(
        self, arrays: Iterable[ArrayPlan], dim: str, put: Iterable[str], recorded: Container[str] | None
    ) -> None:
        """Take back what an append that failed has put."""
        ...

    def write_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Written:
        """Store a block from the driver itself."""
        ...

    def receive(self, changes: Changes) -> None:
        """Take what workers hand over."""
        ...

    def commit(
        self,
        plan: Plan,
        inspect: Callable[[Any], None] | None = None,
        guard: Callable[[], None] | None = None,
    ) -> None:
        """Check the longer dataset, then make it visible in one step."""
        ...


@dataclass(frozen=True)
class ZarrExtension:
    """A store that exists, to be made longer by one run. Picklable."""

    address: str
    zarr_format: int = 3
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    threads: int = 2
    origins: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Per array of the plan's window: the store's number of its first object along each dim."""
    expected: Tag = None
    """Of the root's document, as this run has read it."""
    keeps_chunks = True

    @cached_property
    def chunks(self) -> ChunkStore:
        """Chunks of the window."""
        return ChunkStore(self.address, self.storage_options, self.zarr_format, self.threads, self.origins)

    @cached_property
    def whole(self) -> ChunkStore:
        """Chunks of the whole store."""
        return ChunkStore(self.address, self.storage_options, self.zarr_format, self.threads)

    @property
    def _objects(self) -> ObjectStore:
        return self.whole.objects

    @property
    def url(self) -> str:
        """Where the store is; holds no secret."""
        return self._objects.url

    def root(self) -> tuple[dict[str, Any], ZarrExtension]:
        """The root's attributes, and the extension that commits only if the root is still as it is now.

        Raises
        ------
        TargetError: T050 when there is no store.
        """
        data, tag = read_tagged(self._objects, COMMITS[self.zarr_format])
        if data is None:
            raise TargetError("there is no store to append to", code="T050", where=self.url, hint="build it first")
        return root_attrs(data), replace(self, expected=tag)

    def begin(self, plan: Plan, origins: Mapping[str, tuple[int, ...]]) -> ZarrExtension:
        """The same for a window that begins at ``origins``; metadata come last."""
        return replace(self, origins=origins)

    def mend(self, plan: Plan) -> ZarrExtension:
        """Put metadata again that a run that died, or somebody else, has left other than ``plan`` (the state that readers see).

        Raises
        ------
        TargetError: T035 the arrays are not those of ``plan``: somebody has resized, removed or added one.
        """
        arrays, roots = documents(plan)
        data, tag = read_tagged(self._objects, COMMITS[self.zarr_format])
        root = json.loads(data or b"{}")
        known = (root.get("consolidated_metadata") or root).get("metadata")
        if known is not None:
            _refuse_others(self.url, plan, known, arrays)
            own = {key: self._objects.get(key) for key in arrays}
            if any(d is None or _said(json.loads(d)) != _said(known.get(_name(k))) for k, d in own.items()):
                for key, document in arrays.items():
                    self._objects.put(key, document)
            if ".zattrs" in known and json.loads(self._objects.get(".zattrs") or b"{}") != known[".zattrs"]:
                self._objects.put(".zattrs", json.dumps(known[".zattrs"], indent=2).encode())
            return self
        # Somebody has removed the consolidated metadata: readers fall back on the arrays' own, so these are the truth.
        own = {key: self._objects.get(key) for key in arrays}
        _refuse_others(self.url, plan, {_name(k): json.loads(d) for k, d in own.items() if d is not None}, arrays)
        fresh = json.loads(roots["zarr.json"])["consolidated_metadata"]
        put_if(self._objects, "zarr.json", json.dumps({**root, "consolidated_metadata": fresh}).encode(), tag)
        return self.root()[1]

    def check_there(self) -> None:
        """Nothing of the rest can be added to when the root is gone.

        Raises
        ------
        TargetError: T033.
        """
        if self._objects.get(COMMITS[self.zarr_format]) is None:
            raise removed("the store is gone", self.url)

    def restore(
        self, arrays: Iterable[ArrayPlan], dim: str, put: Iterable[str], recorded: Container[str] | None
    ) -> None:
        """Take back what an append that failed has put: readers never saw it, but later ones shall not find it.

        Parameters
        ----------
        arrays: as readers see them.
        put: keys of objects that the append has put.
        recorded: keys of objects that belong to what readers see; None: nothing tells, so what was put beyond the end
            stays there, unseen.
        """
        if self._objects.get(COMMITS[self.zarr_format]) is None:
            # Somebody has removed the store: what was put into it since is all that is left of it.
            arrays, recorded = (), ()
        elif recorded is None:
            put = ()
        for array in arrays:
            if dim not in array.dims:
                continue
            axis = array.dims.index(dim)
            length, step = array.shape[axis], array.granule[axis]
            if length % step:
                self._cut(array, axis, length // step * step)
        for key in put:
            if key not in (recorded or ()):
                self._objects.delete(key)

    def _cut(self, array: ArrayPlan, axis: int, first: int) -> None:
        """Write the last objects along an axis again, with the fill value beyond the array's end."""
        tail = tuple(slice(first if i == axis else 0, n) for i, n in enumerate(array.shape))
        for at in objects_in(array, tail):
            region = tuple(
                slice(i * g, min((i + 1) * g, n)) for i, g, n in zip(at, array.granule, array.shape, strict=True)
            )
            self.whole.write_block(array, region, self.whole.read_block(array, region))

    def write_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Written:
        """Store a block of the whole store."""
        return self.whole.write_block(array, region, values)

    def receive(self, changes: Changes) -> None:
        """Nothing: objects that are put are there."""

    def commit(
        self,
        plan: Plan,
        inspect: Callable[[Any], None] | None = None,
        guard: Callable[[], None] | None = None,
    ) -> None:
        """Open the store as it will be, then make the new extent visible.

        Parameters
        ----------
        inspect: called with the store as it will be.
        guard: called last of all before anything becomes visible; both may refuse.

        Raises
        ------
        TargetError: T030 it does not open as planned; T034 another run has changed the store since its root was read.
        """
        arrays, roots = documents(plan)
        complete = preview(self.address, {**arrays, **roots}, self.storage_options)
        check_store(complete, plan)
        if inspect is not None:
            inspect(complete)
        if guard is not None:
            guard()
        last = COMMITS[self.zarr_format]
        for key, data in {**arrays, **{k: v for k, v in roots.items() if k != last}}.items():
            self._objects.put(key, data)
        try:
            put_if(self._objects, last, roots[last], self.expected)
        except Conflict as error:
            raise TargetError(
                "another run has changed the store since this one began, so nothing was made visible",
                code="T034",
                where=self.url,
                hint="run again",
            ) from error
        if isinstance(self._objects, LocalObjects):
            self._objects.settle()


def removed(what: str, url: str) -> TargetError:
    """T033: somebody has removed what a run has written or read."""
    return TargetError(
        f"{what}: something removes it while the run writes",
        code="T033",
        where=url,
        hint="find out what (a clean-up job, a lifecycle rule, another program), then run again",
    )


def _name(key: str) -> str:
    """Name by which consolidated metadata know a document."""
    return key.removesuffix("/zarr.json")


def _refuse_others(url: str, plan: Plan, known: Mapping[str, Any], arrays: Mapping[str, bytes]) -> None:
    names = {name.rpartition("/")[0] if name.endswith(("/.zarray", "/.zattrs")) else name for name in known}
    names -= {".zgroup", ".zattrs"}
    wanted = {a.name for a in plan.arrays}
    odd = [f"{n} is not known" for n in sorted(names - wanted)] + [f"{n} is gone" for n in sorted(wanted - names)]
    for key, data in arrays.items():
        there, planned = known.get(_name(key)) or {}, json.loads(data)
        if _name(key) in known and any(there.get(k) != planned.get(k) for k in SHAPING):
            odd.append(f"{_name(key).removesuffix('/.zarray')} has another shape, dtype or chunks")
    if odd:
        raise TargetError(
            f"the store was changed by somebody else since it was written: {', '.join(odd)}",
            code="T035",
            where=url,
            hint="take that back, or build it anew with --rebuild",
        )


def _said(document: Any) -> Any:
    # zarr-python writes some keys with null here and leaves them out there.
    if not isinstance(document, dict):
        return document
    return {k: v for k, v in document.items() if v is not None}
