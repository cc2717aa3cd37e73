"""``pangeo-forge ci changed``."""

from __future__ import annotations

import json

import click

from pangeo_forge.cli.options import json_option


@click.command()
@click.option(
    "--base", metavar="REV", required=True, help="Branch, tag or commit that the change is to be merged into."
)
@click.option("--data", "only_data", is_flag=True, help="Only those whose data change: new ones and changed ones.")
@json_option
def changed(base: str, only_data: bool, as_json: bool) -> None:
    """List the recipes that a change touches, and whether their data change.

    Compared are the commit where this branch left REV, and the files as they are now. A recipe counts as changed in its
    data when its meaning differs in what affects them, or when a file beside it does, such as hooks.py or a list of URLs;
    comments, layout and metadata do not count. Nothing of the recipes is executed.

    \b
    Example:
      pangeo-forge ci changed --base origin/main
      pangeo-forge ci changed --base v1.0 --data --json
    """
    from pangeo_forge.ci.changes import changed_recipes

    found = changed_recipes(base)
    shown = [r for r in found.recipes if r.affects_data or not only_data]
    if as_json:
        click.echo(json.dumps({"ok": True, "base": found.base, "recipes": [r.to_json() for r in shown]}))
        return
    if not shown:
        click.echo(f"no recipe{'' if not only_data else chr(39) + 's data'} changed since {found.base[:12]}")
        return
    from pangeo_forge.cli.tables import print_table

    print_table(["recipe", "kind", "why"], [(r.id, r.kind, r.why) for r in shown])
    for recipe in shown:
        if recipe.error:
            click.echo(click.style("error: ", fg="red", bold=True) + recipe.error, err=True)
