"""How positions are cut into the elements of a pipeline: known without Beam, so that work can begin before it is imported."""

from __future__ import annotations

INPUTS_PER_ELEMENT = 64
TASKS_PER_ELEMENT = 64


def ranges(count: int, at_most: int, *, shares: int) -> list[tuple[int, int]]:
    """Cut ``count`` positions into [start, stop) ranges: no longer than ``at_most``, and enough of them for ``shares`` workers."""
    size = max(1, min(at_most, -(-count // max(1, shares * 4))))
    return [(start, min(start + size, count)) for start in range(0, count, size)]
