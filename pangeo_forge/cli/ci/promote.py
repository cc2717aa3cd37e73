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
@click.option(
    "--commit", is_flag=True, help="In a workflow: commit them, through GitHub's API, to the branch it runs on."
)
@json_option
def promote(recipes: tuple[str, ...], base: str | None, check: bool, commit: bool, as_json: bool) -> None:
    """Make or update the feedstocks of merged recipes.

    A recipe that appends gets a schedule that suits its inputs; any other is built once for each change of it. What people
    wrote is never overwritten. Then they are checked: recipe, bakery, schedule, parameters; with --check alone all are.

    \b
    Example:
      pangeo-forge ci promote noaa-oisst
      pangeo-forge ci promote --base HEAD~1
      pangeo-forge ci promote --check
      pangeo-forge ci promote --base "$BEFORE" --commit
    """
    if not recipes and base is None and not check:
        raise click.UsageError("name recipes, or give --base; --check alone checks all feedstocks")
    if check and commit:
        raise click.UsageError("--check writes nothing, so there is nothing to --commit")
    from pangeo_forge.ci.feedstocks import feedstock_files, read_feedstocks
    from pangeo_forge.ci.promotion import promote as find

    branch = _branch() if commit else None
    made = find(recipes, base=base)
    if not check:
        for promotion in made.found:
            promotion.write()
    from pathlib import Path

    wrong: list[Any] = list(made.errors)
    warnings: list[Any] = []
    broken: set[str] = set()
    touched = {p.path.stem for p in made.found}
    there = bool(feedstock_files(Path()))
    if there and (touched or not (recipes or base)):
        linted = read_feedstocks()
        # Others that are wrong do not stand in the way of what was asked for; --check alone tells of all.
        linted = linted.only(touched & set(linted.names)) if touched else linted
        wrong += [error for broken in linted.broken for error in broken.errors]
        warnings = list(linted.warnings)
        broken = {b.feedstock for b in linted.broken}
    committed = None if branch is None else _commit(branch, [p for p in made.found if p.path.stem not in broken])
    ok = not wrong and all(p.is_done for p in made.found if check or p.action == "orphan")
    if as_json:
        found = [p.to_json() for p in made.found]
        said = {"errors": [e.to_json() for e in wrong], "warnings": [w.to_json() for w in warnings]}
        done = None if committed is None else committed.commit
        click.echo(json.dumps({"ok": ok, "check": check, "feedstocks": found, "commit": done, **said}))
    else:
        for promotion in made.found:
            verb = f"to be {_VERBS[promotion.action]}" if check and not promotion.is_done else _VERBS[promotion.action]
            click.echo(f"{promotion.path}: {verb}, {promotion.why}")
        if committed is not None:
            for path in committed.left:
                click.echo(f"{path}: left alone, it was changed meanwhile")
            click.echo(f"committed as {committed.commit[:10]}" if committed.commit else "nothing to commit")
        _tell(wrong, warnings)
        if not made.found and not wrong:
            nothing = "no recipe to promote" if recipes or base else "there are no feedstocks"
            click.echo("all feedstocks are right" if there and not (recipes or base) else nothing)
    sys.exit(0 if ok else 1)


def _branch() -> str:
    from pangeo_forge.ci.github.feedstock_commit import branch_of_workflow

    return branch_of_workflow()


def _commit(branch: str, made: list[Any]) -> Any:
    from pangeo_forge.ci.github.client import GitHub
    from pangeo_forge.ci.github.feedstock_commit import commit_feedstocks

    return commit_feedstocks(GitHub.from_environment(), branch, made)


def _tell(wrong: list[Any], warnings: list[Any]) -> None:
    for error in wrong:
        click.echo(click.style("error: ", fg="red", bold=True) + str(error), err=True)
    for warning in warnings:
        click.echo(click.style("warning: ", fg="yellow", bold=True) + str(warning), err=True)
