"""What a target must be able to do. Targets hold addresses and settings only, so they are picklable and go to
workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pangeo_forge.plan.overlaps import Region
from pangeo_forge.plan.plan import ArrayPlan, Plan

Digest = tuple[int, str]
"""Size in bytes and CRC-32C (8 hex digits) of an object."""


def digest_of(data: bytes | bytearray | memoryview) -> Digest:
    """What is recorded of an object when it is put. CRC-32C runs at several GB/s, and the object stores use it too."""
    import google_crc32c

    return len(data), f"{google_crc32c.value(bytes(data)):08x}"


@dataclass(frozen=True)
class Written:
    """What one call of ``write_block`` did."""

    chunks: int
    """Chunks that hold data."""
    empty: int
    """Chunks that are all fill value, so not stored."""
    bytes_raw: int
    bytes_stored: int
    objects: Mapping[str, Digest] = field(default_factory=dict)
    """Objects that were put, by key: what their bytes are, so that damage can be told later."""

    def __add__(self, other: Written) -> Written:
        return Written.join((self, other))

    @classmethod
    def join(cls, parts: Sequence[Written]) -> Written:
        """All together."""
        holding = [p.objects for p in parts if p.objects]
        objects = holding[0] if len(holding) == 1 else {k: d for found in holding for k, d in found.items()}
        return cls(
            sum(p.chunks for p in parts),
            sum(p.empty for p in parts),
            sum(p.bytes_raw for p in parts),
            sum(p.bytes_stored for p in parts),
            objects,
        )


class Changes(Protocol):
    """What writers of a target with sessions have changed; small, picklable, brought back to the driver."""

    def merge(self, other: Changes) -> Changes:
        """Both together; associative."""
        ...


@runtime_checkable
class Target(Protocol):
    """A place where a dataset is written. Life: create (driver), write_block (workers, any order, repeatable), commit
    (driver).

    Nothing that opens exists at the target's address before ``commit`` returns.
    """

    @property
    def url(self) -> str:
        """Where the dataset is after commit."""
        ...

    def create(self, plan: Plan, *, overwrite: bool = False) -> Written:
        """Refuse or clear what is there, write array metadata and values that are known. Repeatable: written blocks
        are kept."""
        ...

    def write_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Written:
        """Write ``values`` (stored encoding, shape of ``region``) into ``region``, a union of whole chunks or
        shards."""
        ...

    def commit(
        self,
        plan: Plan,
        inspect: Callable[[Any], None] | None = None,
        guard: Callable[[], None] | None = None,
    ) -> None:
        """Check the complete dataset with a fresh open, then make it visible; ``inspect`` and ``guard`` may refuse."""
        ...

    def abort(self) -> None:
        """Remove what was made since ``create``. Never removes what was there before."""
        ...
