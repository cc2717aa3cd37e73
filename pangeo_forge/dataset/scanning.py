"""What a child process does for many inputs in one request: open and scan each, and hand back what is known of all.

A request for each input would cost two wake-ups and the transport of all that a file holds; of a whole range, equal parts
travel once. It imports no more than that takes: a child is ready so much sooner.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.dataset.combine import Combination
from pangeo_forge.dataset.model import Index
from pangeo_forge.dataset.scan import scan_dataset
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.errors import CombineError, InputError, PangeoForgeError, RecipeError
from pangeo_forge.inputs.openers import open_outline
from pangeo_forge.inputs.source import InputSource, OpenOptions

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
    seconds: Mapping[Index, float] = field(default_factory=dict)
    """What each input took."""

    def is_of(self, index: Index, path: str) -> bool:
        """Whether what is known of an input, if anything, is of that file in the state in which it is now."""
        known = self.stamps.get(index)
        return known is None or known == (path, _stamp(path))


def scan_files(request: Request) -> Scanned:
    """Open and scan each file; runs in the child."""
    combination = Combination.empty(request.settings)
    failed: dict[Index, PangeoForgeError] = {}
    stamps: dict[Index, tuple[str, Stamp]] = {}
    seconds: dict[Index, float] = {}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for entry in request.inputs:
            path = str(entry.source.path)
            stamp = _stamp(path)
            if stamp is None:
                continue
            stamps[entry.index] = path, stamp
            began = time.perf_counter()
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
            seconds[entry.index] = time.perf_counter() - began
    messages = dict.fromkeys(str(w.message) for w in said if w.category is UserWarning)
    return Scanned(combination, failed, stamps, tuple(messages), seconds)


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
