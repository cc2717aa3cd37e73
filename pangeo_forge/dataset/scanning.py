"""Scans many HDF5 inputs in one request to a child process, where libhdf5 may crash or hang without harm to the run.

A request for each input costs two wake-ups and the transport of all that the file holds; of a whole range, the child hands
back what is needed of it, equal parts once. When the child is lost, nothing is known of the range: its inputs are then opened
one by one, so that the damaged one is found and named.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pangeo_forge.dataset.archive import Archive
from pangeo_forge.dataset.combine import Combination
from pangeo_forge.dataset.model import Index
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.errors import CombineError, InputError, PangeoForgeError, RecipeError
from pangeo_forge.inputs import isolation
from pangeo_forge.inputs.openers import sniff
from pangeo_forge.inputs.source import InputSource, OpenOptions
from pangeo_forge.pattern.pattern import PatternItem

SECONDS_EACH = 1.0
"""What each input adds to the time that a request may take, beyond ``open.timeout``."""

Stamp = tuple[int, int]
"""Size and time of change, in ns."""


@dataclass(frozen=True)
class ToScan:
    """One local file."""

    index: Index
    source: InputSource
    key: Mapping[str, Any]
    """Values of its concat keys by dimension."""


@dataclass(frozen=True)
class Request:
    """What the child is told."""

    inputs: tuple[ToScan, ...]
    options: OpenOptions
    settings: CombineSettings
    decode_times: bool


@dataclass(frozen=True)
class Scanned:
    """What the child found."""

    combination: Combination
    """Of the inputs that could be scanned."""
    failed: Mapping[Index, PangeoForgeError] = field(default_factory=dict)
    stamps: Mapping[Index, tuple[str, Stamp]] = field(default_factory=dict)
    """Of every input that was looked at: its file, and the file's state before that."""
    messages: tuple[str, ...] = ()
    """Warnings of the opener."""

    def is_of(self, index: Index, path: str) -> bool:
        """Whether what is known of an input, if anything, is of that file in the state in which it is now."""
        known = self.stamps.get(index)
        return known is None or known == (path, _stamp(path))


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


def scan_files(request: Request) -> Scanned:
    """Open and scan each file; runs in the child."""
    from pangeo_forge.dataset.scan import scan_dataset
    from pangeo_forge.inputs.openers import open_outline

    combination = Combination.empty(request.settings)
    failed: dict[Index, PangeoForgeError] = {}
    stamps: dict[Index, tuple[str, Stamp]] = {}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for entry in request.inputs:
            path = str(entry.source.path)
            stamp = _stamp(path)
            if stamp is None:
                continue
            stamps[entry.index] = path, stamp
            try:
                combination.add(
                    scan_dataset(
                        open_outline(entry.source, request.options),
                        entry.index,
                        entry.source.label,
                        request.settings.concat_dims,
                        key=entry.key,
                        decode_times=request.decode_times,
                    )
                )
            except (InputError, RecipeError, CombineError) as error:
                failed[entry.index] = error
    messages = dict.fromkeys(str(w.message) for w in said if w.category is UserWarning)
    return Scanned(combination, failed, stamps, tuple(messages))


def _is_hdf5(path: str) -> bool:
    try:
        return sniff(path) in ("netcdf4", "hdf5")
    except (InputError, OSError):
        # Whoever opens it says what is wrong.
        return False


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
