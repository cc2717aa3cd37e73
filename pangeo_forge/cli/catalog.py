"""``pangeo-forge catalog``."""

from __future__ import annotations

import json

import click

from pangeo_forge.cli.options import json_option, storage_option, storage_options


@click.command()
@click.argument("name", metavar="RECIPE|ROOT")
@click.option("--target", metavar="URL", default=None, help="Where the recipe was run to. [default: arco]")
@click.option("--write", is_flag=True, help="Put the entry beside the dataset, as a run does.")
@storage_option
@json_option
def catalog(name: str, target: str | None, write: bool, storage: tuple[str, ...], as_json: bool) -> None:
    """Show or make the catalog entry of a dataset.

    It is a STAC Collection. RECIPE with --target, or the root of a target, a dataset's folder or a store. A run puts the entry by itself; after the recipe's
    title, license or providers have changed, --write brings it up to date.

    \b
    Example:
      pangeo-forge catalog noaa-oisst --target gs://bucket/arco
      pangeo-forge catalog ./arco --write
    """
    from pangeo_forge.cli.places import places_of, recipe_of
    from pangeo_forge.runs.entries import describe, make_entry, put_entry

    recipe = recipe_of(name)
    found = [(p, make_entry(p, describe(p, recipe))) for p in places_of(name, target, storage_options(storage))]
    written = [put_entry(place, entry) for place, entry in found] if write else []
    if as_json:
        click.echo(json.dumps({"ok": True, "written": written, "entries": [entry for _, entry in found]}, default=str))
        return
    if write:
        for address in written:
            click.echo(f"written  {address}")
        return
    for _, entry in found:
        click.echo(json.dumps(entry, indent=1))
