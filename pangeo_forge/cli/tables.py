"""Tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click


def print_table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with aligned columns, no wider than its content."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console()
    Console(width=max(console.width, 100) if not console.is_terminal else None).print(table)


def print_plan(summary: Mapping[str, Any]) -> None:
    """Dimensions, variables with their chunks, and how the work is done."""
    from pangeo_forge.plan.layout import format_bytes

    click.echo("dims     " + ", ".join(f"{k}: {v:,}" for k, v in summary["sizes"].items()))
    rows = [
        (
            row["name"],
            ", ".join(row["dims"]) or "(scalar)",
            " x ".join(map(str, row["shape"])),
            row["dtype"],
            " x ".join(map(str, row["chunks"])),
            f"{row['n_chunks']:,}",
            format_bytes(row["bytes"]),
        )
        for row in sorted(summary["arrays"], key=lambda r: (r["coordinate"], r["name"]))
    ]
    print_table(["variable", "dims", "shape", "dtype", "chunks", "number", "bytes"], rows)
    click.echo(f"inputs   {summary['inputs']:,}")
    click.echo(f"bytes    {format_bytes(summary['bytes'])} uncompressed, {format_bytes(summary['bytes_read'])} to read")
    click.echo(f"work     {summary['text']}")


def work_lines(work: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a run's work took, as name and value; ``work`` is that of the run's record."""
    from pangeo_forge.plan.layout import format_bytes

    came = [(work["fetched"], "fetched"), (work["cached"], "from the cache"), (work["in_place"], "in place")]
    inputs = ", ".join(f"{count:,} {how}" for count, how in came if count) or "none"
    if work["bytes_fetched"]:
        inputs += f"; {format_bytes(work['bytes_fetched'])} over the network"
    retries = f", {work['retries']:,} retries" if work["retries"] else ""
    failed = f", {work['failed']:,} failed" if work["failed"] else ""
    resumed = f", {work['tasks_resumed']:,} more by an earlier run" if work["tasks_resumed"] else ""
    rows = [("inputs", inputs + retries + failed), ("tasks", f"{work['tasks']:,}{resumed}")]
    if work["seconds"]:
        rows.append(("seconds", ", ".join(f"{step} {seconds:.1f}" for step, seconds in work["seconds"].items())))
    if work["peak_process"]:
        task = f", of a task about {format_bytes(work['peak_task'])}" if work["peak_task"] else ""
        rows.append(("memory", f"peak of a process {format_bytes(work['peak_process'])}{task}"))
    for number, slow in enumerate(work["slowest"]):
        rows.append(("slowest" if not number else "", f"{slow['seconds']:.1f} s {slow['step']} {slow['input']}"))
    return rows
