"""``pangeo-forge dry-run``."""

from __future__ import annotations

from typing import Any

import click

from pangeo_forge.cli.options import json_option, pairs, recipe_argument, recipe_options, run_options
from pangeo_forge.cli.run import report, settings_from
from pangeo_forge.cli.tables import print_plan


@click.command("dry-run")
@recipe_argument
@click.option(
    "--prune",
    metavar="N",
    type=click.IntRange(min=1),
    default=None,
    help="N values of each concat key, first and last ones. [default: 2]",
)
@run_options
@recipe_options
@json_option
def dry_run(recipe: str, as_json: bool, **given: Any) -> None:
    """Run a pruned recipe into a temporary store and verify it.

    The whole path, on the first and last inputs only. Nothing is kept but copies of inputs in the cache.

    \b
    Example:
      pangeo-forge dry-run noaa-oisst
      pangeo-forge dry-run noaa-oisst --prune 5
    """
    from pangeo_forge.cli.progress_bars import front_end
    from pangeo_forge.recipe.load import load_recipe

    loaded = load_recipe(recipe, params=pairs(given["params"], "--param"), set_=given["set_"])
    with front_end(quiet=as_json) as shown:
        shown.note(f"{loaded.id}: {loaded.title}")
        from pangeo_forge.runs.execution import dry_run_recipe

        result = dry_run_recipe(loaded, settings_from(given), shown)
    if not as_json:
        print_plan(result.plan)
    report(result, as_json, kept=False)
