"""``ci check`` through the real command line, with its processes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pangeo_forge.ci.review.report import read_report
from tests.ci.project import Project
from tests.ci.review.served import Site, write_recipe
from tests.cli.invocation import invoke


def _options(site: Site) -> list[str]:
    return ["--allow-scheme", "http", "--allow-address", site.address]


@pytest.mark.servers
def test_a_pull_request(project: Project, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed recipe, a new one that is wrong, a removed one, and a file that is none of these."""
    write_recipe(project.folder / "recipes/daily", site.document(days=28))
    project.commit()
    project.git("branch", "-f", "main")
    write_recipe(project.folder / "recipes/daily", site.document(target={"chunks": {"time": 15}, "append": "time"}))
    write_recipe(project.folder / "recipes/wrong", {**site.document("wrong"), "titel": "x"})
    project.git("rm", "-rq", "recipes/two")
    project.write("setup.cfg", "x")
    project.commit()
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    output = tmp_path / "out"
    began = time.monotonic()
    got = invoke("ci", "check", "--base", "main", "--output", output, *_options(site))
    assert time.monotonic() - began < 240
    assert got.code == 1
    found = read_report((output / "report.json").read_bytes(), "x")
    verdicts = {r.id: (r.change, r.verdict) for r in found.recipes}
    assert verdicts == {"daily": ("changed", "passed"), "wrong": ("added", "failed"), "two": ("removed", "removed")}
    assert found.other_files == ("setup.cfg",)
    daily = next(r for r in found.recipes if r.id == "daily")
    assert daily.difference is not None
    assert daily.difference.effect == "rebuild"
    assert {c.what for c in daily.difference.dataset} >= {"inputs", "dimension time", "chunks of sst"}
    assert [p.name for p in (output / "pictures").iterdir()] == [daily.pictures[0].file]
    assert summary.read_text().startswith("## ❌ Recipe check: 1 of 3 recipes did not pass")
    assert "::error file=recipes/wrong/recipe.yaml,line=" in got.err
    before = (output / "report.md").read_text()
    (output / "report.md").unlink()
    assert invoke("ci", "report", output).code == 0
    assert (output / "report.md").read_text() == before


@pytest.mark.servers
def test_one_recipe_takes_less_than_a_minute_of_work(site: Site, tmp_path: Path) -> None:
    """Processor time of the check and its processes: the wall clock of a busy machine says nothing."""
    import os

    path = write_recipe(tmp_path / "daily", site.document())
    before = os.times()
    got = invoke("ci", "check", path, "--output", tmp_path / "out", *_options(site), "--json")
    after = os.times()
    assert got.code == 0, got.out
    assert got.json["recipes"][0]["verdict"] == "passed"
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert used < 60


def test_wrong_calls(tmp_path: Path, site: Site) -> None:
    path = write_recipe(tmp_path / "daily", site.document())
    assert invoke("ci", "check").code == 2
    assert invoke("ci", "check", path, "--base", "main").code == 2
    assert invoke("ci", "check", path, "--timeout", "soon").code == 2
    assert invoke("ci", "check", tmp_path / "nothing").code == 1
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").write_text("x")
    got = invoke("ci", "check", path, "--output", tmp_path / "full", "--json")
    assert got.json["error"]["code"] == "U110"
    assert (tmp_path / "full/thesis.tex").exists()


def test_nothing_changed(project: Project, tmp_path: Path) -> None:
    got = invoke("ci", "check", "--base", "main", "--output", tmp_path / "out")
    assert got.code == 0
    assert "no recipe changed" in got.out
    assert (tmp_path / "out/report.json").exists()


def test_no_more_recipes_than_one_check_looks_at(project: Project, tmp_path: Path) -> None:
    for number in range(5):
        project.recipe(f"r{number}", ("title: A dataset", "titel: A dataset"))
    got = invoke("ci", "check", "--base", "main", "--most", 2, "--output", tmp_path / "out", "--json")
    assert got.code == 1
    assert len(got.json["recipes"]) == 2
    assert got.json["left_out"] == 3


def test_when_the_time_is_over_the_others_are_named(project: Project, tmp_path: Path) -> None:
    project.recipe("three", ("title: A dataset", "titel: A dataset"))
    got = invoke("ci", "check", "--base", "main", "--total", "0s", "--output", tmp_path / "out", "--json")
    assert got.code == 1
    assert got.json["recipes"][0]["verdict"] == "unchecked"
    assert got.json["recipes"][0]["problems"][0]["code"] == "A124"
