"""``pangeo-forge ci due``."""

from __future__ import annotations

import json
from typing import Any

import click

from pangeo_forge.cli.ci.moments import at_option, moment
from pangeo_forge.cli.options import json_option


@click.command()
@at_option
@click.option("--only", metavar="ID", multiple=True, help="Only this feedstock or dataset; may be repeated.")
@json_option
def due(at: str | None, only: tuple[str, ...], as_json: bool) -> None:
    """List the feedstocks that are due, and why the others are not.

    With --json, `include` is a matrix for GitHub Actions: one job for each dataset that is due, 256 at most, the oldest
    slots first; feedstocks that cannot run are among them, so that their job says why.

    \b
    Example:
      pangeo-forge ci due
      pangeo-forge ci due --at 2026-11-25T07:00 --json
    """
    from pangeo_forge.ci.agenda import agenda
    from pangeo_forge.ci.feedstocks import read_feedstocks

    found = read_feedstocks().only(only)
    made = agenda(found, moment(at))
    if as_json:
        warnings = [w.to_json() for w in found.warnings]
        click.echo(json.dumps({"ok": True, **made.to_json(), "warnings": warnings}))
        return
    show(made)
    for warning in found.warnings:
        click.echo(click.style("warning: ", fg="yellow", bold=True) + str(warning), err=True)


def show(made: Any) -> None:
    """The agenda as a table; what cannot run on standard error."""
    from pangeo_forge.ci.decision import slot_name
    from pangeo_forge.cli.tables import print_table

    rows = [(e.dataset.name, "due", e.decision.slot, e.decision.why, "") for e in made.due]
    for entry in made.waiting:
        following = "" if entry.decision.next is None else slot_name(entry.decision.next)
        rows.append((entry.dataset.name, "", entry.decision.slot or "", entry.decision.why, following))
    if rows:
        print_table(["dataset", "", "slot", "why", "next"], rows)
    click.echo(f"{len(made.due)} of {len(rows)} datasets are due at {slot_name(made.now)}")
    for broken in made.broken:
        for error in broken.errors:
            click.echo(click.style("error: ", fg="red", bold=True) + str(error), err=True)
