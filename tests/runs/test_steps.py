from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pangeo_forge.dataset.model import Template
from pangeo_forge.plan import Plan, Resources, make_plan
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.runs import steps
from pangeo_forge.runs.session import opened_session
from pangeo_forge.runs.settings import RunSettings
from tests.cli.archive import make_archive


def _planned(tmp_path: Path) -> tuple[Plan, Template]:
    recipe = load_recipe(make_archive(tmp_path, 3).recipe)
    with opened_session(recipe, RunSettings(mode="single")) as session:
        template = session.prepare().combination.template()
    return make_plan(template, recipe.target, resources=Resources()), template


def _with(template: Template, **changes: object) -> Template:
    """The same with every array changed."""
    return replace(template, arrays=tuple(replace(a, **changes) for a in template.arrays))  # type: ignore[arg-type]


def test_tasks_that_decode_values_open_datasets(tmp_path: Path) -> None:
    plan, template = _planned(tmp_path)
    assert steps._reads_chunks_only(plan, template)
    assert not steps._reads_chunks_only(plan, _with(template, recode=True))
    assert not steps._reads_chunks_only(plan, _with(template, accesses=()))
    assert not steps._reads_chunks_only(plan, _with(template, access_of=np.array([0, -1, 0])))


def test_imports_have_ended_when_the_tasks_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that two threads import at once may be found half-made."""
    go, ended = threading.Event(), threading.Event()

    def slow() -> None:
        go.wait(10)
        ended.set()

    monkeypatch.setattr(steps, "_import_verification", slow)
    with steps._importing_verification():
        assert not ended.is_set()
        go.set()
    assert ended.is_set()
