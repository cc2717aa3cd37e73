"""Feedstocks of merged recipes become a commit on the branch that the recipes were merged into.

What people wrote stays: a feedstock that was changed since the checkout is left alone, and a branch that takes no commits
from workflows gets none; a branch beside it then holds the commit, for a pull request that a person opens.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from pangeo_forge.ci.escaping import clean
from pangeo_forge.ci.github.branches import TRIES, head_of, make_commit, move, put_blob, too_busy
from pangeo_forge.ci.github.client import GitHub, Refused, part
from pangeo_forge.ci.promotion import Promotion
from pangeo_forge.errors import AutomationError, UsageError

ASIDE = "pangeo-forge-feedstocks"
"""Begin of the names of branches beside one that takes no commits from us."""
_SHOWN = 5


@dataclass(frozen=True)
class Committed:
    """What was committed."""

    commit: str | None
    """None: there was nothing to commit."""
    left: tuple[str, ...] = ()
    """Feedstocks that others have changed meanwhile."""


def branch_of_workflow() -> str:
    """The branch that the workflow runs on.

    Raises
    ------
    UsageError: U115, it runs on none.
    """
    name = os.environ.get("GITHUB_REF_NAME", "")
    if not name or os.environ.get("GITHUB_REF_TYPE", "branch") != "branch":
        hint = "a workflow on `push` to a branch sets GITHUB_REF_NAME; without GitHub, commit with git"
        raise UsageError("--commit needs the branch of a workflow", code="U115", hint=hint)
    return name


def commit_feedstocks(github: GitHub, branch: str, made: Sequence[Promotion]) -> Committed:
    """Commit the feedstocks that are new or updated.

    Raises
    ------
    AutomationError: A137, the branch takes no commits from workflows; where they are then.
    """
    wanted = {p.path.as_posix(): p for p in made if p.action in ("create", "update")}
    if not wanted:
        return Committed(None)
    blobs: dict[str, str] = {}
    for _ in range(TRIES):
        head = head_of(github, branch)
        if head is None:
            raise AutomationError("GitHub has no such branch", code="A130", where=branch, hint="was it removed?")
        left = tuple(path for path, p in wanted.items() if _there(github, path, head) != _blob_of(p.replaces))
        paths = [path for path in wanted if path not in left]
        if not paths:
            return Committed(None, left)
        for path in paths:
            if path not in blobs:
                blobs[path] = put_blob(github, wanted[path].text.encode())
        commit = make_commit(github, head, {path: blobs[path] for path in paths}, _message(paths))
        try:
            moved = move(github, branch, head, commit)
        except Refused as error:
            raise _aside(github, branch, commit, error) from None
        if moved:
            return Committed(commit, left)
    raise too_busy(branch)


def _there(github: GitHub, path: str, head: str) -> str | None:
    """The hash of a file's content at a commit; None: it is not there."""
    try:
        found = github.get(f"contents/{'/'.join(map(part, path.split('/')))}", ref=head)
    except Refused as error:
        if error.status == 404:
            return None
        raise
    return str(found["sha"]) if isinstance(found, dict) else ""


def _blob_of(text: str | None) -> str | None:
    """The hash that git has for a text."""
    if text is None:
        return None
    data = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _message(paths: Sequence[str]) -> str:
    names = [clean(p.rpartition("/")[2].removesuffix(".yaml"), 100) for p in paths]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"Feedstocks of merged recipes: {', '.join(names[:_SHOWN])}{more}"


def _aside(github: GitHub, branch: str, commit: str, why: Refused) -> AutomationError:
    """Put a commit that the branch does not take on one of its own."""
    name = f"{ASIDE}-{commit[:10]}"
    move(github, name, None, commit)
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    address = f"{server}/{github.repository}/compare/{part(branch)}...{name}?expand=1"
    return AutomationError(
        f"the branch takes no commits from this workflow ({why.message}); the feedstocks are on the branch {name}",
        code="A137",
        where=branch,
        hint=f"open the pull request at {address}",
    )
