"""``pangeo-forge versions``."""

from __future__ import annotations

import json
from typing import Any

import click

from pangeo_forge.cli.options import json_option, storage_option, storage_options

_target_option = click.option(
    "--target", metavar="URL", default=None, help="Where the recipe was run to. [default: arco]"
)


@click.group()
def versions() -> None:
    """List, prune or roll back the versions of a dataset.

    \b
    Example:
      pangeo-forge versions list noaa-oisst --target gs://bucket/arco
      pangeo-forge versions rollback noaa-oisst --target gs://bucket/arco
      pangeo-forge versions prune ./arco --keep 2
    """


@versions.command("list")
@click.argument("name", metavar="RECIPE|ROOT")
@_target_option
@storage_option
@json_option
def list_command(name: str, target: str | None, storage: tuple[str, ...], as_json: bool) -> None:
    """Show finished versions, the newest first, and which one readers follow.

    \b
    Example:
      pangeo-forge versions list noaa-oisst --target ./arco
    """
    from pangeo_forge.runs.retention import list_versions

    found = [(p, list_versions(p)) for p in _places(name, target, storage)]
    if as_json:
        rows = [{"place": p.objects.url, "versions": [v.to_json() for v in vs]} for p, vs in found]
        click.echo(json.dumps({"ok": True, "datasets": rows}))
        return
    for place, known in found:
        click.echo(place.objects.url)
        for version in known:
            notes = ["<- latest"] if version.is_latest else []
            notes += [f"pruned to {version.pruned}"] if version.pruned else []
            click.echo("  ".join([f"  {version.name}{version.ending}", *notes]))


@versions.command()
@click.argument("name", metavar="RECIPE|ROOT")
@_target_option
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Versions to keep, the latest included.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@storage_option
@json_option
def prune(name: str, target: str | None, keep: int, dry_run: bool, storage: tuple[str, ...], as_json: bool) -> None:
    """Remove old versions; the one that readers follow stays, whatever its age.

    \b
    Example:
      pangeo-forge versions prune noaa-oisst --target ./arco --keep 2
    """
    from pangeo_forge.runs.retention import prune_versions

    removed: dict[str, list[str]] = {}
    for place in _places(name, target, storage):
        with _held(place):
            removed[place.objects.url] = prune_versions(place, keep, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps({"ok": True, "dry_run": dry_run, "removed": removed}))
        return
    for where, names in removed.items():
        for version in names:
            click.echo(f"{'would be removed' if dry_run else 'removed'} {where}/{version}")
    click.echo(f"{sum(map(len, removed.values()))} versions {'would be removed' if dry_run else 'removed'}")


@versions.command()
@click.argument("name", metavar="RECIPE|ROOT")
@click.argument("version", metavar="[VERSION]", required=False)
@_target_option
@storage_option
@json_option
def rollback(name: str, version: str | None, target: str | None, storage: tuple[str, ...], as_json: bool) -> None:
    """Let readers follow another version again: VERSION, or the one before the latest.

    \b
    Example:
      pangeo-forge versions rollback noaa-oisst --target ./arco
    """
    from pangeo_forge.runs.entries import refresh_entry
    from pangeo_forge.runs.retention import roll_back

    found = _places(name, target, storage)
    if len(found) != 1:
        raise click.UsageError(f"{name} holds {len(found)} datasets; name one")
    with _held(found[0]):
        now = roll_back(found[0], version)
        warnings = refresh_entry(found[0])
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(json.dumps({"ok": True, "latest": now}) if as_json else f"latest is {now} now")


def _places(name: str, target: str | None, storage: tuple[str, ...]) -> list[Any]:
    from pangeo_forge.cli.places import places_of

    return places_of(name, target, storage_options(storage))


def _held(place: Any) -> Any:
    import datetime as dt

    from pangeo_forge.runs.lease import held
    from pangeo_forge.runs.place import new_run_id

    return held(place.objects, new_run_id(dt.datetime.now(dt.UTC), "versions"))
