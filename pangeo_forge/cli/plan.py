"""``pangeo-forge plan``."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from pangeo_forge.cli.options import json_option, pairs, recipe_argument, recipe_options, run_options
from pangeo_forge.cli.run import settings_from


@click.command()
@recipe_argument
@click.option("--probe", is_flag=True, help="Open the first and last inputs; ask for every input whether it exists.")
@click.option(
    "--prune",
    metavar="N",
    type=click.IntRange(min=1),
    default=None,
    help="Only N values of each concat key, first and last ones.",
)
@run_options
@recipe_options
@json_option
def plan(recipe: str, probe: bool, as_json: bool, **given: Any) -> None:
    """Show what a run would do.

    Without --probe nothing is opened: counts and URLs come from the recipe alone.

    \b
    Example:
      pangeo-forge plan noaa-oisst
      pangeo-forge plan noaa-oisst --probe --max-memory 1GB
    """
    from pangeo_forge.cli.progress_bars import front_end
    from pangeo_forge.recipe.load import load_recipe

    loaded = load_recipe(recipe, params=pairs(given["params"], "--param"), set_=given["set_"])
    with front_end(quiet=as_json or not probe) as shown:
        from pangeo_forge.runs.planning import plan_recipe

        found = plan_recipe(loaded, settings_from(given), shown, probe=probe)
    # Absent inputs that the recipe does not excuse would end the run: the plan says so by its exit code.
    good = not found.absent or loaded.inputs.on_missing != "fail"
    if as_json:
        click.echo(json.dumps({"ok": good, **found.to_json()}, default=str))
    else:
        _show(found)
    sys.exit(0 if good else 1)


def _show(found: Any) -> None:
    from pangeo_forge.cli.tables import print_plan
    from pangeo_forge.plan.layout import format_bytes

    for name, value in found.lines():
        click.echo(f"{name:<8} {value}")
    if found.known is not None:
        print_plan(found.known)
        if found.estimated:
            click.echo("note     lengths of inputs that were not opened are estimated from the first and last ones")
    elif found.absent:
        click.echo("dims     not known: an input that was to be opened is absent")
    else:
        click.echo("dims     not known before an input is opened: add --probe")
    if found.input_bytes is not None:
        click.echo(f"fetch    {'about ' * (found.sized < found.inputs)}{format_bytes(found.input_bytes)}")
    if found.absent:
        click.echo(click.style(f"absent   {len(found.absent)} of {found.probed} inputs:", fg="red"))
        for label in found.absent:
            click.echo(f"         {label}")
