"""A folder in which workers and driver leave things for each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.errors import TargetError
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.objects import FsspecObjects, LocalObjects, open_objects


@dataclass(frozen=True)
class Scratch:
    """A folder that the driver and all workers reach: a local one, or any fsspec URL."""

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def objects(self) -> LocalObjects | FsspecObjects:
        """What is in it."""
        return open_objects(self.url, self.storage_options)

    def put(self, name: str, data: bytes) -> None:
        """Leave an object, whole or not at all.

        Raises
        ------
        TargetError: T010 to T013, and what to do when it is the place of temporary files that fails.
        """
        try:
            self.objects.put(name, data)
        except TargetError as error:
            raise unusable(error, self.url) from error

    def intermediate(self, threads: int) -> ChunkStore:
        """Where arrays between two passes are kept."""
        return ChunkStore(f"{self.url}/intermediate", self.storage_options, threads=threads)

    def clear(self) -> None:
        """Remove it and all that is in it."""
        self.objects.clear()


def unusable(error: TargetError, where: str) -> TargetError:
    """What is wrong with the place of temporary files, in words that do not send the user to look at the target."""
    return TargetError(
        f"temporary files cannot be kept: {error.message}",
        code=error.code,
        where=where,
        hint="make room there, or name another place: TMPDIR in the environment, or `temp` of the bakery; then run again, "
        "what is done is kept",
    )
