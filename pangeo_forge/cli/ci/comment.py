"""``pangeo-forge ci comment``."""

from __future__ import annotations

import json

import click

from pangeo_forge.cli.options import json_option


@click.command()
@click.argument("folder", metavar="[FOLDER]", required=False)
@click.option(
    "--pictures-branch",
    metavar="NAME",
    default=None,
    help="Put pictures on this branch and show them; needs `contents: write`.",
)
@json_option
def comment(folder: str | None, pictures_branch: str | None, as_json: bool) -> None:
    """Post or update the comment that shows a check's report.

    For a workflow on workflow_run, whose artifact is asked of GitHub, or on issue_comment, whose report is in FOLDER. The
    pull request is the one that GitHub names. Nothing in the artifact is trusted: the report must fit its schema, pictures
    are taken apart and put together again, all text is escaped.

    \b
    Example:
      pangeo-forge ci comment
      pangeo-forge ci comment check-report --pictures-branch pangeo-forge-pictures
    """
    from pathlib import Path

    from pangeo_forge.ci.artifact import read_folder
    from pangeo_forge.ci.github.client import GitHub
    from pangeo_forge.ci.github.event import finished_run, new_comment, read_event
    from pangeo_forge.ci.github.review_comment import answer_run, post

    github, event = GitHub.from_environment(), read_event()
    if "workflow_run" in event:
        said, why = answer_run(
            github, finished_run(event), None if folder is None else Path(folder), branch=pictures_branch
        )
    else:
        if folder is None:
            raise click.UsageError("name the folder that holds the report")
        asked = new_comment(event)
        said = post(github, asked.number, read_folder(Path(folder)), branch=pictures_branch)
        why = "there is nothing to say"
    if as_json:
        click.echo(
            json.dumps({"ok": True, "action": said.action if said else "none", "url": said.url if said else None})
        )
    else:
        click.echo(f"{said.action}: {said.url}" if said else why)
