"""What happened: the event that GitHub wrote for a workflow. Its fields that people fill are data, never commands."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pangeo_forge.errors import UsageError


@dataclass(frozen=True)
class FinishedRun:
    """A workflow's run that has ended (``workflow_run``)."""

    id: int
    cause: str
    """The event that began it."""
    head_sha: str
    head_branch: str
    head_owner: str
    head_repository: str


@dataclass(frozen=True)
class NewComment:
    """A comment on an issue or a pull request (``issue_comment``)."""

    id: int
    number: int
    body: str
    author: str
    is_bot: bool
    on_pull_request: bool


def read_event() -> Mapping[str, Any]:
    """The event of this workflow, from GITHUB_EVENT_PATH.

    Raises
    ------
    UsageError: U112, there is none.
    """
    path = os.environ.get("GITHUB_EVENT_PATH", "")
    try:
        found = json.loads(Path(path).read_bytes()) if path else None
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(
            "there is no event of GitHub to answer", code="U112", hint="a workflow sets GITHUB_EVENT_PATH to its file"
        )
    return found


def finished_run(event: Mapping[str, Any]) -> FinishedRun:
    """The run that a ``workflow_run`` event tells of.

    Raises
    ------
    UsageError: U113, it is another event.
    """
    try:
        run = event["workflow_run"]
        return FinishedRun(
            id=int(run["id"]),
            cause=str(run["event"]),
            head_sha=str(run["head_sha"]),
            head_branch=str(run["head_branch"]),
            head_owner=str(run["head_repository"]["owner"]["login"]),
            head_repository=str(run["head_repository"]["full_name"]),
        )
    except (KeyError, TypeError, ValueError):
        raise _other("workflow_run") from None


def new_comment(event: Mapping[str, Any]) -> NewComment:
    """The comment that an ``issue_comment`` event tells of.

    Raises
    ------
    UsageError: U113, it is another event.
    """
    try:
        comment, issue = event["comment"], event["issue"]
        return NewComment(
            id=int(comment["id"]),
            number=int(issue["number"]),
            body=str(comment["body"]),
            author=str(comment["user"]["login"]),
            is_bot=comment["user"].get("type") == "Bot",
            on_pull_request=issue.get("pull_request") is not None,
        )
    except (KeyError, TypeError, ValueError):
        raise _other("issue_comment") from None


def _other(wanted: str) -> UsageError:
    return UsageError(f"the event is no {wanted}", code="U113", hint=f"call this in a workflow on {wanted}")
