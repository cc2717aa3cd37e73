"""``pangeo-forge schema``."""

from __future__ import annotations

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of recipes.

    \b
    Example:
      pangeo-forge schema > recipe.schema.json
    """
    from pangeo_forge.recipe.schema import schema_text

    click.echo(schema_text(), nl=False)
