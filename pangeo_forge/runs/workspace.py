"""What an unfinished run keeps in the dataset's home, so that the next one goes on where it stopped.

A workspace is named by a digest of the plan and of the inputs. The same work finds it again; other work removes it,
once it holds the dataset's lease.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pangeo_forge.plan.plan import Plan
from pangeo_forge.runs.place import Place
from pangeo_forge.targets.journal import TaskJournal
from pangeo_forge.targets.objects import is_local, open_objects
from pangeo_forge.targets.zarr import ZarrTarget

FOLDER = "work"
ABOUT = "build.json"


@dataclass(frozen=True)
class Workspace:
    """The folder of one piece of work."""

    place: Place
    id: str

    @classmethod
    def of(cls, place: Place, plan: Plan, state: str) -> Workspace:
        """The workspace of a plan that leads to a state of the dataset."""
        digest = hashlib.sha256(plan.to_json().encode())
        digest.update(state.encode())
        return cls(place, digest.hexdigest()[:16])

    @property
    def _folder(self) -> str:
        return f"{FOLDER}/{self.id}"

    @property
    def journal(self) -> TaskJournal:
        """Marks of tasks that are done."""
        return TaskJournal(f"{self.place.home}/{self._folder}/tasks", self.place.options)

    @property
    def intermediate(self) -> str | None:
        """Where arrays between two passes are kept; None: they are not worth keeping, on the far side of a network."""
        return f"{self.place.home}/{self._folder}/intermediate" if is_local(self.place.home) else None

    @property
    def store(self) -> str | None:
        """Where a local store is built before it is renamed to its place."""
        return f"{self.place.home}/{self._folder}/store" if is_local(self.place.home) else None

    def begin(self, version: str, ending: str | None = None) -> dict[str, Any]:
        """What is known of this work: the version that an earlier run has begun, or ``version`` now.

        Parameters
        ----------
        ending: of the version's name, for formats that are not continued: what a killed run has left is removed.
        """
        known = self._about()
        if known is None:
            known = {"version": version, "committing": False, **({"format": ending} if ending else {})}
            self._note(known)
        return known

    def committing(self, about: dict[str, Any]) -> None:
        """Note that the store becomes visible now."""
        self._note({**about, "committing": True})

    def clear(self) -> None:
        """The work is done, or not to be continued."""
        self.place.objects.delete(f"{self._folder}/{ABOUT}")
        open_objects(f"{self.place.home}/{self._folder}", self.place.options).clear()

    def clear_others(self) -> None:
        """Remove what other runs have left: this one holds the lease, so nobody continues them."""
        for other in unfinished(self.place):
            if other != self.id:
                Workspace(self.place, other).discard()

    def discard(self) -> None:
        """Remove this unfinished work, and the version that it was building."""
        about = self._about()
        if about is not None and about.get("format"):
            self._discard_version(about)
        elif about is not None and self.place.store is None and about.get("version"):
            address, options = self.place.url_of(about["version"]), self.place.options
            if not is_local(address) and self.place.current() != address:
                ZarrTarget(address, self.id, storage_options=options).abort()
        self.clear()

    def _discard_version(self, about: dict[str, Any]) -> None:
        """Remove the version below a root that a killed run was making in a format that has no workshop."""
        address = f"{self.place.home}/{about['version']}{about['format']}"
        if self.place.store is None and self.place.current() != address:
            open_objects(address, self.place.options).clear()

    @property
    def is_append(self) -> bool:
        """Whether it was making a store longer, not building one."""
        about = self._about()
        return about is not None and not about.get("version")

    @property
    def version(self) -> str | None:
        """The version that is being built; None: none."""
        about = self._about()
        return None if about is None else about.get("version") or None

    def _about(self) -> dict[str, Any] | None:
        data = self.place.objects.get(f"{self._folder}/{ABOUT}")
        return None if data is None else json.loads(data)

    def _note(self, about: dict[str, Any]) -> None:
        self.place.objects.put(f"{self._folder}/{ABOUT}", json.dumps(about).encode())


def unfinished(place: Place) -> list[str]:
    """Ids of all workspaces in a home."""
    return sorted({key.split("/")[1] for key in place.objects.list(FOLDER) if key.count("/") > 1})
