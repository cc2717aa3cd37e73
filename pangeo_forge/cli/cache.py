"""``pangeo-forge cache``."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from pangeo_forge.cli.options import cache_storage_option, json_option, storage_options

_cache_option = click.option(
    "--cache",
    "place",
    metavar="URL",
    default=None,
    help="The cache. [default: PANGEO_FORGE_CACHE, else the user's cache folder]",
)


@click.group()
def cache() -> None:
    """List, verify or prune the cache of inputs.

    \b
    Example:
      pangeo-forge cache list
      pangeo-forge cache verify --remove
      pangeo-forge cache prune --older-than 30D --max-size 100GB
    """


@cache.command("list")
@_cache_option
@cache_storage_option
@json_option
def list_command(place: str | None, cache_storage: tuple[str, ...], as_json: bool) -> None:
    """Show what is in the cache.

    \b
    Example:
      pangeo-forge cache list --json
    """
    from pangeo_forge.cli.tables import print_table
    from pangeo_forge.inputs.fetch import list_entries
    from pangeo_forge.plan.layout import format_bytes

    entries = sorted(list_entries(_opened(place, cache_storage)), key=lambda e: e.url)
    if as_json:
        click.echo(json.dumps({"ok": True, "entries": [_plain(e) for e in entries]}))
        return
    print_table(
        ["fetched", "size", "sha256", "url"],
        [(e.fetched_at, format_bytes(e.size), e.sha256[:12], e.url) for e in entries],
    )
    click.echo(f"{len(entries):,} inputs, {format_bytes(sum({e.sha256: e.size for e in entries}.values()))}")


@cache.command()
@_cache_option
@cache_storage_option
@click.option("--remove", is_flag=True, help="Remove what is damaged; the next run fetches it anew.")
@json_option
def verify(place: str | None, cache_storage: tuple[str, ...], remove: bool, as_json: bool) -> None:
    """Read every copy again and compare its digest; exit code 1 when one is damaged.

    \b
    Example:
      pangeo-forge cache verify --remove
    """
    from pangeo_forge.inputs.fetch import verify_entries

    findings = list(verify_entries(_opened(place, cache_storage), remove=remove))
    bad = [f for f in findings if f.problem is not None]
    if as_json:
        rows = [{"url": f.entry.url, "problem": f.problem} for f in bad]
        click.echo(json.dumps({"ok": not bad, "checked": len(findings), "damaged": rows}))
    else:
        for finding in bad:
            click.echo(f"{click.style('damaged', fg='red')} {finding.entry.url}: {finding.problem}")
        click.echo(
            f"{len(findings):,} inputs checked, {len(bad):,} damaged" + (" and removed" if bad and remove else "")
        )
    sys.exit(1 if bad else 0)


@cache.command()
@_cache_option
@cache_storage_option
@click.option("--older-than", metavar="AGE", default=None, help="Remove copies fetched longer ago, e.g. 30D.")
@click.option("--max-size", metavar="SIZE", default=None, help="Then the oldest until so much is left, e.g. 100GB.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
def prune(
    place: str | None,
    cache_storage: tuple[str, ...],
    older_than: str | None,
    max_size: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove old copies, and what unfinished fetches left.

    \b
    Example:
      pangeo-forge cache prune --older-than 30D --max-size 100GB
    """
    from datetime import timedelta

    from pangeo_forge.inputs.fetch import prune_entries
    from pangeo_forge.inputs.fetch.options import seconds
    from pangeo_forge.plan.layout import format_bytes, parse_bytes

    age = None if older_than is None else timedelta(seconds=seconds(older_than))
    most = None if max_size is None else parse_bytes(max_size)
    done = prune_entries(_opened(place, cache_storage), older_than=age, max_bytes=most, dry_run=dry_run)
    if as_json:
        click.echo(
            json.dumps(
                {"ok": True, "dry_run": dry_run, "entries": done.entries, "files": done.blobs, "bytes": done.bytes}
            )
        )
        return
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"{done.entries:,} entries and {done.blobs:,} files, {format_bytes(done.bytes)} {verb}")


def _opened(place: str | None, cache_storage: tuple[str, ...]) -> Any:
    from pathlib import Path

    from pangeo_forge.inputs.fetch import Cache
    from pangeo_forge.runs.settings import RunSettings

    root = RunSettings(cache=place).cache_root
    options = storage_options(cache_storage, "--cache-option")
    return Cache(root if "://" in root else str(Path(root).expanduser().absolute()), options)


def _plain(entry: Any) -> dict[str, Any]:
    return {
        "url": entry.url,
        "size": entry.size,
        "sha256": entry.sha256,
        "etag": entry.etag,
        "fetched_at": entry.fetched_at,
    }
