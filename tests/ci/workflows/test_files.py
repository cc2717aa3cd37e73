"""Workflows, the composite action and issue forms: as their schemas, linters and our own rules want them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pangeo_forge.cli.ci import COMMANDS
from tests.ci.workflows.local_runner import PROJECT, actions

GITHUB = PROJECT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
COMPOSITE = GITHUB / "actions/pangeo-forge/action.yml"


def _read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def _jobs() -> list[Any]:
    return [
        pytest.param(p, name, job, id=f"{p.stem}-{name}") for p in WORKFLOWS for name, job in _read(p)["jobs"].items()
    ]


def _steps() -> list[tuple[Path, dict[str, Any]]]:
    found = [(p, step) for p in WORKFLOWS for job in _read(p)["jobs"].values() for step in job["steps"]]
    return found + [(COMPOSITE, step) for step in _read(COMPOSITE)["runs"]["steps"]]


def _call(*words: str) -> None:
    path = Path(sys.executable).parent / words[0]
    done = subprocess.run([str(path), *words[1:]], cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint() -> None:
    _call("actionlint", "-no-color", *map(str, WORKFLOWS))


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("github-workflows", "workflows/*.yml"),
        ("github-actions", "actions/*/action.yml"),
        ("github-issue-forms", "ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-config", "ISSUE_TEMPLATE/config.yml"),
        ("dependabot", "dependabot.yml"),
    ],
)
def test_schemas(schema: str, pattern: str) -> None:
    files = [str(p) for p in GITHUB.glob(pattern)]
    assert files
    _call("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


def test_zizmor() -> None:
    _call("zizmor", "--offline", "--no-progress", ".github")


def test_forms_as_yaml_1_1_reads_them() -> None:
    """GitHub takes `no` without quotes for false."""
    for path in (GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml"):
        for part in _read(path)["body"]:
            assert all(isinstance(o, str) for o in part["attributes"].get("options", ()))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_nothing_is_allowed_by_default(path: Path) -> None:
    assert _read(path)["permissions"] == {}


@pytest.mark.parametrize(("path", "name", "job"), _jobs())
def test_jobs_say_what_they_may_and_how_long(path: Path, name: str, job: dict[str, Any]) -> None:
    assert job["timeout-minutes"] <= 360
    assert job["permissions"]
    assert "write-all" not in str(job["permissions"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_runs_do_not_pile_up(path: Path) -> None:
    document = _read(path)
    groups = [document.get("concurrency"), *(job.get("concurrency") for job in document["jobs"].values())]
    assert any(groups)


def test_actions_are_pinned_by_hash_and_each_once() -> None:
    for path, step in _steps():
        uses = step.get("uses", "")
        assert not uses or uses.startswith("./") or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", uses), path
    assert len({name for name, _ in actions()}) == len(actions())
    for path in [*WORKFLOWS, COMPOSITE]:
        for line in path.read_text().splitlines():
            if re.search(r"uses: [a-z-]+/", line):
                assert re.search(r"@[0-9a-f]{40} # v\d+\.\d+", line), line


def test_no_expression_in_a_script() -> None:
    for path, step in _steps():
        assert "${{" not in step.get("run", ""), path


def test_no_checkout_keeps_the_token() -> None:
    for path, step in _steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, path


def test_scripts_call_the_program() -> None:
    """No logic in YAML: of our workflows every script is a call of a command that there is."""
    for path, step in _steps():
        script = step.get("run", "")
        if path.stem.startswith(("recipe-", "scheduled")) and script:
            called = re.findall(r"^\s*pangeo-forge (?:ci )?([a-z-]+)", script, re.M)
            assert len(called) == 1, (path, script)
            assert called[0] in {*COMMANDS, "plan", "catalog"}, (path, script)
            assert len(script.strip().splitlines()) <= 2


def test_the_check_of_strangers_has_nothing_to_lose() -> None:
    document = _read(GITHUB / "workflows/recipe-pr.yml")
    text = (GITHUB / "workflows/recipe-pr.yml").read_text()
    assert "pull_request_target" not in text
    assert "secrets" not in text.split("\njobs:")[1]
    assert "github.token" not in text
    assert document["jobs"]["check"]["permissions"] == {"contents": "read"}
    [trusted, proposed] = [s["with"] for s in document["jobs"]["check"]["steps"] if "checkout" in s.get("uses", "")]
    assert trusted["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert "ref" not in proposed
    # Nothing is installed from, or imported in, what is proposed.
    assert [s["uses"] for s in document["jobs"]["check"]["steps"] if s.get("uses", "").startswith("./")] == [
        "./trusted/.github/actions/pangeo-forge"
    ]


def test_jobs_that_write_check_out_nothing_of_a_pull_request() -> None:
    for path in WORKFLOWS:
        for job in _read(path)["jobs"].values():
            if "write" in [v for k, v in job["permissions"].items() if k != "id-token"]:
                for step in job["steps"]:
                    if "checkout" in step.get("uses", ""):
                        assert "ref" not in step["with"], path


def test_docs_name_every_workflow_and_command() -> None:
    page = (PROJECT / "docs/ci.md").read_text()
    for path in WORKFLOWS:
        assert f"`{path.name}`" in page
    for name in COMMANDS:
        assert f"`ci {name}" in page or f"`{name}`" in page, name


def test_the_tools_are_here() -> None:
    for name in ("actionlint", "check-jsonschema", "zizmor", "act"):
        assert shutil.which(name, path=str(Path(sys.executable).parent)), name
