"""The works that are measured, and the command by which each tool does them."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.archive import FIRST
from benchmarks.environments import python_of
from pangeo_forge.plan.layout import ZSTD_BLOCK

HERE = Path(__file__).parent
OURS, LIMIT, LIMIT_OF_OURS = "pangeo-forge", "limit", "limit, our blocks"
PEERS = {"dask": "dask_peer.py", "xarray-beam": "xarray_beam_peer.py", "pangeo-forge-recipes": "recipes_peer.py"}
TOOLS = (OURS, LIMIT, LIMIT_OF_OURS, *PEERS)
GROWS = "xarray-beam"
"""The peer whose memory grows with the number of files: 7 GB for 100."""


@dataclass(frozen=True)
class Work:
    """One store to be made of the archive."""

    name: str
    chunks: Mapping[str, int]
    """A length of 0 stands for the number of files."""
    tools: tuple[str, ...]
    """Those that do it by default: a peer that does not get through it is left out."""
    max_memory: str | None = None
    files: int | None = None
    """Number of files when it is not that of the command line."""

    def chunks_of(self, count: int) -> dict[str, int]:
        """Chunk lengths for ``count`` files."""
        return {dim: length or count for dim, length in self.chunks.items()}


TILES = {"time": 0, "lat": 90, "lon": 90}
WORKS = {
    work.name: work
    for work in (
        Work("slabs", {"time": 20}, tuple(t for t in TOOLS if t != GROWS)),
        Work("tiles", TILES, (OURS, LIMIT, LIMIT_OF_OURS, "dask"), max_memory="8GB"),
        Work("tiles-in-400MB", TILES, (OURS, "dask"), max_memory="400MB"),
        Work("slabs-of-100", {"time": 20}, TOOLS, files=100),
    )
}
SMALL = "small-inputs"
"""The work of many inputs of 10 kB; it has an archive of its own."""


def command(work: Work, tool: str, archive: Path, count: int, store: Path, workspace: Path) -> list[str | Path]:
    """How ``tool`` does ``work``."""
    chunks = json.dumps(work.chunks_of(count))
    if tool in (LIMIT, LIMIT_OF_OURS):
        block = str(ZSTD_BLOCK if tool == LIMIT_OF_OURS else 0)
        return [sys.executable, HERE / "limit.py", archive, str(count), chunks, store, "2", block]
    if tool != OURS:
        python = python_of(tool, workspace / "environments")
        return [python, HERE / "peers" / PEERS[tool], archive, str(count), chunks, store]
    recipe = _write_recipe(workspace / "recipes", archive, count, work.chunks_of(count))
    memory = ["--max-memory", work.max_memory] if work.max_memory else []
    return [sys.executable, "-m", "pangeo_forge", "run", recipe, "--target", store, "--overwrite", *memory]


def _write_recipe(folder: Path, archive: Path, count: int, chunks: Mapping[str, int]) -> Path:
    """The recipe of the archive."""
    last = FIRST + dt.timedelta(count - 1)
    text = f"""\
format_version: 1
id: daily-fields
title: Daily fields in the layout of OISST
inputs:
  url: "{archive.resolve()}/oisst.{{time:%Y%m%d}}.nc"
  concat: {{time: {{start: {FIRST}, end: {last}, step: 1D}}}}
target:
  chunks: {json.dumps(dict(chunks))}
"""
    return _written(folder / "daily-fields" / "recipe.yaml", text)


def small_command(archive: Path, count: int, store: Path, workspace: Path) -> list[str | Path]:
    """How ours does the work of many small inputs."""
    text = f"""\
format_version: 1
id: small-inputs
title: Many small inputs
inputs:
  url: "{archive.resolve()}/small.{{number:06d}}.nc"
  concat: {{number: {{dim: time, values: {{start: 0, end: {count - 1}, step: 1}}}}}}
target:
  chunks: {{time: 1000}}
"""
    recipe = _written(workspace / "recipes" / "small-inputs" / "recipe.yaml", text)
    return [sys.executable, "-m", "pangeo_forge", "run", recipe, "--target", store, "--overwrite"]


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
