"""What tests of the automation share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ci.project import Project, make_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A repository with two recipes on main; the current folder, on a branch `work`."""
    made = make_project(tmp_path)
    made.recipe("one")
    made.recipe("two")
    made.commit("first")
    made.git("checkout", "-q", "-b", "work")
    monkeypatch.chdir(tmp_path)
    return made
