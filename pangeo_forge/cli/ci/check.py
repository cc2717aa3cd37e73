"""``pangeo-forge ci check``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from pangeo_forge.cli.options import json_option

if TYPE_CHECKING:
    from pangeo_forge.ci.review.report import CheckReport
    from pangeo_forge.ci.review.rules import ReviewRules


@click.command()
@click.argument("recipes", metavar="RECIPE...", nargs=-1)
@click.option("--base", metavar="REV", help="Check the recipes that differ from where this branch left REV.")
@click.option("--output", metavar="FOLDER", default="check-report", show_default=True, help="Where the report goes.")
@click.option("--timeout", metavar="DURATION", default="10min", show_default=True, help="For one recipe.")
@click.option("--total", metavar="DURATION", default="40min", show_default=True, help="For all recipes together.")
@click.option(
    "--most", type=click.IntRange(1, 50), default=20, show_default=True, help="Recipes that one check looks at."
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="HOST",
    multiple=True,
    help="Only these hosts (*.example.org for all below) or buckets.",
)
@click.option(
    "--allow-address",
    "addresses",
    metavar="IP:PORT",
    multiple=True,
    help="An address that is not public, e.g. of a mirror of your own.",
)
@click.option(
    "--allow-scheme",
    "schemes",
    type=click.Choice(["http", "ftp", "s3", "gs"]),
    multiple=True,
    help="Kinds of URLs besides https.",
)
@click.option(
    "--allow-secret",
    "secrets",
    metavar="NAME",
    multiple=True,
    help="A secret that recipes may use, bound to its hosts.",
)
@click.option("--max-inputs", metavar="N", type=click.IntRange(min=1), default=1_000_000, show_default=True)
@click.option("--max-input-size", metavar="SIZE", default="2GB", show_default=True, help="Size of one input.")
@click.option("--max-memory", metavar="SIZE", default="2GB", show_default=True, help="Memory of the tasks.")
@click.option(
    "--ask", metavar="N", type=click.IntRange(min=2), default=200, show_default=True, help="Inputs that are asked for."
)
@click.option(
    "--prune", metavar="N", type=click.IntRange(min=1), default=2, show_default=True, help="Values of each concat key."
)
@click.option("--pictures/--no-pictures", default=True, help="Quicklooks, of the extra `report`.")
@json_option
def check(recipes: tuple[str, ...], base: str | None, output: str, as_json: bool, **given: Any) -> None:
    """Check contributed recipes as those of strangers, and write a report.

    Lint, plan with a probe, a pruned run into a temporary store, verification, pictures. Nothing that a recipe's author
    wrote is executed; each recipe is checked in a process of its own, with limits of time and memory and without the
    credentials of this one. What is allowed stands on this command line only.

    \b
    Example:
      pangeo-forge ci check recipes/noaa-oisst
      pangeo-forge ci check --base origin/main --output check-report
    """
    import tempfile
    from pathlib import Path

    from pangeo_forge.ci.review.check import check as check_proposal
    from pangeo_forge.ci.review.check import exit_code, notes_of
    from pangeo_forge.ci.review.proposal import proposal_of_recipes, proposal_since

    if bool(recipes) == (base is not None):
        raise click.UsageError("give recipes, or --base REV")
    rules = _rules(given)
    with tempfile.TemporaryDirectory(prefix="pangeo-forge-check-") as scratch:
        place = Path(scratch)
        if base is not None:
            proposal = proposal_since(base, Path(), place, rules)
        else:
            proposal = proposal_of_recipes(recipes, place, rules)
        report = check_proposal(proposal, rules, Path(output), lambda line: _tell(line, as_json))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _tell_workflow(report, notes_of(report.recipes), Path(output))
    if as_json:
        click.echo(report.to_json(), nl=False)
    else:
        _show(report, output)
    sys.exit(exit_code(report))


def _rules(given: dict[str, Any]) -> ReviewRules:
    from pangeo_forge.ci.review.rules import ReviewRules
    from pangeo_forge.errors import InputError, PlanError, UsageError
    from pangeo_forge.inputs.fetch.options import seconds
    from pangeo_forge.plan.layout import parse_bytes

    try:
        timeout, total = seconds(given["timeout"]), seconds(given["total"])
        parse_bytes(given["max_input_size"])
        parse_bytes(given["max_memory"])
    except (InputError, PlanError) as error:
        raise UsageError(error.message, code="U001", hint=error.hint) from None
    return replace(ReviewRules(timeout=timeout, total=total, most_recipes=given.pop("most")), **_rest(given))


def _rest(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in ("timeout", "total")}


def _tell(line: str, quiet: bool) -> None:
    from pangeo_forge.ci.escaping import log_line

    if not quiet:
        click.echo(log_line(line), err=True)


def _tell_workflow(report: CheckReport, notes: Sequence[str], output: Any) -> None:
    """Beside the lines of the files, and on the page of the workflow's run."""
    from pangeo_forge.ci.review.markdown import render

    for note in notes:
        click.echo(note, err=True)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with open(summary, "a", encoding="utf-8") as file:
            file.write(render(report))


def _show(report: CheckReport, output: str) -> None:
    from pangeo_forge.ci.escaping import log_line

    for recipe in report.recipes:
        click.echo(log_line(f"{recipe.id}: {recipe.verdict}"))
        for problem in recipe.problems:
            place = f"{problem.file}:{problem.line}: " if problem.file else ""
            hint = f"; {problem.hint}" if problem.hint else ""
            click.echo("  " + log_line(f"{problem.level}: {place}{problem.message}{hint} [{problem.code}]"))
    if not report.recipes:
        click.echo("no recipe changed")
    if report.left_out:
        click.echo(f"{report.left_out} recipes were not checked")
    click.echo(f"report: {output}/report.md")
