"""Where and how a recipe is run, as opposed to what it makes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pangeo_forge.inputs.codec_threads import available_cpus
from pangeo_forge.plan.layout import parse_bytes

DEFAULT_MEMORY = "2GB"


@dataclass(frozen=True)
class RunSettings:
    """Everything that a run needs besides its recipe."""

    target: str | None = None
    """The store itself when it ends in ``.zarr``; else the root under which ``<id>/`` keeps versions. Default: ``arco``."""
    target_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """fsspec options of the target."""
    cache: str | None = None
    """Where copies of remote inputs are kept."""
    prune: int | None = None
    """Only the first and last so many values of each concat key."""
    max_memory: int | str = DEFAULT_MEMORY
    """What the tasks of one worker process may take, beside some 350 MB of program."""
    workers: int | None = None
    """Tasks at once; None: one a CPU."""
    mode: Literal["threads", "processes", "single"] = "threads"
    overwrite: bool = False
    allow_python: bool = False
    verify: bool = True
    seed: int = 0
    """Of the sample that verification compares."""

    @property
    def worker_count(self) -> int:
        """Tasks at once."""
        return self.workers or available_cpus()

    @property
    def memory(self) -> int:
        """``max_memory`` in bytes."""
        return parse_bytes(self.max_memory)

    @property
    def cache_root(self) -> str:
        """The cache's place: as given, else ``PANGEO_FORGE_CACHE``, else the user's cache folder."""
        if self.cache:
            return self.cache
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return os.environ.get("PANGEO_FORGE_CACHE") or str(Path(home) / "pangeo-forge")
