"""Where and how a recipe is run, as opposed to what it makes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pangeo_forge.errors import UsageError
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.plan.layout import parse_bytes
from pangeo_forge.progress import Patience
from pangeo_forge.runs.patience import DEFAULT_LIMIT, DEFAULT_TIMEOUT, patience_of

if TYPE_CHECKING:
    from pangeo_forge.recipe.bakery import NamedBakery

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
    cache_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """fsspec options of the cache."""
    temp: str | None = None
    """Scratch space that all workers reach; default: a temporary folder of this machine."""
    temp_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """fsspec options of ``temp``."""
    bakery: str | NamedBakery | None = None
    """Where it runs: a name in ``feedstocks/bakeries.yaml``, or a file; default: this machine."""
    revalidate: bool = False
    """Ask servers whether inputs in the cache have changed; else a copy is used without asking."""
    prune: int | None = None
    """Only the first and last so many values of each concat key."""
    make_latest: bool = False
    """Readers of a root follow the version also when it is pruned."""
    max_memory: int | str | None = None
    """What the tasks of one worker process may take, beside some 350 MB of program; None: 2GB."""
    workers: int | None = None
    """Tasks at once; None: one a CPU."""
    mode: Literal["threads", "processes", "single"] | None = None
    """How workers run on this machine; None: threads."""
    lean: bool = False
    """This process makes this run and no other: what only other engines use is not imported."""
    overwrite: bool = False
    """Replace a store of ours at a path of its own."""
    rebuild: bool = False
    """Build anew although the recipe appends."""
    steal_lease: bool = False
    """Take over from a run that is surely dead."""
    recheck: int | None = None
    """With append: how many of the latest remote inputs are asked whether they have changed; None: all."""
    keep: int | None = None
    """Versions that are kept after a build, the latest included; None: all."""
    allow_python: bool = False
    verify: bool = True
    stall_timeout: str | int | float | None = None
    """Nothing has moved for so long: a warning names the step and what is under way (``30min``, seconds, or ``never``);
    None: 30min."""
    stall_limit: str | int | float | None = None
    """Nothing has moved for so long: the run ends with an error (B120), and what is done is kept; None: 2h."""
    seed: int = 0
    """Of the sample that verification compares."""

    untrusted: bool = False
    """The recipe comes from a stranger: see :attr:`guard`."""
    allow_hosts: tuple[str, ...] = ()
    """Hosts (``example.org``, ``*.example.org``; for s3 and gs: buckets) that an untrusted recipe may read; none: any public one."""
    allow_addresses: tuple[str, ...] = ()
    """Addresses with their port (``10.0.0.5:80``) that an untrusted recipe may read though they are not public."""
    allow_schemes: tuple[str, ...] = ("https",)
    """Kinds of URLs that an untrusted recipe may read."""
    max_inputs: int = 100_000
    """Inputs of an untrusted recipe."""
    max_input_size: int | str = "20GB"
    """Size of one input of an untrusted recipe."""

    def __post_init__(self) -> None:
        # What is no size is known before inputs are read.
        parse_bytes(self.max_memory or DEFAULT_MEMORY)
        parse_bytes(self.max_input_size)
        _ = self.patience
        if self.untrusted and self.allow_python:
            raise UsageError(
                "an untrusted recipe's Python hook never runs",
                code="U030",
                hint="give either --untrusted or --allow-python",
            )

    @property
    def guard(self) -> Guard | None:
        """What an untrusted recipe may read: listed schemes and hosts, public addresses, bounded; None: all."""
        if not self.untrusted:
            return None
        return Guard(
            schemes=self.allow_schemes,
            hosts=self.allow_hosts,
            addresses=self.allow_addresses,
            max_size=parse_bytes(self.max_input_size),
            max_count=self.max_inputs,
        )

    @property
    def patience(self) -> Patience:
        """How long nothing may move."""
        return patience_of(self.stall_timeout or DEFAULT_TIMEOUT, self.stall_limit or DEFAULT_LIMIT)

    @property
    def memory(self) -> int:
        """``max_memory`` in bytes."""
        return parse_bytes(self.max_memory or DEFAULT_MEMORY)

    @property
    def cache_root(self) -> str:
        """The cache's place: as given, else ``PANGEO_FORGE_CACHE``, else the user's cache folder."""
        if self.cache:
            return self.cache
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return os.environ.get("PANGEO_FORGE_CACHE") or str(Path(home) / "pangeo-forge")


def settings_of(**given: Any) -> RunSettings:
    """Run settings from keywords, as notebooks give them.

    Raises
    ------
    UsageError: U032, a name that is no setting.
    """
    known = [f.name for f in fields(RunSettings)]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"settings are {', '.join(known)}"
            raise UsageError(f"there is no setting {name!r}", code="U032", hint=hint)
    return RunSettings(**given)
