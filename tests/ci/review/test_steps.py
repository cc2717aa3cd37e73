"""One recipe from lint to pictures, in this process: what the report says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pangeo_forge.ci.review.report import RecipeReport
from tests.ci.review.served import Site, checked, write_recipe

pytestmark = pytest.mark.slow


@pytest.fixture
def report(site: Site, tmp_path: Path) -> RecipeReport:
    """A changed recipe that passes."""
    base = site.document(target={"chunks": {"time": 5}, "append": "time"})
    before = write_recipe(tmp_path / "base/daily", base)
    after = write_recipe(tmp_path / "daily", site.document())
    [found] = checked(after, replace(site.rules, pictures=True), before)
    return found


def test_a_recipe_that_passes(report: RecipeReport, site: Site, tmp_path: Path) -> None:
    assert report.verdict == "passed"
    assert [s.name for s in report.stages] == ["lint", "plan", "pictures", "dry-run", "verify", "base"] or {
        s.name for s in report.stages
    } == {"lint", "plan", "dry-run", "verify", "pictures", "base"}
    assert all(s.outcome == "done" for s in report.stages), report.stages
    figures, trial, guess = report.figures, report.trial, report.estimate
    assert figures is not None
    assert trial is not None
    assert guess is not None
    assert (figures.inputs, figures.asked, figures.absent_count) == (30, 30, 0)
    assert figures.sizes == {"time": 30, "lat": 6, "lon": 8}
    assert figures.variables[0].name == "sst"
    assert figures.variables[0].chunks == (10, 6, 8)
    assert figures.estimated
    assert (trial.inputs, trial.sizes["time"]) == (2, 2)
    # All sizes are told by the server, so this figure is no guess.
    assert guess.egress_bytes == sum(p.stat().st_size for p in site.folder.glob("*.nc"))
    assert "all inputs" in guess.egress_basis
    assert guess.seconds is not None
    assert guess.stored_bytes is not None
    assert all(o.passed for o in report.outcomes)
    assert 'home = "ROOT/daily"' in report.snippet
    assert [p.variable for p in report.pictures] == ["sst"]
    assert (tmp_path / "scratch-daily/pictures" / report.pictures[0].file).read_bytes()[:4] == b"\x89PNG"


def test_the_difference_from_the_base(report: RecipeReport) -> None:
    difference = report.difference
    assert difference is not None
    assert difference.effect == "rebuild"
    assert difference.compared
    assert [(c.what, c.before, c.after) for c in difference.recipe] == [("target.chunks.time", "5", "10")]
    assert [(c.what, c.before, c.after) for c in difference.dataset] == [("chunks of sst", "5 x 6 x 8", "10 x 6 x 8")]


def test_absent_inputs_are_all_named_and_nothing_is_run(site: Site, tmp_path: Path) -> None:
    [found] = checked(write_recipe(tmp_path / "daily", site.document(days=33)), site.rules)
    assert found.verdict == "failed"
    [problem] = [p for p in found.problems if p.level == "error"]
    assert problem.code == "I001"
    assert problem.message.count("is absent") == 3
    assert (problem.file, problem.line) == ("recipes/daily/recipe.yaml", 5)
    assert found.trial is None
    assert found.figures is not None
    assert found.figures.absent_count == 3


def test_a_hole_in_the_middle_stops_no_pruned_run(site: Site, tmp_path: Path) -> None:
    site.answers["/day00015.nc"] = (404, {}, b"")
    [found] = checked(write_recipe(tmp_path / "daily", site.document()), site.rules)
    assert found.verdict == "failed"
    assert found.trial is not None


def test_absent_inputs_that_are_excused(site: Site, tmp_path: Path) -> None:
    site.answers["/day00015.nc"] = (404, {}, b"")
    document = site.document()
    document["inputs"]["on_missing"] = "skip"
    [found] = checked(write_recipe(tmp_path / "daily", document), site.rules)
    assert found.verdict == "passed"
    assert found.figures is not None
    assert found.figures.absent_count == 1


def test_many_inputs_are_sampled_and_it_says_so(site: Site, tmp_path: Path) -> None:
    [found] = checked(write_recipe(tmp_path / "daily", site.document()), replace(site.rules, ask=5))
    assert found.figures is not None
    assert found.figures.asked == 5
    assert found.estimate is not None
    assert "5 of 30 inputs" in found.estimate.egress_basis


def test_what_is_wrong_is_said_with_its_line(site: Site, tmp_path: Path) -> None:
    document = site.document(checks=[{"variable": "sst", "max": 0.1}])
    [found] = checked(write_recipe(tmp_path / "daily", document), site.rules)
    assert found.verdict == "failed"
    [problem] = [p for p in found.problems if p.level == "error"]
    assert problem.code == "V001"
    text = (tmp_path / "daily/recipe.yaml").read_text().splitlines()
    assert problem.line is not None
    assert "checks" in text[problem.line - 1] or "max" in text[problem.line - 1]
    assert "scratch" not in problem.message + problem.where


def test_lint_errors_each_have_their_line(site: Site, tmp_path: Path) -> None:
    [found] = checked(write_recipe(tmp_path / "daily", {**site.document(), "titel": "x", "licence": "y"}), site.rules)
    assert {p.code for p in found.problems if p.level == "error"} == {"R010"}
    assert all(p.line for p in found.problems)
    assert [s.name for s in found.stages] == ["lint"]


def test_changed_words_need_no_check_of_data(site: Site, tmp_path: Path) -> None:
    [found] = checked(write_recipe(tmp_path / "daily", site.document()), site.rules, lint_only=True)
    assert found.verdict == "passed"
    assert not site.requests


def test_of_a_matrix_the_first_and_the_last_are_run(site: Site, tmp_path: Path) -> None:
    document = site.document("daily-{part}", matrix={"part": ["a", "b", "c", "d"]})
    found = checked(write_recipe(tmp_path / "daily", document), site.rules)
    assert [(r.id, r.verdict, r.combinations) for r in found] == [("daily-a", "passed", 4), ("daily-d", "passed", 4)]


def test_without_matplotlib_there_are_no_pictures(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def refuse(name: str, *args: object, **more: object) -> object:
        if name == "matplotlib":
            raise ImportError(name)
        return real(name, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    [found] = checked(write_recipe(tmp_path / "daily", site.document()), replace(site.rules, pictures=True))
    assert found.verdict == "passed"
    [stage] = [s for s in found.stages if s.name == "pictures"]
    assert (stage.outcome, stage.note) == ("skipped", "matplotlib is not installed")
