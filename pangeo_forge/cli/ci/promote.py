"""``pangeo-forge ci promote``."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from pangeo_forge.cli.options import json_option

_VERBS = {"create": "made", "update": "updated", "keep": "kept", "orphan": "left over"}


@click.command()
@click.argument("recipes", metavar="[RECIPE...]", nargs=-1)
@click.option("--base", metavar="REV", default=None, help="Also the recipes that were added or changed since REV.")
@click.option("--check", is_flag=True, help="Write nothing; end with 1 if something would be written or is wrong.")
@json_option
def promote(recipes: tuple[str, ...], base: str | None, check: bool, as_json: bool) -> None:
    """Make or update the feedstocks of merged recipes.

    A recipe that appends gets a schedule that suits its inputs; any other is built once for each change of it. What people
    wrote is never overwritten. Then they are checked: recipe, bakery, schedule, parameters; with --check alone all are.

    \b
    Example:
      pangeo-forge ci promote noaa-oisst
      pangeo-forge ci promote --base HEAD~1
      pangeo-forge ci promote --check
    """
    if not recipes and base is None and not check:
        raise click.UsageError("name recipes, or give --base; --check alone checks all feedstocks")
    from pangeo_forge.ci.feedstocks import feedstock_files, read_feedstocks
    from pangeo_forge.ci.promotion import promote as find

    made = find(recipes, base=base)
    if not check:
        for promotion in made.found:
            promotion.write()
    from pathlib import Path

    wrong: list[Any] = list(made.errors)
    warnings: list[Any] = []
    touched = {p.path.stem for p in made.found}
    there = bool(feedstock_files(Path()))
    if there and (touched or not (recipes or base)):
        linted = read_feedstocks()
        # Others that are wrong do not stand in the way of what was asked for; --check alone tells of all.
        linted = linted.only(touched & set(linted.names)) if touched else linted
        wrong += [error for broken in linted.broken for error in broken.errors]
        warnings = list(linted.warnings)
    ok = not wrong and all(p.is_done for p in made.found if check or p.action == "orphan")
    if as_json:
        found = [p.to_json() for p in made.found]
        said = {"errors": [e.to_json() for e in wrong], "warnings": [w.to_json() for w in warnings]}
        click.echo(json.dumps({"ok": ok, "check": check, "feedstocks": found, **said}))
    else:
        for promotion in made.found:
            verb = f"to be {_VERBS[promotion.action]}" if check and not promotion.is_done else _VERBS[promotion.action]
            click.echo(f"{promotion.path}: {verb}, {promotion.why}")
        _tell(wrong, warnings)
        if not made.found and not wrong:
            nothing = "no recipe to promote" if recipes or base else "there are no feedstocks"
            click.echo("all feedstocks are right" if there and not (recipes or base) else nothing)
    sys.exit(0 if ok else 1)


def _tell(wrong: list[Any], warnings: list[Any]) -> None:
    for error in wrong:
        click.echo(click.style("error: ", fg="red", bold=True) + str(error), err=True)
    for warning in warnings:
        click.echo(click.style("warning: ", fg="yellow", bold=True) + str(warning), err=True)
