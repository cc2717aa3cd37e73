"""An Icechunk repository as target: a run is one commit, and readers of ``main`` see it only after it was verified.

::

    driver   create    session on main ─ fork: drop what was there, array metadata, known values
    workers  chunks    copy of the fork ─ chunks ─ handover: the changes, a few hundred bytes a chunk
    driver   receive   merge all
             commit    flush to a snapshot that no branch names ─ check, inspect ─ move main to it

The snapshot is flushed, not committed: until ``main`` is moved (conditionally: only from the commit at which the run
began) it is reachable by its id only, by which it is verified. A run that fails or is killed leaves ``main`` as it was,
and objects that Icechunk's garbage collection removes.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.errors import InternalError, TargetError
from pangeo_forge.plan.overlaps import Region
from pangeo_forge.plan.plan import ArrayPlan, Plan
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.icechunk_storage import (
    MAIN,
    SNAPSHOT,
    library_of_icechunk,
    open_repository,
    readable_store,
    storage_of,
    translated,
)
from pangeo_forge.targets.metadata import PROVENANCE, documents, provenance
from pangeo_forge.targets.objects import ObjectStore, is_local, local_path, open_objects
from pangeo_forge.targets.protocol import Changes, Written
from pangeo_forge.targets.zarr import check_store, stored_values
from pangeo_forge.version import package_versions

if TYPE_CHECKING:
    import icechunk


class SessionObjects:
    """The objects of a session's store: what :class:`ChunkStore` needs to put chunks into a repository."""

    def __init__(self, session: icechunk.Session, url: str) -> None:
        self._store, self.url = session.store, url

    def put(self, key: str, data: bytes | bytearray | memoryview) -> None:
        """Add an object to the session's changes."""
        from zarr.core.buffer import default_buffer_prototype

        with translated(self.url):
            self._run(self._store.set(key, default_buffer_prototype().buffer.from_bytes(bytes(data))))

    def get(self, key: str) -> bytes | None:
        """The object as this session sees it."""
        from zarr.core.buffer import default_buffer_prototype

        with translated(self.url):
            found: Any = self._run(self._store.get(key, default_buffer_prototype()))
            return None if found is None else bytes(found.to_bytes())

    def exists(self, key: str) -> bool:
        """Whether this session sees the object."""
        return bool(self._run(self._store.exists(key)))

    def delete(self, key: str) -> None:
        """Remove the object, if there is one."""
        with translated(self.url):
            self._run(self._store.delete(key))

    def list(self, prefix: str = "") -> Iterator[str]:
        """Not used of a repository."""
        raise NotImplementedError

    def is_empty(self) -> bool:
        """Whether this session sees nothing."""
        return bool(self._run(self._store.is_empty("")))

    def clear(self) -> None:
        """Drop everything that this session sees."""
        self._run(self._store.clear())

    @staticmethod
    def _run(coroutine: Any) -> Any:
        from zarr.core.sync import sync

        return sync(coroutine)


PARTS = {
    "attributes",
    "chunks",
    "config.yaml",
    "manifests",
    "overwritten",
    "refs",
    "repo",
    "snapshots",
    "transactions",
}
"""What lies at the top of a repository, in versions 1 and 2 of its format."""


@dataclass(frozen=True)
class ForkChanges:
    """A fork of a session with its changes (not the chunks: where they lie), as bytes."""

    data: bytes = field(repr=False)

    def merge(self, other: Changes) -> ForkChanges:
        """Both forks' changes in one."""
        if not isinstance(other, ForkChanges):
            raise InternalError("changes of different targets are merged", code="X022")
        fork = self.fork()
        fork.merge(other.fork())
        return ForkChanges(pickle.dumps(fork))

    def fork(self) -> Any:
        """A fork of its own with these changes."""
        return pickle.loads(self.data)  # noqa: S301 - made by this run's own driver or workers


@dataclass(frozen=True)
class ForkChunks(ChunkStore):
    """Chunks in a fork of a session; :meth:`handover` gives what was changed."""

    fork: Any = None

    @cached_property
    def objects(self) -> ObjectStore:
        """The fork's objects."""
        return SessionObjects(self.fork, self.url)

    def handover(self) -> ForkChanges:
        """The changes, for the driver to merge."""
        return ForkChanges(pickle.dumps(self.fork))


