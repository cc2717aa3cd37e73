"""Lets children scan ranges of inputs: when they are asked for, or before, while the driver still imports the engine.

libhdf5 may crash or hang on a damaged file, so it runs in children (``inputs.isolation``). Of a child that was lost, nothing
is known: its inputs are then opened one by one, so that the damaged one is found and named.

What was scanned before it was asked for is kept by range until the step that prepares inputs asks, in the same process. Any
other process scans for itself: nothing depends on this but time.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

from pangeo_forge.dataset.archive import Archive
from pangeo_forge.dataset.combine import Combination
from pangeo_forge.dataset.scanning import Request, Scanned, ToScan, scan_files
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.errors import InputError
from pangeo_forge.inputs import isolation
from pangeo_forge.inputs.fetch.address import local_path
from pangeo_forge.inputs.openers import sniff
from pangeo_forge.inputs.source import InputSource
from pangeo_forge.pattern.pattern import PatternItem

SECONDS_EACH = 1.0
"""What each input adds to the time that a request may take, beyond ``open.timeout``."""

Range = tuple[int, int]


def scan_together(
    archive: Archive, settings: CombineSettings, items: Sequence[tuple[PatternItem, str]]
) -> Scanned | None:
    """Scan those of the local files that are HDF5; None when there are none, or the recipe asks for what a child has not.

    Of a child that was lost, nothing is known: the result is empty, which is to say that inputs must be opened one by one.
    """
    options = archive.options
    if options.isolate is False or archive.recipe.transforms or options.format not in ("auto", "netcdf4", "hdf5"):
        return None
    inputs = tuple(
        ToScan(item.index, InputSource(item.url, path, item.label), archive.concat_values(item))
        for item, path in items
        if _is_hdf5(path)
    )
    if not inputs:
        return None
    request = Request(inputs, replace(options, isolate=False), settings, archive.decode_times)
    try:
        found: Scanned = isolation.call(
            scan_files, request, timeout=options.timeout + SECONDS_EACH * len(inputs), where=inputs[0].source.where
        )
    except InputError:
        return Scanned(Combination.empty(settings))
    for message in found.messages:
        warnings.warn(message, stacklevel=2)
    return found


def _is_hdf5(path: str) -> bool:
    try:
        return sniff(path) in ("netcdf4", "hdf5")
    except (InputError, OSError):
        # Whoever opens it says what is wrong.
        return False


class Ahead:
    """Scans ranges of an archive's inputs, in order, with ``workers`` children.

    Parameters
    ----------
    ranges: positions [start, stop), as they will be asked for.
    """

    def __init__(self, archive: Archive, settings: CombineSettings, ranges: Sequence[Range], workers: int) -> None:
        self._archive, self._settings = archive, settings
        self._waiting = list(reversed(ranges))
        self._begun: dict[Range, Future[Scanned | None]] = {}
        self._lock = threading.Lock()
        count = min(workers, len(ranges))
        self._threads = [threading.Thread(target=self._work, name="scan-ahead", daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def take(self, start: int, stop: int) -> Scanned | None:
        """What is known of a range, once; None: nothing, and no child is held for others any more."""
        with self._lock:
            future = self._begun.pop((start, stop), None)
            if future is None:
                self._waiting.clear()
        if future is not None:
            return future.result()
        self.stop()
        return None

    def stop(self) -> None:
        """Begin no other range, and wait for those that were begun."""
        with self._lock:
            self._waiting.clear()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    return
                wanted = self._waiting.pop()
                future = self._begun[wanted] = Future()
            try:
                future.set_result(self._scan(*wanted))
            except Exception:  # noqa: BLE001 - it goes wrong again where it is told
                future.set_result(None)

    def _scan(self, start: int, stop: int) -> Scanned | None:
        items = [self._archive.pattern[i] for i in range(start, stop)]
        found: list[tuple[PatternItem, str]] = []
        for item in items:
            path = None if item.missing else local_path(item.url)
            if path is not None and os.path.isfile(path):
                found.append((item, path))
        return scan_together(self._archive, self._settings, found)


_ahead: dict[str, Ahead] = {}


def start(archive: Archive, settings: CombineSettings, ranges: Sequence[Range], workers: int) -> None:
    """Begin to scan an archive's inputs, where the first one is a local file and the recipe may read it."""
    if archive.guard is not None or archive.options.isolate is False or archive.recipe.transforms or not ranges:
        return
    path = local_path(archive.pattern[0].url)
    if path is not None and os.path.isfile(path):
        _ahead[archive.token] = Ahead(archive, settings, ranges, workers)


def take(archive: Archive, start: int, stop: int) -> Scanned | None:
    """What was scanned ahead of a range of the archive's inputs in this process."""
    ahead = _ahead.get(archive.token)
    return None if ahead is None else ahead.take(start, stop)


def end(archive: Archive) -> None:
    """Forget what nobody has asked for."""
    ahead = _ahead.pop(archive.token, None)
    if ahead is not None:
        ahead.stop()
