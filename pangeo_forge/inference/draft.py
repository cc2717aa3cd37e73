"""A recipe in the making: the guess from names, adapted to what the samples hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pangeo_forge.inference.dimensions import Along, find_dimensions, step_within
from pangeo_forge.inference.evidence import Evidence, Sample
from pangeo_forge.inference.guess import Guess, KeyGuess
from pangeo_forge.inference.offsets import duration
from pangeo_forge.pattern.steps import parse_step

MOST_OPENED = 3


@dataclass
class Draft:
    """Everything that goes into the file."""

    id: str
    guess: Guess
    evidence: Evidence
    along: list[Along] = field(default_factory=list)
    items_per_file: int | None = None
    checks: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    transforms: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    combine: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def sample(self) -> Sample | None:
        """The first sample that was opened."""
        return self.evidence.first

    @property
    def count(self) -> int:
        """Number of inputs of the pattern."""
        from pangeo_forge.pattern.pattern import FilePattern

        return len(FilePattern.from_inputs(self.guess.section()))


def to_open(guess: Guess, names: Sequence[str]) -> list[int]:
    """Positions of the few samples that tell most: the first, and for each key one that differs in it alone."""
    if not guess.places:
        return [0, len(names) - 1] if len(names) > 1 else [0]
    chosen = [0]
    first = guess.places[0]
    for key in guess.keys:
        best, fewest = None, 99
        for i, place in enumerate(guess.places):
            differing = sum(place[k] != first[k] for k in place)
            # Among equals the last one: it shows most of what changes over an archive's life.
            if place.get(key.name) != first.get(key.name) and differing <= fewest:
                best, fewest = i, differing
        if best is not None and best not in chosen:
            chosen.append(best)
    return chosen[:MOST_OPENED]


def make_draft(recipe_id: str, guess: Guess, evidence: Evidence) -> Draft:
    """The guess with dims, transforms and checks that the opened samples ask for."""
    draft = Draft(recipe_id, guess, evidence)
    if not evidence.samples:
        _without_samples(guess)
        return draft
    _merge_or_concat(draft)
    draft.along = find_dimensions(guess, evidence)
    for along in draft.along:
        _adopt(draft, along)
    _drop_what_differs(draft)
    _check_disagreements(draft)
    return draft


def _drop_what_differs(draft: Draft) -> None:
    """Single values and coordinates that lie along no concat dim and still differ from file to file: they cannot be kept."""
    if len(draft.evidence.samples) < 2 or draft.guess.merge or not draft.along:
        return
    first, *others = draft.evidence.samples
    dims = {a.dim for a in draft.along} | {d for a in draft.along for t, _ in a.transforms for d in t.get("rename", {})}
    differing = []
    for v in first.variables.values():
        if v.values is None or v.name in dims or set(v.dims) & dims:
            continue
        found = [
            s.variables[v.name].values for s in others if v.name in s.variables and s.variables[v.name].shape == v.shape
        ]
        if any(f is not None and not _equal(f, v.values) for f in found):
            differing.append(v.name)
    if differing:
        why = "not the same in every file, nor along a dimension that is joined"
        draft.transforms.append(({"drop": differing}, f"{why}; expand_dims or assign_coords could keep them"))
        draft.notes.append(f"dropped {', '.join(differing)}: {why}")


def _equal(one: np.ndarray, two: np.ndarray) -> bool:
    return np.array_equal(one, two) or (
        one.dtype.kind == two.dtype.kind == "f" and np.array_equal(one, two, equal_nan=True)
    )


def _without_samples(guess: Guess) -> None:
    """Names alone: several files of a year or a month are most often joined along ``time``."""
    numbers = [k for k in guess.concat if k.kind == "numbers"]
    if len(guess.concat) == 1 and numbers and numbers[0].name in ("year", "month"):
        numbers[0].dim = "time"
        numbers[0].notes.append(
            f"{numbers[0].name}: that the files are joined along 'time' is assumed, as no sample was opened"
        )


def _merge_or_concat(draft: Draft) -> None:
    """Words that bring the same variables again are no merge: they get a dimension of their own."""
    guess, samples = draft.guess, draft.evidence.samples
    for key in list(guess.merge):
        if key.kind != "words" or len(samples) < 2 or not guess.places:
            continue
        first = samples[0]
        mine = guess.places[first.position][key.name]
        others = [
            s for s in samples[1:]
            if guess.places[s.position][key.name] != mine
            and all(guess.places[s.position][k.name] == guess.places[first.position][k.name] for k in guess.merge if k is not key)
        ]  # fmt: skip
        same = [s for s in others if {v.name for v in s.data} == {v.name for v in first.data}]
        if not same:
            continue
        key.role = "concat"
        key.notes.append(
            f"{key.name}: {mine} and {guess.places[same[0].position][key.name]} hold the same variables, so they are "
            f"joined along a new dimension {key.name!r} and not merged"
        )
    guess.keys = [*guess.concat, *guess.merge]


def _adopt(draft: Draft, along: Along) -> None:
    key, samples = along.key, draft.evidence.samples
    draft.transforms += along.transforms
    if along.dim != key.name:
        if key.kind == "order" and along.dim.isidentifier():
            key.name = along.dim
        else:
            key.dim = along.dim
    if along is not draft.along[0]:
        return
    _lengths(draft, along)
    source_dim = next((next(iter(t["rename"])) for t, _ in along.transforms if "rename" in t), along.dim)
    coordinate = samples[0].variables.get(source_dim)
    if coordinate is not None and coordinate.is_time and along.steady:
        draft.checks.append(({"dim": along.dim, "monotonic": "increasing"}, "times rise from file to file"))
        step = _regular(key, samples, source_dim, along.length)
        if step:
            draft.checks.append(
                ({"dim": along.dim, "regular": step}, "seen in the samples; remove it if there are gaps")
            )
    elif along.length == 1 and key.kind == "dates" and not along.transforms:
        draft.checks.append(({"dim": along.dim, "monotonic": "increasing"}, "the key's own dates"))


def _lengths(draft: Draft, along: Along) -> None:
    key = along.key
    fixed = (
        key.kind == "dates"
        and isinstance(key.values, dict)
        and "step" in key.values
        and not parse_step(key.values["step"]).months
    )
    if (
        along.length is not None
        and (along.length == 1 or fixed)
        and len(draft.evidence.samples) > 1
        and key.kind in ("dates", "numbers")
    ):
        draft.items_per_file = along.length


def _regular(key: KeyGuess, samples: list[Sample], dim: str, length: int | None) -> str | None:
    """A step of the coordinate that holds within files and, by the key's step, between them."""
    values = key.values
    if (
        key.kind != "dates"
        or not isinstance(values, dict)
        or "exclude" in values
        or "restart" in values
        or "step" not in values
    ):
        return None
    between = parse_step(values["step"])
    if length is None or between.months:
        return None
    if length == 1:
        return str(values["step"])
    within = step_within(samples, dim)
    if within is None:
        return None
    micro = int(within.astype("m8[us]").astype(int))
    return (
        duration(micro // 1_000_000)
        if micro > 0 and micro * length == between.microseconds and micro % 1_000_000 == 0
        else None
    )


def _check_disagreements(draft: Draft) -> None:
    """What the samples show that the run would meet: packing that differs, variables that come and go, shared times."""
    samples = draft.evidence.samples
    if len(samples) < 2:
        return
    if len({s.format for s in samples}) > 1:
        draft.notes.append(f"formats differ: {', '.join(sorted({s.format for s in samples}))}; open.format stays auto")
    if draft.guess.merge:
        return
    joined = {a.dim for a in draft.along} | {
        d for a in draft.along for t, _ in a.transforms for d in t.get("rename", {})
    }
    for dim in [d for d in samples[0].sizes if d not in joined]:
        lengths = {s.sizes[dim] for s in samples if dim in s.sizes}
        if len(lengths) > 1:
            shown = " and ".join(map(str, sorted(lengths)))
            draft.notes.append(
                f"dimension {dim!r} has {shown} positions in different samples: they do not combine as they are; is one a stranger?"
            )
    one, two = ({v.name: v for v in s.variables.values()} for s in samples[:2])
    missing = sorted(set(one) ^ set(two))
    data = {v.name for s in samples[:2] for v in s.data}
    gone = [n for n in missing if n in data]
    if gone:
        draft.combine.append(
            ({"variables": "union"}, f"not in every sample: {', '.join(gone[:5])}; `intersection` leaves them out")
        )
        draft.notes.append(
            f"variables that only some samples hold: {', '.join(gone[:5])}; combine.variables: union was chosen"
        )
