"""Pictures of a report on a branch of their own: comments cannot hold files, and link to them there.

The branch shares no history with the others. Each picture is named by its content, so a comment shows what was checked,
and the same picture is put once. The branch may be deleted at any time; old comments lose their pictures then.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping

from pangeo_forge.ci.github.client import GitHub, Refused, part
from pangeo_forge.errors import AutomationError, UsageError

DEFAULT_BRANCH = "pangeo-forge-pictures"
_TRIES = 4
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}\Z")


def publish(github: GitHub, branch: str, pictures: Mapping[str, bytes], number: int) -> dict[str, str]:
    """Put pictures on ``branch``; from the name of each to the address that shows it.

    Parameters
    ----------
    pictures: by file name; checked already.
    number: of the pull request, for the folder that they lie in.
    """
    if not _BRANCH.match(branch):
        hint = "use letters, digits, dots and dashes"
        raise UsageError(f"{branch!r} cannot be the branch of pictures", code="U114", hint=hint)
    if not pictures:
        return {}
    paths = {name: f"{number}/{hashlib.sha256(data).hexdigest()[:24]}.png" for name, data in pictures.items()}
    entries = [
        {"path": paths[name], "mode": "100644", "type": "blob", "sha": _blob(github, data)}
        for name, data in pictures.items()
    ]
    for attempt in range(_TRIES):
        head = _head(github, branch)
        if _commit(github, branch, head, entries, number):
            break
        if attempt == _TRIES - 1:
            raise AutomationError(
                "others keep changing the branch of pictures", code="A136", where=branch, hint="run it again"
            )
        github.sleep(2.0**attempt)
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    return {name: f"{server}/{github.repository}/raw/{part(branch)}/{path}" for name, path in paths.items()}


def _blob(github: GitHub, data: bytes) -> str:
    made = github.post("git/blobs", {"content": base64.b64encode(data).decode(), "encoding": "base64"})
    return str(made["sha"])


def _head(github: GitHub, branch: str) -> str | None:
    try:
        return str(github.get(f"git/ref/heads/{part(branch)}")["object"]["sha"])
    except Refused as error:
        if error.status in (404, 409):
            return None
        raise


def _commit(github: GitHub, branch: str, head: str | None, entries: list[dict[str, str]], number: int) -> bool:
    """One commit on top of ``head``; False when another was faster."""
    base = {} if head is None else {"base_tree": str(github.get(f"git/commits/{head}")["tree"]["sha"])}
    tree = github.post("git/trees", {"tree": entries, **base})
    parents = [] if head is None else [head]
    commit = github.post(
        "git/commits", {"message": f"Pictures of pull request {number}", "tree": tree["sha"], "parents": parents}
    )
    try:
        if head is None:
            github.post("git/refs", {"ref": f"refs/heads/{branch}", "sha": commit["sha"]})
        else:
            github.patch(f"git/refs/heads/{part(branch)}", {"sha": commit["sha"], "force": False})
    except Refused as error:
        if error.status == 422:
            return False
        raise
    return True