@dataclass(eq=False)
class IcechunkTarget:
    """A repository in which one run makes one commit. Picklable once created: workers get a fork of the session.

    Parameters
    ----------
    address: local path, ``s3://`` or ``gs://`` URL of the repository.
    run_id: names the run in the commit's metadata.
    storage_options: fsspec's; see :func:`storage_of`.
    threads: codec threads per process.
    """

    address: str
    run_id: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    threads: int = 2
    _session: icechunk.Session | None = field(default=None, repr=False)
    _fork: ForkChanges | None = field(default=None, repr=False)
    _new: bool = field(default=False, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        # A writable session stays with the driver; workers take the fork.
        return {**self.__dict__, "_session": None}

    @property
    def url(self) -> str:
        """Where the repository is; holds no secret."""
        return str(local_path(self.address)) if is_local(self.address) else open_objects(self.address).url

    # -- life --------------------------------------------------------------------------------------------------------

    def refuse(self, *, overwrite: bool = False) -> str | None:
        """Raise when what is at the address may not be replaced; changes nothing. ``ours`` or None as for Zarr.

        Raises
        ------
        TargetError: T001 it holds a dataset, T002 it is not ours.
        """
        repository = open_repository(self.address, self.storage_options)
        if repository is None:
            if not open_objects(self.address, self.storage_options).is_empty():
                raise self._foreign("there is something that is no Icechunk repository")
            return None
        root = root_of(repository)
        if root is None:
            return None
        if not any(key.startswith(PROVENANCE) for key in root):
            raise self._foreign("the repository was not made by this program")
        if not overwrite:
            raise TargetError(
                "the repository holds a dataset already",
                code="T001",
                where=self.url,
                hint="add --overwrite for a new commit in its place (the old one stays in the history), or choose another --target",
            )
        return "ours"

    def _foreign(self, why: str) -> TargetError:
        hint = "choose another --target, or remove it yourself"
        return TargetError(f"{why}, so it is not overwritten", code="T002", where=self.url, hint=hint)

    def create(self, plan: Plan, *, overwrite: bool = False) -> None:
        """Begin: open or make the repository and put array metadata and known values into a fork of a session.

        Raises
        ------
        TargetError: T001, T002 as :meth:`refuse`; T062 the repository cannot be used; T063 Zarr format 2.
        """
        if plan.zarr_format != 3:
            raise TargetError(
                "Icechunk keeps Zarr format 3 only", code="T063", where=self.url, hint="remove target.zarr_format"
            )
        self.refuse(overwrite=overwrite)
        library = library_of_icechunk(self.url)
        repository = open_repository(self.address, self.storage_options)
        with translated(self.url):
            if repository is None:
                repository = library.Repository.create(storage_of(self.address, self.storage_options))
                self._new = True
            self._session = repository.writable_session(MAIN)
            fork = self._session.fork()
        chunks = self._chunks(fork)
        chunks.objects.clear()
        for key, data in self.documents(plan).items():
            chunks.objects.put(key, data)
        for array in plan.arrays:
            if array.values is not None:
                chunks.write_block(array, tuple(slice(0, n) for n in array.shape), stored_values(array))
        self._fork = chunks.handover()

    @property
    def chunks(self) -> ForkChunks:
        """A writer with changes of its own: a new one each time, for one task at a time."""
        if self._fork is None:
            raise InternalError("blocks are written before the target was created", code="X021")
        return self._chunks(self._fork.fork())

    def write_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Written:
        """Store a block from the driver itself."""
        chunks = self.chunks
        written = chunks.write_block(array, region, values)
        self._fork = chunks.handover()
        return written

    def receive(self, changes: Changes) -> None:
        """Take what workers have changed."""
        if self._fork is None:
            raise InternalError("changes are received before the target was created", code="X021")
        self._fork = self._fork.merge(changes)

    def commit(
        self,
        plan: Plan,
        inspect: Callable[[Any], None] | None = None,
        guard: Callable[[], None] | None = None,
    ) -> None:
        """Merge what was changed, verify it as a snapshot of its own, and move ``main`` to it.

        Parameters
        ----------
        inspect: called with the snapshot as a read-only zarr store.
        guard: called last of all before ``main`` is moved.

        Raises
        ------
        TargetError: T030 it does not open as planned; T064 another run moved ``main`` meanwhile.
        """
        if self._session is None or self._fork is None:
            raise InternalError("a target is committed that was not created", code="X021")
        base, title = self._session.snapshot_id, plan.recipe.get("title") or plan.recipe.get("id") or "dataset"
        with translated(self.url):
            self._merge(plan)
            snapshot = self._session.flush(f"{title} (run {self.run_id})", commit_metadata(plan, self.run_id))
        complete = self._readable(f"{self.address}{SNAPSHOT}{snapshot}")
        check_store(complete, plan)
        if inspect is not None:
            inspect(complete)
        if guard is not None:
            guard()
        self._publish(snapshot, base)

    def abort(self) -> None:
        """Leave ``main`` as it was; remove the repository if this run made it and nobody has committed since."""
        self._session = self._fork = None
        if not self._new:
            return
        repository = open_repository(self.address, self.storage_options)
        if repository is None:
            self.discard_remains()
        elif root_of(repository) is None and len(list(repository.ancestry(branch=MAIN))) == 1:
            open_objects(self.address, self.storage_options).clear()

    def discard_remains(self) -> None:
        """Remove what is left of a repository that was half-made, or half removed, under a run of ours."""
        if open_repository(self.address, self.storage_options) is not None:
            return
        objects = open_objects(self.address, self.storage_options)
        keys = list(objects.list())
        if keys and all(key.partition("/")[0] in PARTS for key in keys):
            objects.clear()

    # -- parts -------------------------------------------------------------------------------------------------------

    def documents(self, plan: Plan) -> dict[str, bytes]:
        """All metadata documents by key."""
        arrays, roots = documents(plan)
        return {**_unconsolidated(roots), **arrays}

    def _merge(self, plan: Plan) -> None:
        """Bring all changes into the session that is committed."""
        if self._session is not None and self._fork is not None:
            self._session.merge(self._fork.fork())

    def _readable(self, address: str) -> Any:
        return readable_store(address, self.storage_options)

    def _chunks(self, fork: icechunk.Session) -> ForkChunks:
        return ForkChunks(self.url, {}, 3, self.threads, fork=fork)

    def _publish(self, snapshot: str, base: str) -> None:
        repository = open_repository(self.address, self.storage_options)
        if repository is None:
            raise TargetError("the repository was removed under the run", code="T062", where=self.url, hint="run again")
        with translated(self.url):
            if repository.lookup_branch(MAIN) == base:
                try:
                    repository.reset_branch(MAIN, snapshot, from_snapshot_id=base)
                except library_of_icechunk(self.url).IcechunkError:
                    # A lost answer to a put that worked looks like a conflict: what counts is where main is now.
                    if repository.lookup_branch(MAIN) == base:
                        raise
            moved = repository.lookup_branch(MAIN)
        if moved != snapshot and snapshot not in {s.id for s in repository.ancestry(branch=MAIN)}:
            raise TargetError(
                "another run has committed while this one wrote",
                code="T064",
                where=self.url,
                hint="its commit stays; run again if it is not what you want",
            )


def commit_metadata(plan: Plan, run_id: str) -> dict[str, Any]:
    """What a commit says of its run: id, recipe, fingerprint, versions."""
    said = {key.removeprefix(PROVENANCE): value for key, value in provenance(plan).items()}
    said["versions"] = {**said.get("versions", {}), **package_versions(["icechunk"])}
    return {"run_id": run_id, **said}


def root_of(repository: icechunk.Repository) -> dict[str, Any] | None:
    """Attributes of the root group at the head of ``main``; None when there is none."""
    objects = SessionObjects(repository.readonly_session(branch=MAIN), "")
    document = objects.get("zarr.json")
    return None if document is None else dict(json.loads(document).get("attributes") or {})


def _unconsolidated(roots: Mapping[str, bytes]) -> dict[str, bytes]:
    # A repository keeps all metadata in one object; a second copy could only be stale.
    document = json.loads(roots["zarr.json"])
    document.pop("consolidated_metadata", None)
    return {"zarr.json": json.dumps(document).encode()}
