"""Commands in comments: ``/run ID``, ``/plan ID``, ``/help``. Every one gets an answer, those with typos too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from pangeo_forge.ci.escaping import clean, code
from pangeo_forge.ci.github.client import GitHub, part

COMMANDS = {
    "run": "run the feedstock ID now, although it is not due",
    "plan": "in a pull request: check its recipe ID again; elsewhere: plan the accepted recipe ID",
    "help": "this list",
}
WRITERS = ("admin", "write")
"""Permissions that may give commands; ``maintain`` is told as ``write``."""
_WORD = re.compile(r"/([A-Za-z][A-Za-z-]{0,30})(?=\s|\Z)(.*)")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)?\Z")
"""An id; of one dataset of a matrix, the feedstock's and its own."""
_MOST_IDS = 15


@dataclass(frozen=True)
class Command:
    """A command that is understood, or what is to be answered to one that is not."""

    action: Literal["run", "plan", "answer", "none"]
    id: str = ""
    answer: str = ""
    """Markdown; our own text but for what :mod:`~pangeo_forge.ci.escaping` has made harmless."""


def parse(body: str, recipes: Sequence[str], feedstocks: Sequence[str], *, on_pull_request: bool) -> Command:
    """The command of a comment: its first line that is not empty.

    Parameters
    ----------
    recipes, feedstocks: ids that there are on the default branch.
    on_pull_request: a recipe that is only proposed may be meant.
    """
    line = next((part.strip() for part in body[:2000].splitlines() if part.strip()), "")
    found = _WORD.match(line)
    if found is None:
        return Command("none")
    word, rest = found[1].lower(), found[2].split()
    if word not in COMMANDS:
        near = get_close_matches(word, COMMANDS, n=1)
        guess = f" Did you mean `/{near[0]}`?" if near else ""
        return Command("answer", answer=f"There is no command {code('/' + word)}.{guess}\n\n{usage()}")
    if word == "help":
        return Command("answer", answer=f"{usage()}\n\n{_ids('Feedstocks', feedstocks)}")
    known = feedstocks if word == "run" else recipes
    what = "feedstock" if word == "run" else "recipe"
    if len(rest) != 1:
        said = "needs one ID" if not rest else f"takes one ID, not {len(rest)} words"
        return Command("answer", answer=f"`/{word}` {said}.\n\n{usage()}\n\n{_ids(what.capitalize() + 's', known)}")
    name = rest[0]
    proposed = word == "plan" and on_pull_request
    there = name in known or (word == "run" and name.partition("/")[0] in known)
    if not _ID.match(name) or len(name) > 200 or (not there and not proposed) or (word == "plan" and "/" in name):
        close = get_close_matches(name[:200], known, n=3)
        guess = f"Did you mean {', '.join(f'`{c}`' for c in close)}?" if close else _ids(f"{what.capitalize()}s", known)
        return Command("answer", answer=f"There is no {what} {code(name, 80)}. {guess}\n\n{usage()}")
    return Command("run" if word == "run" else "plan", name)


def may_command(github: GitHub, login: str) -> bool:
    """Whether somebody may write to the repository, as GitHub says now; the comment's own word is not taken."""
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,60})(?:\[bot\])?", login):
        return False
    return github.get(f"collaborators/{part(login)}/permission").get("permission") in WRITERS


def usage() -> str:
    """What there is, as Markdown."""
    rows = [f"| `/{name}{'' if name == 'help' else ' ID'}` | {text} |" for name, text in COMMANDS.items()]
    return "\n".join(["| command | |", "|---|---|", *rows, "", "They are for people with write permission."])


def _ids(title: str, ids: Sequence[str]) -> str:
    if not ids:
        return f"{title}: there is none yet."
    shown = ", ".join(f"`{clean(i, 100)}`" for i in ids[:_MOST_IDS])
    return f"{title}: {shown}" + (f" and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else "")
