"""Threads that work through a list of inputs, each with a lane of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from pangeo_forge.inputs.fetch.lane import Lane
from pangeo_forge.inputs.fetch.model import FetchItem

R = TypeVar("R")
_AHEAD = 256


class Crew(Generic[R]):
    """Runs ``work(item, lane)`` on all items, given with their positions, lazily; yields (position, result) in the order of completion.

    A thread that has to wait for the consumer gives its slot back first. An exception of ``work`` ends the crew and
    comes out of the iteration.
    """

    def __init__(
        self, items: Iterable[tuple[int, FetchItem]], work: Callable[[FetchItem, Lane], R], lanes: list[Lane]
    ) -> None:
        self._source = iter(items)
        self._work = work
        self._lanes = lanes
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._results: queue.Queue[tuple[int, R] | BaseException | None] = queue.Queue(_AHEAD)

    def __iter__(self) -> Iterator[tuple[int, R]]:
        threads = [threading.Thread(target=self._run, args=(lane,), daemon=True) for lane in self._lanes]
        for thread in threads:
            thread.start()
        left = len(threads)
        try:
            while left:
                found = self._results.get()
                if found is None:
                    left -= 1
                elif isinstance(found, BaseException):
                    raise found
                else:
                    yield found
        finally:
            self._stopped.set()
            for thread in threads:
                while thread.is_alive():
                    self._drain()
                    thread.join(0.02)

    def _run(self, lane: Lane) -> None:
        try:
            while (pair := self._next()) is not None:
                self._put((pair[0], self._work(pair[1], lane)), lane)
        except BaseException as error:  # noqa: BLE001 - raised where the results are read
            self._put(error, lane)
        finally:
            lane.close()
            self._put(None, lane)

    def _next(self) -> tuple[int, FetchItem] | None:
        with self._lock:
            return None if self._stopped.is_set() else next(self._source, None)

    def _put(self, result: tuple[int, R] | BaseException | None, lane: Lane) -> None:
        if self._results.full():
            lane.close()
        self._results.put(result)

    def _drain(self) -> None:
        while True:
            try:
                self._results.get_nowait()
            except queue.Empty:
                return
