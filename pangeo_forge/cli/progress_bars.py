"""Progress on a terminal: one bar a stage with counts, bytes, rate and the time left; plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from pangeo_forge.progress import Progress as FrontEnd
from pangeo_forge.progress import Silent
from pangeo_forge.runs.progress_lines import Lines


class Bars:
    """Bars for people who watch."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._bytes: dict[str, int] = {}
        self._began: dict[str, float] = {}

    def start(self, stage: str, total: int, total_bytes: int | None = None) -> None:
        """Show a bar."""
        self._bytes[stage] = 0
        self._began[stage] = time.monotonic()
        self._tasks[stage] = self._bars.add_task(stage, total=total, moved="")

    def advance(self, stage: str, count: int = 1, nbytes: int = 0) -> None:
        """Move the bar on."""
        if stage in self._tasks:
            self._bytes[stage] += nbytes
            self._bars.update(self._tasks[stage], advance=count, moved=self._moved(stage))

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def finish(self, stage: str) -> None:
        """Leave the bar full."""
        if stage in self._tasks:
            task = self._bars.tasks[self._bars.task_ids.index(self._tasks[stage])]
            self._bars.update(self._tasks[stage], total=task.completed or 1, completed=task.completed or 1)

    def _moved(self, stage: str) -> str:
        from pangeo_forge.plan.layout import format_bytes

        seconds = max(0.05, time.monotonic() - self._began[stage])
        moved = self._bytes[stage]
        return f"{format_bytes(moved)}  {format_bytes(moved / seconds)}/s" if moved else ""


@contextmanager
def front_end(quiet: bool) -> Iterator[FrontEnd]:
    """Bars on a terminal, lines elsewhere, nothing when ``quiet``."""
    if quiet:
        yield Silent()
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Lines()
        return
    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[moved]}"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, refresh_per_second=5) as bars:
        yield Bars(bars)
