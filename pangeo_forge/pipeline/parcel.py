"""Work as it travels to a worker: what the worker must be like in plain text, and the work itself as bytes.

The bytes are opened only after the versions were compared: with other versions they might not open at all, with an error
that tells nothing, or open to something else.
"""

from __future__ import annotations

import pickle
import socket
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar
from uuid import uuid4

from pangeo_forge.dataset.archive import Archive
from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.environment import DOCS, check_environment, check_requirements, environment
from pangeo_forge.pipeline.scratch import Scratch
from pangeo_forge.recipe.hooks import requirements_of

IN_GRAPH = 256 * 1024
"""Bytes of work that a pipeline's graph may hold."""


class Work(Protocol):
    """Anything that a step does to the inputs of an archive."""

    @property
    def archive(self) -> Archive:
        """The inputs."""
        ...


W = TypeVar("W", bound=Work)


@dataclass(frozen=True)
class Parcel(Generic[W]):
    """Work for a worker; its fields are text and bytes only."""

    environment: Mapping[str, str]
    """The driver's versions; empty for workers that are threads of the driver."""
    requirements: tuple[str, ...]
    """Of the recipe's hooks."""
    fingerprint: str
    """Of the recipe."""
    content: bytes = field(repr=False)
    depot: Scratch | None = None
    """Where the content is, when it is too large for a graph."""
    name: str = ""

    @classmethod
    def of(cls, work: W, *, travels: bool, depot: Scratch | None = None) -> Parcel[W]:
        """Pack ``work``.

        Parameters
        ----------
        travels: to other processes than this one.
        depot: a folder that all workers reach. Work on a million inputs takes 40 MB, and engines bound the size of a graph
            (Dataflow: 20 MB) or send it to each worker again and again.
        """
        recipe = work.archive.recipe
        needed = tuple(requirements_of(recipe.transforms)) if travels and work.archive.allow_python else ()
        content = pickle.dumps(work)
        made = cls(environment() if travels else {}, needed, recipe.fingerprint(), content)
        if not travels or depot is None or len(content) <= IN_GRAPH:
            return made
        name = f"work-{uuid4().hex}.pickle.z"
        depot.put(name, zlib.compress(content, 1))
        return replace(made, content=b"", depot=depot, name=name)

    def opened(self) -> W:
        """The work.

        Raises
        ------
        BakeryError: B100 other versions, B101 it cannot be opened here, B111 a hook's requirement is missing.
        """
        check_environment(self.environment)
        check_requirements(self.requirements, on_worker=True)
        try:
            work: W = pickle.loads(self._fetched())  # noqa: S301 - packed by the driver of this run
        except Exception as error:
            raise self._refused(f"{type(error).__name__}: {error}") from error
        if work.archive.recipe.fingerprint() != self.fingerprint:
            raise self._refused("the recipe has another fingerprint here")
        return work

    def _fetched(self) -> bytes:
        if self.depot is None:
            return self.content
        data = self.depot.objects.get(self.name)
        if data is None:
            raise FileNotFoundError(f"{self.depot.objects.url}/{self.name}; do driver and workers see the same `temp`?")
        return zlib.decompress(data)

    def _refused(self, why: str) -> BakeryError:
        return BakeryError(
            f"the worker on {socket.gethostname()} cannot open what the driver sent: {why}",
            code="B101",
            hint=f"install on the workers what the driver runs ({DOCS})",
        )
