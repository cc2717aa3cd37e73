"""``pangeo-forge ci``: one module a command, imported only when that command is called."""

from __future__ import annotations

import click

from pangeo_forge.cli.lazy_group import LazyGroup

COMMANDS = {
    "changed": "List the recipes that a change touches, and whether their data change.",
    "check": "Check contributed recipes as those of strangers, and write a report.",
    "report": "Write the page of a check's report again, from its JSON.",
    "comment": "Post or update the comment that shows a check's report.",
    "command": "Understand the command in a comment, and answer it.",
    "answer": "Say in the answer to /run or /plan how it ended.",
    "issue": "Open, update or close the issues of datasets whose scheduled runs fail or succeed again.",
    "promote": "Make or update the feedstocks of merged recipes.",
    "due": "List the feedstocks that are due, and why the others are not.",
    "run-due": "Run the feedstocks that are due, one after another.",
}
"""Name and one-line help of each command, in the order of a contribution's life."""


@click.group(cls=LazyGroup, package=__name__, summaries=COMMANDS)
def ci() -> None:
    """Check contributed recipes and run accepted ones on a schedule.

    Everything that the workflows do, runnable by hand and under cron.

    \b
    Example:
      pangeo-forge ci changed --base origin/main
      pangeo-forge ci due
      pangeo-forge ci run-due --budget 5h
    """
