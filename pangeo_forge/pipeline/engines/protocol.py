"""What an engine must be able to do, and what is known of its workers before it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from pangeo_forge.errors import BakeryError

Build = Callable[[Any], None]
"""Adds the steps of a pipeline to an empty ``beam.Pipeline``."""


@dataclass(frozen=True)
class Workforce:
    """Who does the work."""

    tasks: int
    """Tasks at once, over all workers."""
    per_process: int
    """Tasks at once in one process: they share its memory."""
    machines: int = 1
    """Machines that share the limits of a source, but no files by which they could agree."""
    here: bool = False
    """Workers are threads of this process: they reach its front end and its objects."""
    shares_files: bool = True
    """Workers see the paths of this machine."""

    @property
    def travels(self) -> bool:
        """Whether work goes to other processes than this one."""
        return not self.here

    @property
    def processes(self) -> int:
        """Worker processes."""
        return max(1, -(-self.tasks // max(1, self.per_process)))


class Engine(Protocol):
    """Runs pipelines, one after the other. What it starts, it keeps until it is closed."""

    @property
    def workforce(self) -> Workforce:
        """Its workers."""
        ...

    def problems(self) -> Iterator[BakeryError]:
        """What is missing, each with the command that mends it; found without starting anything."""
        ...

    def run(self, build: Build) -> None:
        """Run a pipeline to its end; Ctrl-C cancels it on the engine, too.

        Raises
        ------
        BakeryError: B020 the engine failed, or a worker in a way that nobody foresaw.
        """
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...
