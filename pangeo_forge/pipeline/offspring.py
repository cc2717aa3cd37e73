"""Ends processes that this one has started, when the code that minds them hangs."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress


def offspring() -> frozenset[int]:
    """Ids of all processes below this one."""
    import psutil

    return frozenset(child.pid for child in psutil.Process().children(recursive=True))


def end_offspring(but: Collection[int] = ()) -> None:
    """End the processes below this one, except those of ``but``."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        if child.pid not in but:
            with suppress(psutil.Error):
                child.kill()
