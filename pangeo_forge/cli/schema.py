"""``pangeo-forge schema``."""

from __future__ import annotations

import click


@click.command()
@click.argument(
    "kind",
    metavar="[recipe|feedstock|bakeries]",
    type=click.Choice(["recipe", "feedstock", "bakeries"]),
    default="recipe",
)
def schema(kind: str) -> None:
    """Print the JSON Schema of recipes, feedstocks or bakeries.

    \b
    Example:
      pangeo-forge schema > recipe.schema.json
      pangeo-forge schema feedstock > feedstock.schema.json
    """
    from pangeo_forge.recipe.schema import schema_text

    click.echo(schema_text(kind), nl=False)
