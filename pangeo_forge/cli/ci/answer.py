"""``pangeo-forge ci answer``."""

from __future__ import annotations

import click


@click.command()
@click.argument("result", metavar="RESULT", type=click.Path())
def answer(result: str) -> None:
    """Say in the answer to /run or /plan how it ended.

    RESULT is what `ci run-due --json`, or `plan --json`, printed to a file; it need not be there when the job died.

    \b
    Example:
      pangeo-forge ci answer result.json
    """
    from pathlib import Path

    from pangeo_forge.ci.github.answers import answer_of
    from pangeo_forge.ci.github.client import GitHub
    from pangeo_forge.ci.github.comments import upsert
    from pangeo_forge.ci.github.event import new_comment, read_event

    comment = new_comment(read_event())
    try:
        data = Path(result).read_bytes()
    except OSError:
        data = b""
    said = upsert(GitHub.from_environment(), comment.number, f"command {comment.id}", answer_of(data))
    click.echo(f"{said.action}: {said.url}" if said else "")
