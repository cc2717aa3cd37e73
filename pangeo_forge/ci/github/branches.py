"""Commits on branches at GitHub, made through its API: no clone, no credential in a checkout, never a force."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from pangeo_forge.ci.github.client import GitHub, Refused, part
from pangeo_forge.errors import AutomationError

TRIES = 4


def head_of(github: GitHub, branch: str) -> str | None:
    """The commit that a branch is at; None: there is no such branch."""
    try:
        return str(github.get(f"git/ref/heads/{part(branch)}")["object"]["sha"])
    except Refused as error:
        if error.status in (404, 409):
            return None
        raise


def put_blob(github: GitHub, data: bytes) -> str:
    """Give GitHub a file's content; its hash."""
    made = github.post("git/blobs", {"content": base64.b64encode(data).decode(), "encoding": "base64"})
    return str(made["sha"])


def make_commit(github: GitHub, head: str | None, blobs: Mapping[str, str], message: str) -> str:
    """A commit on top of ``head`` that no branch names yet.

    Parameters
    ----------
    blobs: hashes of contents, by path.
    """
    entries = [{"path": path, "mode": "100644", "type": "blob", "sha": sha} for path, sha in blobs.items()]
    base = {} if head is None else {"base_tree": str(github.get(f"git/commits/{head}")["tree"]["sha"])}
    tree = github.post("git/trees", {"tree": entries, **base})
    parents: Sequence[str] = [] if head is None else [head]
    made = github.post("git/commits", {"message": message, "tree": tree["sha"], "parents": parents})
    return str(made["sha"])


def move(github: GitHub, branch: str, head: str | None, commit: str) -> bool:
    """Let a branch that is at ``head`` name a commit on top of it; False: another was faster.

    Raises
    ------
    Refused: A130, the branch takes no commits from us.
    """
    try:
        if head is None:
            github.post("git/refs", {"ref": f"refs/heads/{branch}", "sha": commit})
        else:
            github.patch(f"git/refs/heads/{part(branch)}", {"sha": commit, "force": False})
    except Refused as error:
        raced = "fast forward" in error.message or head_of(github, branch) != head
        if error.status in (409, 422) and raced:
            return False
        raise
    return True


def too_busy(branch: str) -> AutomationError:
    """Others were faster, again and again."""
    return AutomationError("others keep changing the branch", code="A136", where=branch, hint="run it again")
