"""What is done of a build, in one small object a task, so that a run that was killed goes on where it stopped.

A task's mark is put after its last chunk, so a mark means that all its chunks are stored. It also holds size and CRC of
each, which ``verify --full`` compares later. The journal is named by a digest of the whole plan and of the inputs: a
build that differs in anything finds no marks and begins anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pangeo_forge.targets.objects import ObjectStore, open_objects
from pangeo_forge.targets.protocol import Written

READERS = 16
"""Marks that are read at once: on an object store each costs a request's latency."""


@dataclass(frozen=True)
class TaskJournal:
    """Marks of finished tasks under one folder. Picklable."""

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def _objects(self) -> ObjectStore:
        return open_objects(self.url, self.storage_options)

    def mark(self, stage: int, number: int, written: Written) -> None:
        """Note that a task is done, and what it wrote."""
        row = [written.chunks, written.empty, written.bytes_raw, written.bytes_stored, dict(written.objects)]
        self._objects.put(f"{stage}/{number}.json", json.dumps(row, separators=(",", ":")).encode())

    def done(self) -> dict[tuple[int, int], Written]:
        """All tasks that are done, by stage and number, and what they wrote."""
        keys = [k for k in self._objects.list() if k.endswith(".json")]
        with ThreadPoolExecutor(READERS) as pool:
            found = zip(keys, pool.map(self._objects.get, keys), strict=True)
            return {_place(k): _written(data) for k, data in found if data is not None}

    def clear(self) -> None:
        """Forget all."""
        self._objects.clear()


def _place(key: str) -> tuple[int, int]:
    stage, number = key.removesuffix(".json").split("/")
    return int(stage), int(number)


def _written(data: bytes) -> Written:
    chunks, empty, raw, stored, objects = json.loads(data)
    return Written(chunks, empty, raw, stored, {k: (int(n), str(c)) for k, (n, c) in objects.items()})
