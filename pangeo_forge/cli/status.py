"""``pangeo-forge status``."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from pangeo_forge.cli.options import json_option, storage_option, storage_options


@click.command()
@click.argument("name", metavar="RECIPE|ROOT")
@click.option("--target", metavar="URL", default=None, help="Where the recipe was run to. [default: arco]")
@click.option("--last", metavar="N", type=click.IntRange(min=1), default=5, show_default=True, help="Runs to show.")
@storage_option
@json_option
def status(name: str, target: str | None, last: int, storage: tuple[str, ...], as_json: bool) -> None:
    """Show what runs did, what readers see, and who works on it.

    RECIPE with --target, or the root of a target, a dataset's folder or a store.

    \b
    Example:
      pangeo-forge status noaa-oisst --target gs://bucket/arco
      pangeo-forge status ./arco --last 1
    """
    from pangeo_forge.cli.places import places_of

    found = [_status(place, last) for place in places_of(name, target, storage_options(storage))]
    if as_json:
        click.echo(json.dumps({"ok": True, "datasets": found}, default=str))
        return
    for number, dataset in enumerate(found):
        if number:
            click.echo()
        _print(dataset)


def _status(place: Any, last: int) -> dict[str, Any]:
    from pangeo_forge.runs.lease import read_holder
    from pangeo_forge.runs.records import read_records
    from pangeo_forge.runs.workspace import unfinished

    holder = read_holder(place.objects)[0]
    standing = "free" if holder is None else holder.standing(time.time())
    doubt = "; it may be dead: the next run finds out" if standing == "doubtful" else ""
    return {
        "place": place.objects.url,
        "store": place.current(),
        "running": None if holder is None or standing == "free" else f"{holder.describe()}{doubt}",
        "unfinished": bool(unfinished(place)) and standing != "held",
        "runs": list(read_records(place.objects, last)),
    }


def _print(dataset: dict[str, Any]) -> None:
    from pangeo_forge.cli.tables import print_table, work_lines

    click.echo(f"dataset  {dataset['place']}")
    click.echo(f"store    {dataset['store'] or 'none yet'}")
    click.echo(f"running  {dataset['running'] or 'nothing'}")
    if dataset["unfinished"]:
        click.echo("note     a run was stopped before its end; the next one goes on where it stopped")
    rows = [
        (
            r["run_id"],
            r["outcome"] if r["outcome"] != "done" else r.get("action", "build"),
            r.get("inputs", ""),
            f"{r['seconds']:.1f} s",
            len(r.get("warnings", ())) or "",
            r.get("error", {}).get("message", "").partition("\n")[0][:80],
        )
        for r in dataset["runs"]
    ]
    print_table(["run", "outcome", "inputs", "time", "warnings", "error"], rows)
    latest = next((r for r in dataset["runs"] if r.get("work")), None)
    if latest is not None:
        click.echo(f"\nwork of {latest['run_id']}")
        for name, value in work_lines(latest["work"]):
            click.echo(f"  {name:<8} {value}")
