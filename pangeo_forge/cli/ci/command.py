"""``pangeo-forge ci command``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from pangeo_forge.cli.options import json_option

if TYPE_CHECKING:
    from pangeo_forge.ci.github.commands import Command


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Understand the command in a comment, and answer it.

    For a workflow on issue_comment. /run ID and /plan ID of people with write permission become the outputs `action`, `id`
    and `number` of the step; everything else that looks like a command is answered with what there is.

    \b
    Example:
      pangeo-forge ci command
    """
    from pangeo_forge.ci.github.client import GitHub
    from pangeo_forge.ci.github.event import new_comment, read_event

    comment = new_comment(read_event())
    found = _understood(comment)
    if found.action != "none":
        from pangeo_forge.ci.github.commands import may_command
        from pangeo_forge.ci.github.comments import upsert

        github = GitHub.from_environment()
        if not may_command(github, comment.author):
            found = _refusal()
        answer = found.answer or _accepted(found)
        upsert(github, comment.number, f"command {comment.id}", answer)
    outputs = {
        "action": found.action,
        "id": found.id,
        "number": str(comment.number),
        "proposed": "true" if comment.on_pull_request else "false",
    }
    _put_out(outputs)
    if as_json:
        click.echo(json.dumps({"ok": True, **outputs}))
    else:
        click.echo(" ".join(f"{k}={v}" for k, v in outputs.items()))


def _understood(comment: object) -> Command:
    from pathlib import Path

    from pangeo_forge.ci.github.commands import Command, parse
    from pangeo_forge.ci.github.event import NewComment

    assert isinstance(comment, NewComment)
    if comment.is_bot:
        # Our own answers, and those of other programs, are no commands.
        return Command("none")
    recipes = sorted(p.parent.name for p in Path("recipes").glob("*/recipe.yaml"))
    feedstocks = sorted(p.stem for p in Path("feedstocks").glob("*.yaml") if p.name != "bakeries.yaml")
    return parse(comment.body, recipes, feedstocks, on_pull_request=comment.on_pull_request)


def _refusal() -> Command:
    from pangeo_forge.ci.github.commands import Command

    return Command("answer", answer="Commands are for people with write permission to this repository.")


def _accepted(found: Command) -> str:
    from pangeo_forge.ci.github.review_comment import run_address

    address = run_address()
    log = f" [Log]({address})" if address else ""
    return f"`/{found.action} {found.id}` has begun.{log}"


def _put_out(outputs: dict[str, str]) -> None:
    """Outputs of the workflow's step; each is one word by construction."""
    path = os.environ.get("GITHUB_OUTPUT")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in outputs.items())
