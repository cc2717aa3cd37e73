"""The pull request whose check has ended, as GitHub tells it: never as an artifact does."""

from __future__ import annotations

from dataclasses import dataclass

from pangeo_forge.ci.artifact import LARGEST_ARCHIVE, Findings, read_archive
from pangeo_forge.ci.github.client import GitHub
from pangeo_forge.ci.github.event import FinishedRun
from pangeo_forge.errors import AutomationError

ARTIFACT = "pangeo-forge-check"


@dataclass(frozen=True)
class PullRequest:
    """An open pull request."""

    number: int
    head_sha: str


def pull_of_run(github: GitHub, run: FinishedRun) -> PullRequest | None:
    """The open pull request whose head is the commit that the run has looked at; None: there is none (any more).

    ``workflow_run.pull_requests`` is empty for forks, so the pull requests of the branch are asked for, and owner, branch
    and commit are compared.

    Raises
    ------
    AutomationError: A133, the run was not begun by a pull request.
    """
    if run.cause != "pull_request":
        hint = "recipe-comment.yml answers runs of recipe-pr.yml only"
        raise AutomationError(
            f"the run was begun by {run.cause!r}, not by a pull request", code="A133", where=f"run {run.id}", hint=hint
        )
    for pull in github.pages("pulls", state="open", head=f"{run.head_owner}:{run.head_branch}"):
        head = pull.get("head") or {}
        repository = (head.get("repo") or {}).get("full_name")
        if (head.get("sha"), head.get("ref"), repository) == (run.head_sha, run.head_branch, run.head_repository):
            return PullRequest(int(pull["number"]), run.head_sha)
    return None


def findings_of_run(github: GitHub, run: FinishedRun) -> Findings | None:
    """What the run's check found, from its artifact; None: it uploaded none.

    Raises
    ------
    AutomationError: A110, A111 what is in the artifact is not what the check writes.
    """
    found = [
        a
        for a in github.pages(f"actions/runs/{run.id}/artifacts", "artifacts", name=ARTIFACT)
        if a.get("name") == ARTIFACT and not a.get("expired")
    ]
    if not found:
        return None
    newest = max(found, key=lambda a: int(a["id"]))
    where = f"artifact {int(newest['id'])}"
    if int(newest.get("size_in_bytes") or 0) > LARGEST_ARCHIVE:
        raise AutomationError(
            f"the artifact has more than {LARGEST_ARCHIVE} bytes", code="A111", where=where, hint="it is not read"
        )
    data = github.download(f"actions/artifacts/{int(newest['id'])}/zip", LARGEST_ARCHIVE)
    return read_archive(data, where)
