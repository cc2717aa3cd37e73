"""The comment that shows a check's report in its pull request."""

from __future__ import annotations

from collections.abc import Mapping

from pangeo_forge.ci.artifact import Findings
from pangeo_forge.ci.github import comments, picture_branch
from pangeo_forge.ci.github.client import GitHub
from pangeo_forge.ci.review.markdown import render
from pangeo_forge.errors import AutomationError

PURPOSE = "check"


def post(
    github: GitHub, number: int, findings: Findings, *, branch: str | None = None, commit: str = ""
) -> comments.Said | None:
    """Post or update the one comment of a check; None: there is nothing to say.

    Parameters
    ----------
    branch: where pictures are put; None: none are shown.
    commit: that was checked, as GitHub says; what the report says of it is not asked.
    """
    links: Mapping[str, str] = {}
    if branch is not None:
        try:
            links = picture_branch.publish(github, branch, findings.pictures, number)
        except AutomationError:
            # A report without pictures is better than none.
            links = {}
    page = render(findings.report, links.get)
    head = f"<sub>Commit {commit[:10]}. {_run_link()}</sub>\n\n" if commit else ""
    silent = not findings.report.recipes and not findings.report.left_out
    return comments.upsert(github, number, PURPOSE, head + page, create=not silent)


def post_failure(github: GitHub, number: int, why: str, commit: str = "") -> comments.Said | None:
    """Say that the check came to no report; ``why`` is our own text."""
    text = f"## ❔ The recipe check came to no report\n\n{why} {_run_link()}"
    head = f"<sub>Commit {commit[:10]}.</sub>\n\n" if commit else ""
    return comments.upsert(github, number, PURPOSE, head + text)


def _run_link() -> str:
    address = run_address()
    return f"[Log]({address})" if address else ""


def run_address() -> str | None:
    """The page of this workflow's run."""
    import os

    server, repository, run = (os.environ.get(f"GITHUB_{n}", "") for n in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run.isdigit() else None
