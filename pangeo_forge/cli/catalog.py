"""``pangeo-forge catalog``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from pangeo_forge.cli.options import json_option, storage_option, storage_options

if TYPE_CHECKING:
    from pangeo_forge.runs.place import Place


@click.command()
@click.argument("name", metavar="RECIPE|ROOT|FEEDSTOCK")
@click.option("--target", metavar="URL", default=None, help="Where the recipe was run to. [default: arco]")
@click.option("--feedstock", is_flag=True, help="NAME is a feedstock, or a dataset of one: at its own target.")
@click.option("--write", is_flag=True, help="Put the entry beside the dataset, as a run does.")
@storage_option
@json_option
def catalog(
    name: str, target: str | None, feedstock: bool, write: bool, storage: tuple[str, ...], as_json: bool
) -> None:
    """Show or make the catalog entry of a dataset.

    It is a STAC Collection. RECIPE with --target, or the root of a target, a dataset's folder or a store. A run puts the entry by itself; after the recipe's
    title, license or providers have changed, --write brings it up to date. With --feedstock the place, its storage options and
    secrets are those of a scheduled run; what is not built yet is passed over.

    \b
    Example:
      pangeo-forge catalog noaa-oisst --target gs://bucket/arco
      pangeo-forge catalog ./arco --write
      pangeo-forge catalog --feedstock noaa-oisst --write
    """
    if feedstock and (target or storage):
        raise click.UsageError("--feedstock says where a dataset is: leave out --target and --storage-option")
    from pangeo_forge.cli.places import places_of, recipe_of
    from pangeo_forge.runs.entries import describe, make_entry, put_entry

    if feedstock:
        meant = _of_feedstock(name)
    else:
        recipe = recipe_of(name)
        meant = [(place, recipe) for place in places_of(name, target, storage_options(storage))]
    found = [(place, make_entry(place, describe(place, recipe))) for place, recipe in meant]
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


def _of_feedstock(name: str) -> list[tuple[Place, Any]]:
    """The datasets of a feedstock that are built, and their recipes."""
    from pangeo_forge.ci.agenda import place_of
    from pangeo_forge.ci.feedstocks import read_feedstocks
    from pangeo_forge.recipe.load import dataset_recipe

    chosen = read_feedstocks().only([name])
    if chosen.broken:
        raise chosen.broken[0].errors[0]
    found = []
    for dataset in chosen.datasets:
        place = place_of(dataset)
        if place.current() is None:
            click.echo(f"{dataset.name}: is not built yet, so there is no entry", err=True)
            continue
        found.append((place, dataset_recipe(dataset.recipe, dataset.id, params=dataset.parameters)))
    return found
