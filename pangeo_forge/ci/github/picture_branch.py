"""Pictures of a report on a branch of their own: comments cannot hold files, and link to them there.

The branch shares no history with the others. Each picture is named by its content, so a comment shows what was checked,
and the same picture is put once. The branch may be deleted at any time; old comments lose their pictures then.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping

from pangeo_forge.ci.github.branches import TRIES, head_of, make_commit, move, put_blob, too_busy
from pangeo_forge.ci.github.client import GitHub, part
from pangeo_forge.errors import UsageError

DEFAULT_BRANCH = "pangeo-forge-pictures"
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
    blobs = {paths[name]: put_blob(github, data) for name, data in pictures.items()}
    for attempt in range(TRIES):
        head = head_of(github, branch)
        commit = make_commit(github, head, blobs, f"Pictures of pull request {number}")
        if move(github, branch, head, commit):
            break
        if attempt == TRIES - 1:
            raise too_busy(branch)
        github.sleep(2.0**attempt)
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    return {name: f"{server}/{github.repository}/raw/{part(branch)}/{path}" for name, path in paths.items()}
