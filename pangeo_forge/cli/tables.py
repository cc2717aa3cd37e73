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
