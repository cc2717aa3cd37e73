"""``pangeo-forge ci issue``."""

from __future__ import annotations

import json

import click

from pangeo_forge.cli.options import json_option


@click.command()
@click.argument("results", metavar="RESULT...", nargs=-1, required=True, type=click.Path())
@json_option
def issue(results: tuple[str, ...], as_json: bool) -> None:
    """Open, update or close the issues of datasets whose scheduled runs fail or succeed again.

    RESULT is what `ci run-due --json` printed to a file; one that holds nothing is a run that was cut off, of the dataset
    that the file is named by. There is one open issue for a dataset at most; the keepers of its recipe are named in it.
    Runs that were left alone change nothing.

    \b
    Example:
      pangeo-forge ci run-due --json > result.json
      pangeo-forge ci issue result.json
    """
    from pathlib import Path

    from pangeo_forge.ci.github.client import GitHub
    from pangeo_forge.ci.github.incidents import Failure, Recovery, cut_off, outcomes, settle
    from pangeo_forge.errors import AutomationError

    found: list[Failure | Recovery] = []
    for name in results:
        try:
            data = Path(name).read_bytes()
            found += outcomes(json.loads(data)) if data.strip() else [cut_off(Path(name).stem)]
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise AutomationError(
                f"it is no result of `ci run-due --json`: {type(error).__name__}",
                code="A140",
                where=name,
                hint="see the log of the run",
            ) from None
    done = settle(GitHub.from_environment(), found, {o.id: _keepers(o.id) for o in found})
    if as_json:
        click.echo(json.dumps({"ok": True, "issues": [d.__dict__ for d in done]}))
        return
    for one in done:
        click.echo(f"{one.id}: {one.action} {one.url}".rstrip())


def _keepers(name: str) -> list[str]:
    """GitHub names of those who keep a recipe; none where it cannot be read."""
    from pangeo_forge.errors import RecipeError
    from pangeo_forge.recipe.load import load_recipe

    try:
        return [m.github for m in load_recipe(name).maintainers if m.github]
    except RecipeError:
        return []
