"""Threads for work that runs outside the GIL: inflating, unshuffling, byte swapping.

One pool per process, never larger than the machine, shared by every reader, so that nested or concurrent reads cannot
multiply threads. The caller works too: :func:`run_all` makes progress even when every pool thread is taken, which
also makes it safe to call from within the pool.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


def available_cpus() -> int:
    """CPUs that this process may use (its affinity mask, not the machine's count)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_all(function: Callable[[T], object], items: Iterable[T], threads: int = 1) -> None:
    """Call ``function`` on every item, with at most ``threads`` calls at a time (the caller's thread is one of them).

    Order is not kept. The first exception stops the rest and is raised when the calls that already run have ended, so
    no thread touches a buffer after this returns.
    """
    work = list(items)
    helpers = min(threads, len(work), available_cpus() + 1) - 1
    if helpers < 1:
        for item in work:
            function(item)
        return
    queue, errors = _SharedIterator(work), list[BaseException]()
    futures = [_executor().submit(_drain, function, queue, errors) for _ in range(helpers)]
    _drain(function, queue, errors)
    _settle(futures)
    if errors:
        raise errors[0]


def _drain(function: Callable[[T], object], queue: _SharedIterator[T], errors: list[BaseException]) -> None:
    for item in queue:
        if errors:
            return
        try:
            function(item)
        except BaseException as error:  # noqa: BLE001 - raised by run_all in the caller's thread
            errors.append(error)
            return


def _settle(futures: list[Future[None]]) -> None:
    for future in futures:
        # A helper that never started has nothing to do any more: the queue is empty or the work has failed.
        if not future.cancel():
            future.result()


def _executor() -> ThreadPoolExecutor:
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(available_cpus(), thread_name_prefix="codec")
        return _pool


def _forget_pool() -> None:
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


# A forked child has none of the pool's threads: waiting on them would hang for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


class _SharedIterator(Iterator[T]):
    """An iterator that several threads may take from."""

    def __init__(self, items: Iterable[T]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()

    def __next__(self) -> T:
        with self._lock:
            return next(self._items)
