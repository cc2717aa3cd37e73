"""``pangeo-forge run``."""

from __future__ import annotations

import json
from typing import Any

import click

from pangeo_forge.cli.options import (
    json_option,
    pairs,
    recipe_argument,
    recipe_options,
    run_options,
    storage_option,
    storage_options,
)


@click.command()
@recipe_argument
@click.option(
    "--target",
    metavar="URL",
    default=None,
    help="The store itself when it ends in .zarr; else the root under which <id>/ keeps versions. [default: arco]",
)
@click.option(
    "--prune",
    metavar="N",
    type=click.IntRange(min=1),
    default=None,
    help="Only N values of each concat key, first and last ones.",
)
@click.option("--make-latest", is_flag=True, help="With --prune: let readers of a root follow the pruned version.")
@click.option("--overwrite", is_flag=True, help="Replace a store that an earlier run made at --target.")
@click.option("--rebuild", is_flag=True, help="Build anew, although the recipe appends to what is there.")
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=1),
    default=None,
    help="Then remove all but the newest N versions. [default: keep all]",
)
@click.option("--steal-lease", is_flag=True, help="Take over from a run that holds the dataset and is surely dead.")
@click.option(
    "--recheck",
    metavar="N",
    type=click.IntRange(min=0),
    default=None,
    help="With append: ask of the latest N remote inputs only whether they have changed. [default: all]",
)
@storage_option
@click.option("--no-verify", is_flag=True, help="Do not compare the store with the inputs.")
@run_options
@recipe_options
@json_option
def run(recipe: str, as_json: bool, **given: Any) -> None:
    """Turn a recipe's inputs into a verified store.

    RECIPE is a file, a folder, or an id under recipes/.

    \b
    Example:
      pangeo-forge run noaa-oisst --target ./oisst.zarr
      pangeo-forge run noaa-oisst --target gs://bucket/arco --max-memory 4GB
      pangeo-forge run noaa-oisst --bakery flink
      pangeo-forge run noaa-oisst --set inputs.concat.time.end=1981-10-01
    """
    from pangeo_forge.cli.progress_bars import front_end
    from pangeo_forge.recipe.load import load_recipe

    loaded = load_recipe(recipe, params=pairs(given["params"], "--param"), set_=given["set_"])
    with front_end(quiet=as_json) as shown:
        shown.note(f"{loaded.id}: {loaded.title}")
        from pangeo_forge.runs.execution import run_recipe

        result = run_recipe(loaded, settings_from(given), shown)
    report(result, as_json)


def settings_from(given: dict[str, Any]) -> Any:
    """Run settings from command line options."""
    from pangeo_forge.errors import PlanError, UsageError
    from pangeo_forge.plan.layout import parse_bytes
    from pangeo_forge.runs.settings import DEFAULT_MEMORY, RunSettings

    try:
        parse_bytes(given["max_memory"] or DEFAULT_MEMORY)
    except PlanError as error:
        raise UsageError(error.message, code="U001", where="--max-memory", hint=error.hint) from None
    return RunSettings(
        target=given.get("target"),
        cache=given["cache"],
        cache_options=storage_options(given["cache_storage"], "--cache-option"),
        revalidate=given["revalidate"],
        prune=given.get("prune"),
        max_memory=given["max_memory"],
        workers=given["workers"],
        mode=given["mode"],
        bakery=given["bakery"],
        lean=bool((click.get_current_context().obj or {}).get("lean")),
        target_options=storage_options(given.get("storage", ())),
        make_latest=given.get("make_latest", False),
        overwrite=given.get("overwrite", False),
        rebuild=given.get("rebuild", False),
        steal_lease=given.get("steal_lease", False),
        recheck=given.get("recheck"),
        keep=given.get("keep"),
        allow_python=given["allow_python"],
        verify=not given.get("no_verify", False),
        stall_timeout=given["stall_timeout"],
        stall_limit=given["stall_limit"],
        untrusted=given["untrusted"],
        allow_addresses=given["allow_addresses"],
        allow_hosts=given["allow_hosts"],
        allow_schemes=("https", *given["allow_schemes"]),
        max_inputs=given["max_inputs"],
        max_input_size=given["max_input_size"],
    )


def report(result: Any, as_json: bool, *, kept: bool = True) -> None:
    """Print what a run did."""
    if as_json:
        gone = {} if kept else {"store": None}
        click.echo(json.dumps({"ok": True, **result.to_json(), **gone}, default=str))
        return
    for warning in result.warnings:
        click.echo(click.style("warning: ", fg="yellow", bold=True) + warning, err=True)
    for name, value in result.lines():
        if kept or name != "store":
            click.echo(f"{name:<8} {value}")
    if kept:
        from pangeo_forge.targets.opening import snippet

        click.echo(f"open it  {snippet(result.store)}")
