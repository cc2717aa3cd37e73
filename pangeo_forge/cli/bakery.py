"""``pangeo-forge bakery``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from pangeo_forge.cli.options import json_option

if TYPE_CHECKING:
    from pangeo_forge.errors import BakeryError
    from pangeo_forge.runs.equipment import Equipment


@click.group()
def bakery() -> None:
    """List and check the places where recipes can run.

    A bakery is an entry of feedstocks/bakeries.yaml (here, or in a folder above); `local` is always there.

    \b
    Example:
      pangeo-forge bakery list
      pangeo-forge bakery check flink
    """


@bakery.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Show all bakeries.

    \b
    Example:
      pangeo-forge bakery list --json
    """
    from pangeo_forge.cli.tables import print_table
    from pangeo_forge.recipe.bakery import known_bakeries

    found = known_bakeries()
    rows = [{"name": name, **_described(name)} for name in found]
    if as_json:
        click.echo(json.dumps({"ok": True, "bakeries": rows}))
        return
    columns = ["name", "runner", "workers", "target", "cache", "temp", "file"]
    print_table(columns, [[str(row[c] or "-") for c in columns] for row in rows])


@bakery.command()
@click.argument("name", metavar="NAME|FILE", default="local")
@click.option("--recipe", metavar="RECIPE", default=None, help="Also what this recipe needs of it.")
@json_option
def check(name: str, recipe: str | None, as_json: bool) -> None:
    """Find what a bakery lacks, with the command that mends it; nothing is started.

    \b
    Example:
      pangeo-forge bakery check flink
      pangeo-forge bakery check feedstocks/bakeries.yaml:flink --recipe noaa-oisst
    """
    from pangeo_forge.recipe.load import load_recipe

    loaded = load_recipe(recipe) if recipe is not None else None
    equipment = _equipped(name)
    found = list(equipment.problems(loaded))
    if as_json:
        click.echo(json.dumps({"ok": not found, "bakery": _described(name), "problems": [e.to_json() for e in found]}))
    else:
        _show(equipment, found)
    sys.exit(2 if found else 0)


@bakery.command()
@click.argument("name", metavar="NAME|FILE")
@json_option
def prepare(name: str, as_json: bool) -> None:
    """Bring what a bakery needs and does not have: the job server of Flink or Spark.

    \b
    Example:
      pangeo-forge bakery prepare flink
    """
    equipment = _equipped(name)
    bring = getattr(equipment.engine, "prepare", None)
    lines = list(bring()) if bring is not None else []
    if as_json:
        click.echo(json.dumps({"ok": True, "brought": lines}))
        return
    for line in lines or ["nothing is to be brought"]:
        click.echo(line)


def _equipped(name: str) -> Equipment:
    from pangeo_forge.runs.equipment import equipped
    from pangeo_forge.runs.settings import RunSettings

    return equipped(RunSettings(bakery=name))


def _described(name: str) -> dict[str, Any]:
    """What is known of a bakery; holds names of secrets only."""
    equipment = _equipped(name)
    settings, workforce = equipment.settings, equipment.engine.workforce
    return {
        "runner": equipment.bakery.made.runner,
        "workers": workforce.tasks,
        "processes": workforce.processes,
        "target": settings.target,
        "cache": settings.cache,
        "temp": settings.temp,
        "file": equipment.bakery.where,
    }


def _show(equipment: Equipment, found: list[BakeryError]) -> None:
    workforce = equipment.engine.workforce
    click.echo(f"bakery   {equipment.bakery.name} ({equipment.bakery.made.runner})")
    click.echo(f"workers  {workforce.tasks} tasks at once, {workforce.per_process} in a process")
    for error in found:
        click.echo(f"{click.style('missing', fg='red')}  {error}")
    if not found:
        click.echo("nothing is missing")
