"""What a changed recipe changes, and what published stores need by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.ci.review.difference import compare, dataset_changes, effect, recipe_changes
from pangeo_forge.ci.review.report import Figures, Variable
from pangeo_forge.recipe.load import load_recipe
from tests.ci.project import RECIPE


def _recipe(folder: Path, *changes: tuple[str, str]) -> Any:
    text = RECIPE.format(id="one")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(text)
    return load_recipe(folder)


@pytest.mark.parametrize(
    ("change", "needed", "what"),
    [
        (("A dataset", "Another"), "none", "title"),
        (("start: 2020-01-01", "start: 2020-01-05"), "append", "inputs.concat.time.values.start"),
        (("time: 20", "time: 30"), "rebuild", "target.chunks.time"),
        (("  append: time\n", ""), "rebuild", "target.append"),
        (("step: 1D", "step: 8D"), "append", "inputs.concat.time.values.step"),
        (("target:", "transforms: [{drop: [x]}]\ntarget:"), "rebuild", "transforms[0].name"),
        (("target:", "checks: [{variable: x, min: 0}]\ntarget:"), "none", "checks[0].min"),
    ],
)
def test_effect(tmp_path: Path, change: tuple[str, str], needed: str, what: str) -> None:
    before, after = _recipe(tmp_path / "a"), _recipe(tmp_path / "b", change)
    assert effect(before, after) == needed
    assert what in [c.what for c in recipe_changes(before, after)]
    assert not compare(before, after, None, None).compared


def _figures(*variables: Variable, **more: Any) -> Figures:
    return Figures(**{"keys": (), "inputs": 3, "variables": variables, "sizes": {"time": 3}, "target": "zarr", **more})


def _variable(name: str, **more: Any) -> Variable:
    known = {
        "dims": ("time",),
        "shape": (3,),
        "chunks": (1,),
        "dtype": "<f4",
        "n_chunks": 3,
        "chunk_bytes": 4,
        "bytes": 12,
    }
    return Variable(**{"name": name, **known, **more})


def test_datasets() -> None:
    old = _figures(_variable("a"), _variable("b"), _variable("c"))
    new = _figures(
        _variable("a", dtype="<f8", chunks=(3,)),
        _variable("c"),
        _variable("d"),
        inputs=4,
        sizes={"time": 4, "x": 2},
        target="icechunk",
    )
    assert [(c.what, c.before, c.after) for c in dataset_changes(old, new)] == [
        ("format", "zarr", "icechunk"),
        ("inputs", "3", "4"),
        ("dimension time", "3", "4"),
        ("dimension x", "", "2"),
        ("dtype of a", "<f4", "<f8"),
        ("chunks of a", "1", "3"),
        ("variable b", "<f4 (time) in chunks of 1", "removed"),
        ("variable d", "", "new: <f4 (time) in chunks of 1"),
    ]
    assert not list(dataset_changes(old, old))
