"""The workflows of a contribution, really run: the check of a pull request, then its comment, then a command."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from pangeo_forge.ci.github.pull_request import ARTIFACT
from tests.ci.github.conftest import comment_event, run_event
from tests.ci.github.standin import Standin
from tests.ci.project import Project
from tests.ci.review.served import Site, write_recipe
from tests.ci.workflows.local_runner import PROJECT, Runner

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


@pytest.fixture
def runner(
    project: Project,
    site: Site,
    standin: Standin,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Runner:
    """A runner over a project that holds this project's own actions."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    environment = {
        "GITHUB_API_URL": standin.url,
        "GITHUB_REPOSITORY": standin.repository,
        "GITHUB_TOKEN": standin.token,
    }
    options = ("--allow-scheme", "http", "--allow-address", site.address)
    project.git("checkout", "-q", "main")
    project.write(
        ".github/actions/pangeo-forge/action.yml", (PROJECT / ".github/actions/pangeo-forge/action.yml").read_text()
    )
    project.commit("the action")
    project.git("checkout", "-q", "-B", "work")
    return Runner(tmp_path_factory.mktemp("runner"), project.folder, environment, options)


def test_a_contribution(runner: Runner, project: Project, site: Site, standin: Standin) -> None:
    base = project.git("rev-parse", "main")
    write_recipe(project.folder / "recipes/daily", site.document())
    # What a hostile pull request would change is not what runs.
    project.write(".github/actions/pangeo-forge/action.yml", "name: evil\n")
    project.write("sitecustomize.py", "open('/tmp/pwned-by-pull-request', 'w')\n")
    head = project.commit("a recipe")
    project.git("checkout", "-q", "main")
    project.git("merge", "-q", "--no-ff", "-m", "merge", "work")
    project.git("update-ref", "refs/pull/3/merge", "HEAD")
    project.git("reset", "-q", "--hard", base)

    event = {
        "action": "opened",
        "number": 3,
        "pull_request": {"number": 3, "base": {"sha": base, "ref": "main"}, "head": {"sha": head, "ref": "work"}},
    }
    said = runner.run("recipe-pr.yml", "pull_request", event, default="refs/pull/3/merge")
    assert runner.code == 0, said
    assert "daily: passed" in said
    assert not Path("/tmp/pwned-by-pull-request").exists()
    report = json.loads((runner.folder / "artifacts" / ARTIFACT / "report.json").read_text())
    assert [r["id"] for r in report["recipes"]] == ["daily"]
    assert report["other_files_count"] == 2
    assert "report,grib" in (runner.folder / "pip.log").read_text()

    standin.add_pull(3, head)
    standin.artifacts[5] = [(ARTIFACT, runner.artifact(ARTIFACT))]
    said = runner.run("recipe-comment.yml", "workflow_run", {**run_event(head), "action": "completed"})
    assert runner.code == 0, said
    [body] = standin.ours(3)
    assert "✅" in body
    assert "/raw/pangeo-forge-pictures/3/" in body

    standin.permissions["keeper"] = "write"
    said = runner.run("recipe-command.yml", "issue_comment", comment_event("/plan daily"))
    assert runner.code == 0, said
    assert len(standin.ours(3)) == 2
    assert "`/plan daily` has begun." in standin.ours(3)[1]
    assert "✅" in standin.ours(3)[0]


def test_a_contribution_that_is_wrong(runner: Runner, project: Project, site: Site, standin: Standin) -> None:
    base = project.git("rev-parse", "main")
    write_recipe(project.folder / "recipes/daily", {**site.document(), "titel": "::error::x @everyone"})
    head = project.commit("a recipe")
    project.git("update-ref", "refs/pull/3/merge", "HEAD")
    event = {
        "number": 3,
        "pull_request": {"number": 3, "base": {"sha": base, "ref": "main"}, "head": {"sha": head, "ref": "work"}},
    }
    said = runner.run("recipe-pr.yml", "pull_request", event, default="refs/pull/3/merge")
    assert runner.code != 0
    assert "daily: failed" in said
    report = json.loads((runner.folder / "artifacts" / ARTIFACT / "report.json").read_text())
    assert report["recipes"][0]["verdict"] == "failed"


def test_a_bad_command_is_answered(runner: Runner, standin: Standin) -> None:
    standin.permissions["keeper"] = "write"
    said = runner.run("recipe-command.yml", "issue_comment", comment_event("/rum daily", pull=False))
    assert runner.code == 0, said
    assert "Did you mean `/run`?" in standin.ours(3)[0]


def test_scheduled_runs(
    runner: Runner, project: Project, site: Site, standin: Standin, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is due becomes a matrix, each job runs one feedstock, the one that fails gets an issue."""
    arco = tmp_path_factory.mktemp("arco")
    project.git("checkout", "-q", "main")
    project.git("rm", "-rq", "recipes")
    write_recipe(project.folder / "recipes/daily", site.document(days=3))
    write_recipe(project.folder / "recipes/broken", site.document("broken", days=40))
    project.write(
        "feedstocks/bakeries.yaml", f"local: {{runner: local, target: {arco}, cache: {arco}/cache, workers: 1}}\n"
    )
    for name in ("daily", "broken"):
        project.write(f"feedstocks/{name}.yaml", f'recipe: recipes/{name}\nschedule: "0 * * * *"\nbakery: local\n')
    project.commit("accepted")
    said = runner.run("scheduled.yml", "workflow_dispatch", {"inputs": {}})
    assert runner.code != 0, said
    assert (arco / "daily/latest.json").exists(), said
    assert f"written  {arco}/daily/collection.json" in said
    assert not (arco / "broken/latest.json").exists()
    assert len(standin.issues) == 1, said
    [issue] = standin.issues
    assert issue["title"] == "broken: scheduled run failed"
    assert "day00030.nc" in issue["body"]


def test_a_merge_makes_a_feedstock(runner: Runner, project: Project, site: Site, standin: Standin) -> None:
    project.git("checkout", "-q", "main")
    before = project.git("rev-parse", "HEAD")
    write_recipe(project.folder / "recipes/daily", site.document())
    after = project.commit("merged")
    standin.add_branch("main", {"recipes/daily/recipe.yaml": "x"})
    event = {"ref": "refs/heads/main", "before": before, "after": after}
    said = runner.run("recipe-promote.yml", "push", event)
    assert runner.code == 0, said
    assert standin.files("main")["feedstocks/daily.yaml"].startswith("# yaml-language-server")


def test_a_run_by_command(
    runner: Runner, project: Project, site: Site, standin: Standin, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`/run daily` builds what is accepted, and the answer says how it ended."""
    arco = tmp_path_factory.mktemp("arco")
    project.git("checkout", "-q", "main")
    write_recipe(project.folder / "recipes/daily", site.document(days=3))
    project.write("feedstocks/daily.yaml", f'recipe: recipes/daily\nschedule: "0 * * * *"\ntarget: {arco}\n')
    project.commit("accepted")
    standin.permissions["keeper"] = "write"
    said = runner.run("recipe-command.yml", "issue_comment", comment_event("/run daily", pull=False))
    assert runner.code == 0, said
    assert (arco / "daily/latest.json").exists(), said
    assert "built" in standin.ours(3)[-1], standin.ours(3)
