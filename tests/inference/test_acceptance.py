"""Samples of the URLs of real recipes give back an equivalent pattern: the same files over the sampled range."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from pangeo_forge.inference.inference import infer
from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.recipe.load import load_recipe

VALID = Path(__file__).parents[1] / "recipe" / "valid"
NOW = dt.date(2024, 6, 1)


def urls_of(name: str) -> FilePattern:
    recipe = load_recipe(VALID / f"{name}.yaml")
    return FilePattern.from_inputs(recipe.inputs, folder=VALID, parameters=recipe.parameter_values, now=NOW)


def at(pattern: FilePattern, *position: int) -> str:
    return pattern.item(tuple(p % n for p, n in zip(position, pattern.shape, strict=True))).url


def date(pattern: FilePattern, written: str) -> int:
    found = pattern.keys[0].values.find(written)
    assert found is not None
    return found


Samples = Callable[[FilePattern], list[tuple[int, ...]]]
ROWS: dict[str, Samples] = {
    "gpcp": lambda p: [(0,), (-1,)],
    "noaa-oisst": lambda p: [(0,), (1,), (-1,)],
    "terraclimate": lambda p: [(0, 0), (-1, 0), (0, 4), (0, 9), (0, 13)],
    "narr": lambda p: [(0,), (-1,)],
    "hrrr-winds": lambda p: [(0,), (1,), (-1,)],
    "gpm-imerg-daily": lambda p: [(0,), (-1,)],
    "gpm-imerg-halfhourly": lambda p: [(0,), (-1,)],
    "coastwatch-sst": lambda p: [(0,), (date(p, "2016-12-31"),), (date(p, "2017-01-01"),), (-1,)],
    "ccmp-wind": lambda p: [(0,), (100,), (-1,)],
    "woa18": lambda p: [(0, 0), (-1, 0), (0, 1), (0, 2), (0, 3), (0, 4)],
    "agcd": lambda p: [(0, 0), (-1, 0), (0, 1), (0, 2), (0, 3), (0, 4)],
    "gridmet": lambda p: [(0, 0), (-1, 0), (0, 1), (0, 3), (0, 10), (0, 14)],
    "lmr": lambda p: [(0,), (1,), (2,), (3,), (8,), (9,)],
    "evolv2k": lambda p: [()],
    "hadisst": lambda p: [()],
    "ssebop": lambda p: [(0,), (-1,)],
    "modis-aqua": lambda p: [(0, 0), (-1, 0), (0, 1), (0, 2)],
    "climsim": lambda p: [(0,), (-1,)],
    "gpcp-rechunked": lambda p: [()],
}
"""The samples that a user would choose: the ends of each concat key, and one of each merge value."""


def expected_urls(pattern: FilePattern, samples: list[tuple[int, ...]]) -> tuple[int, dict[tuple[int, ...], str]]:
    """Count and spot checks of the part that the samples span: whole concat keys, sampled merge values."""
    spans: list[list[int]] = []
    for axis, key in enumerate(pattern.keys):
        positions = {s[axis] % len(key) for s in samples}
        is_concat = key.dim is not None
        spans.append(list(range(min(positions), max(positions) + 1)) if is_concat else sorted(positions))
    count, spots = 1, {}
    for span in spans:
        count *= len(span)
    for fraction in (0.0, 0.1, 0.31, 0.5, 0.77, 0.9, 1.0):
        position = tuple(s[round(fraction * (len(s) - 1))] for s in spans)
        spots[position] = pattern.item(position).url
    return count, spots


@pytest.mark.parametrize("name", ROWS)
def test_samples_give_back_the_pattern(name: str) -> None:
    pattern = urls_of(name)
    positions = ROWS[name](pattern)
    samples = [at(pattern, *p) for p in positions]
    assert 1 <= len(samples) <= 6
    guess = infer(samples)
    assert "url" in guess.source, guess.notes
    found = FilePattern.from_inputs(guess.section(), now=NOW)
    count, spots = expected_urls(pattern, positions)
    # Dates that a recipe leaves out by name cannot be told from a few samples: they are inferred as present.
    left_out = {"ccmp-wind": 14, "coastwatch-sst": 7}.get(name, 0)
    assert len(found) == count + left_out
    assert found[0].url == min(spots.items())[1]
    urls = {item.url for item in found} if len(found) < 20_000 else None
    for url in spots.values():
        if urls is not None:
            assert url in urls
        else:
            assert url in {found[round(f * (len(found) - 1))].url for f in (0.0, 0.1, 0.31, 0.5, 0.77, 0.9, 1.0)}
