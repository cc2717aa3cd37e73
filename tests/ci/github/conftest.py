"""GitHub's stand-in, and an environment that points to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.ci.github.client import GitHub
from tests.ci.github.standin import Standin

HEAD = "a" * 40


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Standin]:
    """A repository that is empty; fails the test when a request was not as GitHub has it."""
    made = Standin()
    server = made.serve()
    for name, value in {
        "GITHUB_API_URL": made.url,
        "GITHUB_REPOSITORY": made.repository,
        "GITHUB_TOKEN": made.token,
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_RUN_ID": "77",
    }.items():
        monkeypatch.setenv(name, value)
    yield made
    server.shutdown()
    server.server_close()
    assert not made.faults


@pytest.fixture
def github(standin: Standin) -> GitHub:
    """A client that does not wait."""
    return GitHub(standin.repository, standin.token, standin.url, sleep=lambda seconds: None)


@pytest.fixture
def write_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Write the event of the workflow."""

    def write(event: dict[str, Any]) -> None:
        path = tmp_path / "event.json"
        path.write_text(json.dumps(event))
        monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))

    return write


def run_event(
    sha: str = HEAD, branch: str = "work", owner: str = "stranger", cause: str = "pull_request"
) -> dict[str, Any]:
    """A workflow_run event; for forks, `pull_requests` is empty."""
    return {
        "workflow_run": {
            "id": 5,
            "event": cause,
            "head_sha": sha,
            "head_branch": branch,
            "head_repository": {"full_name": f"{owner}/forge", "owner": {"login": owner}},
            "pull_requests": [],
        }
    }


def comment_event(body: str, login: str = "keeper", *, pull: bool = True, kind: str = "User") -> dict[str, Any]:
    """An issue_comment event."""
    issue: dict[str, Any] = {"number": 3, **({"pull_request": {"url": "x"}} if pull else {})}
    return {
        "action": "created",
        "issue": issue,
        "comment": {"id": 9, "body": body, "user": {"login": login, "type": kind}},
    }
