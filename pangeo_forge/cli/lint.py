"""``pangeo-forge lint``."""

from __future__ import annotations

import json
import sys

import click

from pangeo_forge.cli.options import json_option, pairs, recipe_options


@click.command()
@click.argument("recipes", metavar="RECIPE...", nargs=-1, required=True)
@recipe_options
@json_option
def lint(recipes: tuple[str, ...], params: tuple[str, ...], set_: tuple[str, ...], as_json: bool) -> None:
    """Check recipes without touching any input.

    RECIPE is a file, a folder, a folder of recipes, or an id under recipes/. All that is wrong is said at once, with file, line and column.

    \b
    Example:
      pangeo-forge lint recipes/noaa-oisst
      pangeo-forge lint recipes
    """
    from pangeo_forge.pattern.checking import with_patterns
    from pangeo_forge.recipe.lint import expanded
    from pangeo_forge.recipe.lint import lint as lint_recipe

    given = pairs(params, "--param")
    reports = [with_patterns(lint_recipe(r, params=given, set_=set_)) for name in recipes for r in expanded(name)]
    if as_json:
        click.echo(json.dumps({"ok": all(r.ok for r in reports), "recipes": [r.to_json() for r in reports]}))
    else:
        for report in reports:
            for error in report.errors:
                click.echo(click.style("error: ", fg="red", bold=True) + str(error), err=True)
            for warning in report.warnings:
                click.echo(click.style("warning: ", fg="yellow", bold=True) + str(warning), err=True)
            if report.ok:
                click.echo(f"{report.path}: ok")
    sys.exit(0 if all(r.ok for r in reports) else 1)
