"""``pangeo-forge environment``."""

from __future__ import annotations

import json

import click

from pangeo_forge.cli.options import json_option


@click.command()
@click.argument("recipe", metavar="[RECIPE]", required=False)
@click.option("--pins", "as_pins", is_flag=True, help="Print every package and its version, as pip takes them.")
@json_option
def environment(recipe: str | None, as_pins: bool, as_json: bool) -> None:
    """Show the versions that workers must share with this driver.

    With RECIPE, also what its Python hooks need. Workers with other versions are refused at their first task (B100).

    \b
    Example:
      pangeo-forge environment
      pangeo-forge environment --pins > docs/worker/pins.txt
      pangeo-forge environment my-recipe --pins
    """
    from pangeo_forge.pipeline.environment import check_requirements
    from pangeo_forge.pipeline.environment import environment as compared
    from pangeo_forge.recipe.hooks import requirements_of
    from pangeo_forge.recipe.load import load_recipe
    from pangeo_forge.runs.pins import pins

    needed = requirements_of(load_recipe(recipe).transforms) if recipe is not None else []
    check_requirements(needed)
    if as_json:
        click.echo(json.dumps({"ok": True, "compared": dict(compared()), "requirements": needed, "pins": pins(needed)}))
        return
    if as_pins:
        for name, version in pins(needed).items():
            click.echo(f"{name}=={version}")
        return
    rows = [*compared().items(), *(("hook needs", text) for text in needed)]
    width = max(len(name) for name, _ in rows)
    for name, version in rows:
        click.echo(f"{name:<{width}}  {version}")
