"""Make a dataset in an Icechunk repository longer: new chunks and the arrays' new shapes in one commit.

The same as :mod:`pangeo_forge.targets.extend` does for a Zarr store, with nothing to order or to take back: readers see
``main``, which moves once, and what a run that failed has put is in no snapshot.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pangeo_forge.errors import InternalError, TargetError
from pangeo_forge.plan.plan import ArrayPlan, Plan
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.icechunk_repository import ForkChanges, ForkChunks, IcechunkTarget
from pangeo_forge.targets.icechunk_storage import MAIN, open_repository, translated

if TYPE_CHECKING:
    import icechunk


@dataclass(eq=False)
class IcechunkExtension(IcechunkTarget):
    """A repository whose dataset is made longer by one run, in one commit. Picklable once its root was read."""

    origins: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Per array of the plan's window: the store's number of its first object along each dim."""
    keeps_chunks = False
    """Chunks of a session that was not committed are lost with it."""

    def root(self) -> tuple[dict[str, Any], IcechunkExtension]:
        """The root's attributes at the head of ``main``, on which all that follows is based.

        Raises
        ------
        TargetError: T050 when there is no dataset.
        """
        repository = open_repository(self.address, self.storage_options)
        if repository is not None:
            with translated(self.url):
                self._session = repository.writable_session(MAIN)
                self._fork = ForkChanges(pickle.dumps(self._session.fork()))
            document = self.whole.objects.get("zarr.json")
            if document is not None:
                return dict(json.loads(document).get("attributes") or {}), self
        raise TargetError("there is no dataset to append to", code="T050", where=self.url, hint="build it first")

    @property
    def whole(self) -> ChunkStore:
        """Chunks of the whole dataset."""
        return self.chunks

    def begin(self, plan: Plan, origins: Mapping[str, tuple[int, ...]]) -> IcechunkExtension:
        """The same for a window that begins at ``origins``; the session gets the new shapes, as it takes no chunk beyond."""
        chunks = self.chunks
        for key, data in self.documents(plan).items():
            chunks.objects.put(key, data)
        return replace(self, origins=origins, _fork=chunks.handover())

    def mend(self, plan: Plan) -> IcechunkExtension:
        """Nothing is torn, as a commit is whole; but somebody else may have committed.

        Raises
        ------
        TargetError: T035 the arrays are not those of ``plan``.
        """
        import zarr

        if self._session is None:
            raise InternalError("a dataset is mended before its root was read", code="X021")
        with translated(self.url):
            found = {name: array.shape for name, array in zarr.open_group(self._session.store, mode="r").arrays()}
        wanted = {a.name: a.shape for a in plan.arrays}
        odd = sorted(n for n in {*found, *wanted} if found.get(n) != wanted.get(n))
        if odd:
            raise TargetError(
                f"somebody else has committed to the repository since the last run: {', '.join(odd)} changed",
                code="T035",
                where=self.url,
                hint="set main back to the last run's commit, or build it anew with --rebuild",
            )
        return self

    def check_there(self) -> None:
        """The library tells when it reads what is gone (T062)."""

    def restore(
        self, arrays: Iterable[ArrayPlan], dim: str, put: Iterable[str], recorded: Container[str] | None
    ) -> None:
        """Nothing: what was not committed is not there."""

    def _chunks(self, fork: icechunk.Session) -> ForkChunks:
        return ForkChunks(self.url, {}, 3, self.threads, self.origins, fork)
