"""``pangeo-forge ci run-due``."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

import click

from pangeo_forge.cli.ci.moments import at_option, moment, seconds
from pangeo_forge.cli.options import json_option


@click.command()
@at_option
@click.option("--only", metavar="ID", multiple=True, help="Only this feedstock or dataset; may be repeated.")
@click.option(
    "--budget", metavar="TIME", default=None, help="Time for all runs, e.g. 5h; what is left is done next time."
)
@click.option("--jobs", type=click.IntRange(min=1, max=64), default=1, show_default=True, help="Runs at once.")
@click.option("--force", is_flag=True, help="With --only: run it although it is not due.")
@click.option("--dry-run", is_flag=True, help="Only say what would run.")
@click.option(
    "--summary",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    default=None,
    help="Append a summary in Markdown to FILE.",
)
@json_option
def run_due(at: str | None, only: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Run the feedstocks that are due, one after another.

    Each runs in a process of its own and is stopped at its feedstock's timeout. One that fails does not stop the others; the
    exit code is 1 then. Call it from cron or a systemd timer as often as you like: a slot is run once.

    \b
    Example:
      pangeo-forge ci run-due --budget 5h
      pangeo-forge ci run-due --only noaa-oisst --force
      pangeo-forge ci run-due --at 2026-11-25T07:00 --dry-run
    """
    if given["force"] and not only:
        raise click.UsageError("--force needs --only: name what is to run although it is not due")
    budget = seconds(given["budget"], "--budget")
    now = moment(at)
    from pangeo_forge.ci.agenda import agenda
    from pangeo_forge.ci.feedstocks import read_feedstocks
    from pangeo_forge.cli.ci.due import show

    made = agenda(read_feedstocks().only(only), now)
    if given["dry_run"]:
        if as_json:
            click.echo(json.dumps({"ok": not made.broken, "dry_run": True, **made.to_json()}))
        else:
            show(made)
        sys.exit(1 if made.broken else 0)
    from pangeo_forge.ci.campaign import Means
    from pangeo_forge.ci.campaign import run_due as run_all

    def tell(text: str) -> None:
        if not as_json:
            click.echo(text, err=True)

    # systemd and workflows stop with SIGTERM: the runs end as soundly as by Ctrl-C.
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        means = Means(lambda: moment(at), budget, given["jobs"], given["force"], quiet=as_json, tell=tell)
        campaign = run_all(made, means)
    finally:
        signal.signal(signal.SIGTERM, before)
    if given["summary"]:
        from pangeo_forge.ci.summary import markdown

        with open(given["summary"], "a", encoding="utf-8") as file:
            file.write(markdown(campaign))
    report(campaign, as_json)
    sys.exit(130 if campaign.interrupted else 0 if campaign.ok else 1)


def report(campaign: Any, as_json: bool) -> None:
    """What ran, and what did not."""
    if as_json:
        click.echo(json.dumps(campaign.to_json(), default=str))
        return
    from pangeo_forge.cli.tables import print_table

    if campaign.ran:
        rows = [
            (r.id, r.slot or "by hand", r.attempt, r.result.get("action") or r.outcome, f"{r.seconds:.1f} s",
             r.result.get("store") or r.text.partition("\n")[0][:80])
            for r in campaign.ran
        ]  # fmt: skip
        print_table(["dataset", "slot", "try", "outcome", "time", "store or error"], rows)
    failed = sum(r.outcome == "failed" for r in campaign.ran)
    left = f", {len(campaign.left)} left: the budget is over" if campaign.left else ""
    click.echo(f"{len(campaign.ran)} ran, {failed} failed, {len(campaign.broken)} cannot run{left}")
    for broken in campaign.broken:
        for error in broken.errors:
            click.echo(click.style("error: ", fg="red", bold=True) + str(error), err=True)
