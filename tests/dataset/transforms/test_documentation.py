"""Every example of docs/transforms.md is a valid recipe section and runs, and every transform has one."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pangeo_forge.dataset.transforms import TRANSFORMS, Context, apply_transforms
from pangeo_forge.pattern.keys import KeyValue
from pangeo_forge.recipe.transforms import TRANSFORMS as MODELS
from pangeo_forge.recipe.transforms import Transform

from .made import sst

PAGE = (Path(__file__).parents[3] / "docs" / "transforms.md").read_text()
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S))
KEY = {"time": KeyValue(dt.datetime(2020, 1, 1)), "variable": KeyValue("sst", "sst")}


def blocks(text: str) -> list[Any]:
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.S)]


def run(steps: list[Any], folder: Path | None = None) -> Any:
    models = [Transform.model_validate(step) for step in steps]
    context = Context(key=KEY, url="https://host/a.nc", label="a", folder=folder, allow_python=True)
    out = apply_transforms(sst(1), models, context)
    for variable in out.variables.values():
        np.asarray(variable.values)
    return out


def test_each_transform_is_documented() -> None:
    assert set(SECTIONS) == set(TRANSFORMS) == set(MODELS)


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_examples(name: str, tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text("def celsius(ds):\n    return ds.assign(sst=ds.sst + 1)\n")
    examples = blocks(SECTIONS[name])
    assert examples
    for steps in examples:
        assert any(name in step for step in steps)
        before = run([s for s in steps if name not in s], tmp_path)
        after = run(steps, tmp_path)
        description = [
            (
                list(d.coords),
                [(n, v.dims, v.shape, v.dtype, str(v.attrs), str(v.encoding)) for n, v in d.variables.items()],
                d.attrs,
            )
            for d in (before, after)
        ]
        same_values = all(
            np.array_equal(before[n], after[n], equal_nan=False) for n in before.variables if n in after.variables
        )
        assert description[0] != description[1] or not same_values


def test_the_first_example() -> None:
    first = next(block for block in blocks(PAGE) if isinstance(block, dict))
    assert set(run(first["transforms"]).variables) == {"sst", "area", "time", "zlev", "lat", "lon"}
