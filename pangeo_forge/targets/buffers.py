"""Blocks that are used again from task to task.

A block of some tens of megabytes comes from the system as untouched pages, which the kernel clears when they are first
written and takes back when the block is dropped. Clearing the blocks of every task costs a tenth of the CPU time of a
whole run (benchmarks/README.md), so a process keeps those of its last tasks and hands them to the next ones.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

SMALLEST = 1 << 20
"""Bytes below which the allocator does as well by itself."""


class BlockBuffers:
    """Free blocks of one process. Holds no more bytes than its tasks have used at one time, so a plan's memory stands."""

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of the blocks that nobody uses at present."""
        return sum(b.nbytes for b in self._free)

    def take(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        """An array with whatever was in memory, as from ``np.empty``."""
        nbytes = math.prod(shape) * dtype.itemsize
        if nbytes < SMALLEST or dtype.hasobject:
            return np.empty(shape, dtype)
        raw = self._find(nbytes)
        if raw is None:
            raw = np.empty(nbytes, np.uint8)
        return raw[:nbytes].view(dtype).reshape(shape)

    def _find(self, nbytes: int) -> np.ndarray | None:
        with self._lock:
            self._free.sort(key=lambda b: b.nbytes)
            for i, raw in enumerate(self._free):
                if raw.nbytes >= nbytes:
                    return self._free.pop(i)
            # None is large enough: as many bytes as will be allocated are given up first.
            given_up = 0
            while self._free and given_up < nbytes:
                given_up += self._free.pop().nbytes
        return None

    def give(self, block: np.ndarray) -> None:
        """Take a block back; nobody may use it, or a view of it, any more. Arrays that were not taken here are ignored."""
        raw: Any = block
        while isinstance(raw.base, np.ndarray):
            raw = raw.base
        if raw is not block and raw.base is None and raw.ndim == 1 and raw.dtype == np.uint8 and raw.nbytes >= SMALLEST:
            with self._lock:
                self._free.append(raw)

    def clear(self) -> None:
        """Give all free blocks back to the system."""
        with self._lock:
            self._free.clear()


BLOCKS = BlockBuffers()
"""Those of this process."""
