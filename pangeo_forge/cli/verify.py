"""``pangeo-forge verify``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from pangeo_forge.cli.options import json_option, storage_option, storage_options

if TYPE_CHECKING:
    from pangeo_forge.verify.result import CheckResult


@click.command()
@click.argument("store", metavar="STORE")
@click.option("--recipe", metavar="RECIPE", default=None, help="Also run this recipe's checks on the store.")
@click.option(
    "--full", is_flag=True, help="Decode every chunk, not only the first and last of each array, and compare checksums."
)
@storage_option
@json_option
def verify(store: str, recipe: str | None, full: bool, storage: tuple[str, ...], as_json: bool) -> None:
    """Check a store that was written.

    It opens with plain xarray, its consolidated metadata is true, its chunks are there and decode. STORE may be a dataset's folder
    below a root: then it is the version that readers follow.

    \b
    Example:
      pangeo-forge verify ./oisst.zarr
      pangeo-forge verify gs://bucket/oisst.zarr --full --recipe noaa-oisst
    """
    from pangeo_forge.cli.progress_bars import front_end

    checks = _checks_of(recipe) if recipe else []
    with front_end(quiet=as_json) as shown:
        from pangeo_forge.cli.places import followed
        from pangeo_forge.errors import VerifyError
        from pangeo_forge.targets.opening import store_of
        from pangeo_forge.verify.checks import run_checks
        from pangeo_forge.verify.checksums import check_checksums, check_presence
        from pangeo_forge.verify.integrity import check_integrity
        from pangeo_forge.verify.result import CheckResult
        from pangeo_forge.verify.store import open_store

        options = storage_options(storage)
        store = followed(store, options)
        results = check_integrity(store, options, full=full, tell=shown)
        if isinstance(store_of(store, options), str):
            # Checksums are recorded of the objects of Zarr stores.
            results.append(check_checksums(store, options, shown) if full else check_presence(store, options))
        try:
            with open_store(store, options) as opened:
                results += [CheckResult("opens with xarray", True), *run_checks(opened, checks)]
        except VerifyError as error:
            # What else was found is worth more than the first error.
            results.append(CheckResult("opens with xarray", False, error.message))
    good = all(r.passed for r in results)
    if as_json:
        click.echo(json.dumps({"ok": good, "store": store, "checks": [r.to_json() for r in results]}, default=str))
    else:
        _print(store, results)
    sys.exit(0 if good else 1)


def _print(store: str, results: list[CheckResult]) -> None:
    """A line a check, and one that sums up."""
    from pangeo_forge.plan.layout import format_bytes

    for result in results:
        mark = click.style("ok    ", fg="green") if result.passed else click.style("FAILED", fg="red", bold=True)
        click.echo(f"{mark} {result.name}" + (f": {result.detail}" if result.detail else ""))
    failed = sum(not r.passed for r in results)
    arrays = [r for r in results if "read" in r.figures]
    read, nbytes = sum(r.figures["read"] for r in arrays), sum(r.figures["bytes"] for r in arrays)
    verdict = f"{failed} of {len(results)} checks failed" if failed else "sound"
    counts = f"{len(arrays)} array{'s' * (len(arrays) != 1)}, {read:,} object{'s' * (read != 1)} read"
    click.echo(f"{store}: {verdict}; {counts} ({format_bytes(nbytes)})")


def _checks_of(recipe: str) -> list[dict[str, Any]]:
    from pangeo_forge.recipe.load import load_recipe

    return [c.model_dump(exclude_none=True) for c in load_recipe(recipe).checks]
