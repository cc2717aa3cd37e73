"""A folder in which workers and driver leave things for each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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

    def intermediate(self, threads: int) -> ChunkStore:
        """Where arrays between two passes are kept."""
        return ChunkStore(f"{self.url}/intermediate", self.storage_options, threads=threads)

    def clear(self) -> None:
        """Remove it and all that is in it."""
        self.objects.clear()
