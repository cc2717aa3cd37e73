"""The comment that shows a check's report in its pull request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pangeo_forge.ci.artifact import Findings, read_folder
from pangeo_forge.ci.github import comments, picture_branch
from pangeo_forge.ci.github.client import GitHub
from pangeo_forge.ci.github.event import FinishedRun
from pangeo_forge.ci.github.pull_request import findings_of_run, pull_of_run
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


def answer_run(
    github: GitHub, run: FinishedRun, folder: Path | None, *, branch: str | None = None
) -> tuple[comments.Said | None, str]:
    """Post what a run's check found in its pull request; with nothing said, why.

    Parameters
    ----------
    folder: that holds the report; None: GitHub is asked for the run's artifact.
    """
    pull = pull_of_run(github, run)
    if pull is None:
        return None, "no open pull request has this commit as its head any more: nothing is said"
    try:
        found = read_folder(folder) if folder is not None else findings_of_run(github, run)
    except AutomationError as error:
        if error.code not in ("A110", "A111"):
            raise
        why = f"Its artifact is not what a check writes [{error.code}]."
        return post_failure(github, pull.number, why, run.head_sha), ""
    if found is None:
        return post_failure(github, pull.number, "It uploaded no report: see its log.", run.head_sha), ""
    return post(github, pull.number, found, branch=branch, commit=run.head_sha), "there is nothing to say"


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
    server, repository, run = (os.environ.get(f"GITHUB_{n}", "") for n in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run.isdigit() else None
