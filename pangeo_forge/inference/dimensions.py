"""Which dimension of the files each concat key runs along, and what must be renamed or mended for it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pangeo_forge.inference.evidence import Evidence, Sample, SampleVariable
from pangeo_forge.inference.guess import Guess, KeyGuess

_TIMELIKE = ("time", "t", "day", "date", "month", "year", "time_counter", "valid_time", "tstep", "times")
_RENAMED = ("day", "date", "Time", "TIME", "t", "T", "valid_time_step")
"""Names of a time axis that are better called ``time``; others (``time_counter``) are kept, by ``dim:``."""


@dataclass
class Along:
    """How one concat key lies in the files."""

    key: KeyGuess
    dim: str
    """Dimension of the dataset to be written."""
    why: str
    length: int | None = None
    """Length in every sample, where it is the same."""
    steady: bool = True
    """Whether the coordinate rises from file to file."""
    transforms: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    """Transforms that are needed, each with its reason."""


def find_dimensions(guess: Guess, evidence: Evidence) -> list[Along]:
    """One :class:`Along` for each concat key, first come, first served; without opened samples there is none."""
    found: list[Along] = []
    if not evidence.samples:
        return found
    for key in guess.concat:
        used = {a.dim for a in found}
        found.append(_along(key, guess, evidence, used))
    return found


def _along(key: KeyGuess, guess: Guess, evidence: Evidence, used: Collection[str]) -> Along:
    samples = _differing(key, guess, evidence)
    words = key.kind == "words"  # what words tell apart has no axis in the files
    scores = (
        {} if words else {d: _score(d, samples) for d in samples[0].sizes if d not in used and _is_axis(d, samples)}
    )
    best = max(scores, key=lambda d: scores[d], default=None)
    if best is not None and scores[best] >= 3:
        return _existing(key, best, samples)
    scalar = _scalar(key, guess, samples, used)
    if scalar is not None:
        step: dict[str, Any] = {"expand_dims": {scalar: "coord"}}
        return Along(
            key,
            scalar,
            f"each file has the single value of its coordinate {scalar!r}",
            1,
            True,
            [(step, "one value a file")],
        )
    name = key.name
    taken = name in samples[0].variables and name not in used
    if taken:
        step = {"expand_dims": {name: "key"}}
        return Along(
            key,
            name,
            "no dimension of the files varies: it is added from the key",
            1,
            True,
            [(step, "a new dimension")],
        )
    return Along(key, name, "no dimension of the files varies: it is added, with the key's values", 1)


def _differing(key: KeyGuess, guess: Guess, evidence: Evidence) -> list[Sample]:
    """The first sample, and those that differ from it in this key."""
    first = evidence.samples[0]
    if not guess.places:
        return evidence.samples
    mine = guess.places[first.position].get(key.name)
    others = [s for s in evidence.samples[1:] if guess.places[s.position].get(key.name) != mine]
    return [first, *others]


def _is_axis(dim: str, samples: list[Sample]) -> bool:
    return all(dim in s.sizes for s in samples) and any(dim in v.dims for v in samples[0].data)


def _score(dim: str, samples: list[Sample]) -> int:
    coordinate = samples[0].variables.get(dim)
    values = [s.variables[dim].values if dim in s.variables else None for s in samples]
    same = values[0] is not None and all(v is not None and np.array_equal(v, values[0]) for v in values[1:])
    if len(samples) > 1 and same and samples[0].sizes[dim] > 1:
        return 0  # the same axis in every file
    score = 2 if dim.lower() in _TIMELIKE else 0
    if coordinate is not None and coordinate.is_time:
        score += 3
    if coordinate is not None and (
        coordinate.attrs.get("axis") == "T" or coordinate.attrs.get("standard_name") == "time"
    ):
        score += 2
    if len({s.sizes[dim] for s in samples}) > 1:
        score += 3
    if len(values) > 1 and values[0] is not None and not same:
        score += 3
    return score


def _existing(key: KeyGuess, dim: str, samples: list[Sample]) -> Along:
    lengths = {s.sizes[dim] for s in samples}
    length = lengths.pop() if len(lengths) == 1 else None
    coordinate = samples[0].variables.get(dim)
    why = f"dimension {dim!r} of the files" + (
        f" ({coordinate.units})" if coordinate is not None and coordinate.units else ""
    )
    values = [s.variables[dim].values for s in samples if dim in s.variables]
    known = [v for v in values if v is not None]
    constant = len(known) == len(values) > 1 and all(np.array_equal(v, known[0]) for v in known)
    along = Along(key, dim, why, length, not constant and bool(values))
    if constant and length == 1 and key.kind == "dates" and len(samples) > 1:
        fix: dict[str, Any] = {"drop": [dim]}
        along.transforms.append((fix, f"{dim!r} has the same value in every file: it says nothing"))
        along.steady = False
    names = {*samples[0].variables, *samples[0].sizes}
    if dim in _RENAMED and "time" not in names and (coordinate is None or coordinate.is_time):
        along.transforms.append(({"rename": {dim: "time"}}, f"the files call the time {dim!r}"))
        along.dim = "time"
    return along


def _scalar(key: KeyGuess, guess: Guess, samples: list[Sample], used: Collection[str]) -> str | None:
    """A coordinate of one value that differs from file to file: ``step`` of a forecast, a scalar ``time``."""
    varying = []
    for v in samples[0].variables.values():
        if v.dims or v.name in used or v.values is None:
            continue
        others = [s.variables[v.name].values for s in samples[1:] if v.name in s.variables]
        if others and all(o is not None and not np.array_equal(o, v.values) for o in others):
            varying.append(v.name)
    for wish in ("time", key.name, "step", "valid_time"):
        if wish in varying:
            return wish
    coords = [n for n in varying if samples[0].variables[n].is_coord]
    if not coords and len(samples) == 1:
        time = samples[0].variables.get("time")
        return "time" if time is not None and not time.dims else None
    return coords[0] if coords else None


def step_within(samples: list[Sample], dim: str) -> np.timedelta64 | None:
    """The one distance of neighbours along a time coordinate, over the samples; None when it is not one."""
    steps = set()
    for s in samples:
        v: SampleVariable | None = s.variables.get(dim)
        if v is None or v.values is None or not v.is_time or v.values.ndim != 1:
            return None
        steps |= set(np.diff(v.values.astype("m8[us]")).astype(np.int64).tolist())
    return np.timedelta64(steps.pop(), "us") if len(steps) == 1 else None
