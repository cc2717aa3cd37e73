"""Processes that check: one that hangs, dies or eats memory costs its own recipe only."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pangeo_forge.ci.review import supervision
from pangeo_forge.ci.review.report import RecipeReport
from pangeo_forge.ci.review.rules import ReviewRules
from pangeo_forge.ci.review.steps import Job
from pangeo_forge.ci.review.supervision import check_job

pytestmark = pytest.mark.slow

FIRST = {"path": "recipes/x/recipe.yaml", "id": "x", "change": "added", "verdict": "unchecked",
         "stages": [{"name": "lint", "outcome": "done", "seconds": 0.1, "note": ""}]}  # fmt: skip


def _checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, **rules: object) -> list[RecipeReport]:
    monkeypatch.setattr(supervision, "CHILD", ("-c", program))
    job = Job(
        str(tmp_path / "r.yaml"),
        "recipes/x/recipe.yaml",
        "added",
        None,
        str(tmp_path / "job"),
        replace(ReviewRules(), **rules),
    )  # type: ignore[arg-type]
    return check_job(job, 600)


def test_one_that_hangs_is_ended_with_all_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        f"import json, subprocess, sys, time; open('findings.json', 'w').write({json.dumps(json.dumps([FIRST]))})\n"
        "below = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "open('pids', 'w').write(str(below.pid)); time.sleep(600)\n"
    )
    [found] = _checked(tmp_path, monkeypatch, program, timeout=4.0)
    assert found.verdict == "timeout"
    assert found.problems[0].code == "A121"
    assert [s.name for s in found.stages] == ["lint"]
    below = int((tmp_path / "job/pids").read_text())
    for _ in range(200):
        if not psutil.pid_exists(below) or psutil.Process(below).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("a process was left behind")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("import sys; print('free(): ::error::x \\x1b[31m', file=sys.stderr); sys.exit(134)", "with code 134"),
        ("raise SystemExit('no \\u202e memory')", "with code 1"),
    ],
)
def test_one_that_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, said: str) -> None:
    [found] = _checked(tmp_path, monkeypatch, program)
    assert found.verdict == "crashed"
    assert found.problems[0].code == "A122"
    assert said in found.problems[0].message
    assert "\x1b" not in found.model_dump_json()


def test_one_that_dies_when_all_is_done_has_done_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = json.dumps([{**FIRST, "verdict": "passed"}])
    [found] = _checked(tmp_path, monkeypatch, f"import os; open('findings.json', 'w').write({done!r}); os.abort()")
    assert found.verdict == "passed"


def test_one_that_takes_too_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [found] = _checked(
        tmp_path,
        monkeypatch,
        "import time; x = bytearray(300_000_000); time.sleep(600)",
        max_process_memory=200_000_000,
    )
    assert found.verdict == "crashed"
    assert found.problems[0].code == "A123"


@pytest.mark.parametrize("text", ["", "{", "[{}]", '[{"verdict": "passed"}]', "[1]", "null", '"x"'])
def test_findings_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    [found] = _checked(tmp_path, monkeypatch, f"open('findings.json', 'w').write({text!r})")
    assert found.verdict == "unchecked"
    assert found.id == "x"


def test_no_credential_and_no_module_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "t0ken")
    (tmp_path / "job").mkdir()
    (tmp_path / "job/json.py").write_text("raise SystemExit('mine')")
    program = "import json, os; open('seen', 'w').write(json.dumps(dict(os.environ)))"
    _checked(tmp_path, monkeypatch, program)
    seen = json.loads((tmp_path / "job/seen").read_text())
    assert "t0ken" not in str(seen)
    assert seen["HOME"].startswith(str(tmp_path))
    assert not os.listdir(tmp_path / "job/home")
