"""Exactly one comment for one purpose: a hidden marker finds it again, its author must be us."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from pangeo_forge.ci.github.client import GitHub, Refused
from pangeo_forge.errors import AutomationError

LONGEST = 65_000
"""Characters; GitHub takes 65,536."""
DEFAULT_BOT = "github-actions[bot]"
_TRIES = 3


@dataclass(frozen=True)
class Said:
    """A comment that stands."""

    url: str
    action: str
    """``created``, ``updated`` or ``unchanged``."""


def bot_login() -> str:
    """Who we are at GitHub: the owner of a workflow's token, unless PANGEO_FORGE_BOT says otherwise."""
    return os.environ.get("PANGEO_FORGE_BOT") or DEFAULT_BOT


def marker(purpose: str) -> str:
    """The hidden line that a comment or an issue of ours begins with."""
    return f"<!-- pangeo-forge: {purpose} -->"


def find(github: GitHub, number: int, purpose: str) -> list[dict[str, Any]]:
    """Our comments for a purpose, the oldest first. Others may write the marker, too; theirs are never touched."""
    mark, bot = marker(purpose), bot_login()
    return [
        c
        for c in github.pages(f"issues/{number}/comments")
        if (c.get("user") or {}).get("login") == bot and str(c.get("body") or "").startswith(mark)
    ]


def upsert(github: GitHub, number: int, purpose: str, text: str, *, create: bool = True) -> Said | None:
    """Make our comment for ``purpose`` say ``text``; further ones, from races long ago, are removed.

    Parameters
    ----------
    create: False: only a comment that is there already is changed.
    """
    body = f"{marker(purpose)}\n{text}"[:LONGEST]
    for attempt in range(_TRIES):
        there = find(github, number, purpose)
        for spare in there[1:]:
            github.delete(f"issues/comments/{int(spare['id'])}")
        if there and str(there[0].get("body")).replace("\r\n", "\n").strip() == body.strip():
            return Said(str(there[0].get("html_url", "")), "unchanged")
        if there:
            done = github.patch(f"issues/comments/{int(there[0]['id'])}", {"body": body})
            return Said(str(done.get("html_url", "")), "updated")
        if not create:
            return None
        try:
            done = github.post(f"issues/{number}/comments", {"body": body})
            return Said(str(done.get("html_url", "")), "created")
        except AutomationError as error:
            # Whether it was carried out is not known: look, before it is said twice.
            if attempt == _TRIES - 1 or not _is_unclear(error):
                raise
            github.sleep(2.0**attempt)
    raise AssertionError("unreachable")


def _is_unclear(error: AutomationError) -> bool:
    return error.code == "A131" or (isinstance(error, Refused) and error.status >= 500)
