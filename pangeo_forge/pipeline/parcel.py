"""Work as it travels to a worker: what the worker must be like in plain text, and the work itself as bytes.

The bytes are opened only after the versions were compared: with other versions they might not open at all, with an error
that tells nothing, or open to something else.
"""

from __future__ import annotations

import pickle
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from pangeo_forge.dataset.archive import Archive
from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.environment import DOCS, check_environment, check_requirements, environment
from pangeo_forge.recipe.hooks import requirements_of


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

    @classmethod
    def of(cls, work: W, *, travels: bool) -> Parcel[W]:
        """Pack ``work``; ``travels``: to other processes than this one."""
        recipe = work.archive.recipe
        needed = tuple(requirements_of(recipe.transforms)) if travels and work.archive.allow_python else ()
        return cls(environment() if travels else {}, needed, recipe.fingerprint(), pickle.dumps(work))

    def opened(self) -> W:
        """The work.

        Raises
        ------
        BakeryError: B100 other versions, B101 it cannot be opened here, B111 a hook's requirement is missing.
        """
        check_environment(self.environment)
        check_requirements(self.requirements, on_worker=True)
        try:
            work: W = pickle.loads(self.content)  # noqa: S301 - packed by the driver of this run
        except Exception as error:
            raise self._refused(f"{type(error).__name__}: {error}") from error
        if work.archive.recipe.fingerprint() != self.fingerprint:
            raise self._refused("the recipe has another fingerprint here")
        return work

    def _refused(self, why: str) -> BakeryError:
        return BakeryError(
            f"the worker on {socket.gethostname()} cannot open what the driver sent: {why}",
            code="B101",
            hint=f"install on the workers what the driver runs ({DOCS})",
        )
