"""``pangeo-forge init``."""

from __future__ import annotations

import json
from typing import Any

import click

from pangeo_forge.cli.options import json_option


@click.command()
@click.argument("recipe_id", metavar="ID")
@click.argument("more", metavar="", nargs=-1)
@click.option(
    "--from",
    "given",
    multiple=True,
    metavar="URL...",
    help="Samples: URLs, files, a folder, or an index page (a URL that ends in /).",
)
@click.option("--from-file", "listed", multiple=True, metavar="LIST.txt", help="A file with one URL or path a line.")
@click.option("--output", metavar="FILE", default=None, help="Where to write. [default: recipes/ID/recipe.yaml]")
@click.option("--no-open", is_flag=True, help="Infer from names alone; open no sample.")
@click.option("--force", is_flag=True, help="Replace a recipe that is there.")
@click.option(
    "--cache",
    metavar="URL",
    default=None,
    help="Where copies of remote samples are kept. [default: the user's cache folder]",
)
@json_option
def init(
    recipe_id: str,
    more: tuple[str, ...],
    given: tuple[str, ...],
    listed: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Write a first recipe from sample URLs or files.

    Two or more samples show what varies: dates, numbers, variables. Best are the first and the last file, their
    neighbours, and one of each variable. A folder or an index page shows gaps as well. The metadata of up to three
    samples is read.

    \b
    Example:
      pangeo-forge init my-sst --from https://host/1981/sst.19810901.nc https://host/2020/sst.20201231.nc
      pangeo-forge init my-sst --from ./downloads/
      pangeo-forge init my-sst --from-file urls.txt --no-open
    """
    from pangeo_forge.inference.start import start_recipe

    start = start_recipe(
        recipe_id, (*given, *more), listed, output=options["output"], open_samples=not options["no_open"],
        force=options["force"], cache=options["cache"], say=None if as_json else _say,
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps({"ok": True, **start.to_json()}, default=str))
    else:
        _show(start)


def _say(text: str) -> None:
    click.echo(click.style(text, dim=True), err=True)


def _show(start: Any) -> None:
    from pangeo_forge.cli.tables import print_table

    for warning in start.warnings:
        click.echo(click.style("warning: ", fg="yellow", bold=True) + warning, err=True)
    for name, value in start.lines():
        click.echo(f"{name:<8} {value}")
    if start.rows():
        print_table(["key", "kind", "values", "evidence"], start.rows())
    for note in start.notes:
        click.echo(click.style("note     ", bold=True) + note)
    click.echo(f"written  {start.path}")
    shown = start.argument
    click.echo("next     fill in each TODO, then")
    for command in (f"lint {shown}", f"plan {shown} --probe", f"dry-run {shown}"):
        click.echo(f"         pangeo-forge {command}")
