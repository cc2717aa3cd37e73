"""``pangeo-forge ci issue``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from pangeo_forge.cli.options import json_option


@click.command()
@click.argument("results", metavar="RESULT...", nargs=-1, required=True, type=click.Path())
@json_option
def issue(results: tuple[str, ...], as_json: bool) -> None:
    """Open, update or close the issues of datasets whose scheduled runs fail or succeed again.

    RESULT is what `ci run-due --json` printed to a file, or a folder of such files, NAME/result.json for dataset NAME; one
    that holds nothing is a run that was cut off. There is one open issue for a dataset at most; the keepers of its recipe
    are named in it. Runs that were left alone change nothing.

    \b
    Example:
      pangeo-forge ci run-due --json > result.json
      pangeo-forge ci issue result.json
    """
    from pangeo_forge.ci.github.client import GitHub
    from pangeo_forge.ci.github.incidents import Failure, Recovery, cut_off, outcomes, settle
    from pangeo_forge.errors import AutomationError

    found: list[Failure | Recovery] = []
    for name, path in _files(results):
        try:
            data = path.read_bytes()
            found += outcomes(json.loads(data), name) if data.strip() else [cut_off(name)]
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise AutomationError(
                f"it is no result of `ci run-due --json`: {type(error).__name__}",
                code="A140",
                where=str(path),
                hint="see the log of the run",
            ) from None
    done = settle(GitHub.from_environment(), found, {o.id: _keepers(o.id) for o in found})
    if as_json:
        click.echo(json.dumps({"ok": True, "issues": [d.__dict__ for d in done]}))
        return
    for one in done:
        click.echo(f"{one.id}: {one.action} {one.url}".rstrip())


def _files(results: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Files of results, each with the dataset that it is named by."""
    for name in results:
        path = Path(name)
        if not path.is_dir():
            yield path.stem, path
            continue
        for below in sorted(path.rglob("result.json")):
            yield below.parent.relative_to(path).as_posix(), below


def _keepers(name: str) -> list[str]:
    """GitHub names of those who keep a recipe; none where it cannot be read."""
    from pangeo_forge.errors import RecipeError
    from pangeo_forge.recipe.load import load_recipe

    try:
        return [m.github for m in load_recipe(name.rpartition("/")[2]).maintainers if m.github]
    except RecipeError:
        return []
