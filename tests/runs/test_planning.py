"""A plan from the first and last inputs: lengths of those between are guessed, and said to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pangeo_forge
from pangeo_forge.runs.planning import PlanReport, plan_recipe
from pangeo_forge.runs.settings import RunSettings
from tests.cli.archive import Archive, make_archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return make_archive(tmp_path_factory.mktemp("planned"), 5)


@pytest.fixture(scope="module")
def probed(archive: Archive) -> PlanReport:
    return pangeo_forge.load_recipe(str(archive.recipe)).plan(probe=True, mode="single")


def test_without_probe_only_the_pattern_is_known(archive: Archive) -> None:
    report = pangeo_forge.load_recipe(str(archive.recipe)).plan()
    assert report.known is None
    assert report.inputs == 5
    assert len(report.first) == len(report.last) == 3
    assert report.keys[0]["count"] == 5
    assert "inputs   5" in repr(report)


def test_probe_stretches_what_it_saw(probed: PlanReport) -> None:
    assert probed.estimated
    assert probed.known is not None
    assert probed.known["sizes"]["time"] == 900
    assert probed.known["inputs"] == 5
    [ta] = [a for a in probed.known["arrays"] if a["name"] == "ta"]
    assert tuple(ta["shape"]) == (900, 2, 2, 2)
    assert ta["n_chunks"] == 9
    assert probed.absent == ()
    assert probed.probed == probed.sized == 5
    assert probed.input_bytes == probed.sized_bytes > 5 * 900 * 2
    assert "dims" in repr(probed)
    assert "<table>" in probed._repr_html_()


def test_guess_equals_the_truth_for_even_files(archive: Archive, probed: PlanReport, tmp_path: Path) -> None:
    result = pangeo_forge.load_recipe(str(archive.recipe)).run(str(tmp_path / "x.zarr"), mode="single", verify=False)
    assert probed.known is not None
    assert result.plan["sizes"] == probed.known["sizes"]
    assert result.plan["bytes"] == probed.known["bytes"]
    ds = result.open()
    assert ds.sizes["time"] == 900
    assert np.all(np.diff(ds.indexes["time"].values) > np.timedelta64(0) if ds.time.dtype.kind == "M" else True)
    assert "made-here" in repr(result)
    assert "<table>" in result._repr_html_()


def test_recipe_shows_itself(archive: Archive) -> None:
    recipe = pangeo_forge.load_recipe(str(archive.recipe))
    assert recipe.id == "made-here"
    assert "made-here" in repr(recipe)
    assert "made-here" in recipe._repr_html_()
    assert len(recipe.pattern()) == 5


def test_some_inputs_stand_for_all(archive: Archive, probed: PlanReport) -> None:
    """The first and the last are among those that are asked for."""
    recipe = pangeo_forge.load_recipe(str(archive.recipe)).model
    found = plan_recipe(recipe, RunSettings(mode="single"), probe=True, ask=2)
    assert (found.probed, found.sized) == (2, 2)
    assert found.input_bytes == pytest.approx(probed.input_bytes, rel=0.01)
    assert plan_recipe(recipe, RunSettings(mode="single"), probe=True, ask=9).probed == 5
