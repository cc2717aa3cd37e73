"""What an operator allows the check of a stranger's recipe. Never read from the repository that is checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pangeo_forge.runs.settings import RunSettings

REFUSALS = ("I306", "I309", "I310", "I312", "R208")
"""Errors that say that a stranger's recipe may not do this, not that it is wrong."""


@dataclass(frozen=True)
class ReviewRules:
    """Bounds of one check."""

    timeout: float = 600.0
    """Seconds for one recipe."""
    total: float = 2400.0
    """Seconds for all recipes."""
    most_recipes: int = 20
    hosts: tuple[str, ...] = ()
    """Hosts (``*.noaa.gov``; for s3 and gs: buckets) that recipes may read; none: any public one."""
    addresses: tuple[str, ...] = ()
    """Addresses with port that they may read though they are not public."""
    schemes: tuple[str, ...] = ()
    """Kinds of URLs besides https."""
    secrets: tuple[str, ...] = ()
    """Names of secrets that they may use; each must be bound to its hosts."""
    max_inputs: int = 1_000_000
    max_input_size: str = "2GB"
    max_memory: str = "2GB"
    """Of the tasks."""
    max_process_memory: int = 8 * 10**9
    """Bytes of the check's processes together; they are ended above it."""
    ask: int = 200
    """Inputs whose servers are asked whether they exist."""
    prune: int = 2
    """Values of each concat key that the pruned run takes, first and last ones."""
    combinations: int = 2
    """Recipes of a matrix that are run, the first and the last ones."""
    workers: int | None = None
    pictures: bool = True

    def settings(self, cache: str) -> RunSettings:
        """How the recipe is planned and run."""
        from pangeo_forge.runs.settings import RunSettings

        return RunSettings(
            cache=cache,
            untrusted=True,
            allow_hosts=self.hosts,
            allow_addresses=self.addresses,
            allow_schemes=("https", *self.schemes),
            max_inputs=self.max_inputs,
            max_input_size=self.max_input_size,
            max_memory=self.max_memory,
            workers=self.workers,
        )

    def to_json(self) -> dict[str, Any]:
        """For the process that checks."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ReviewRules:
        """The same rules again."""
        known = {f.name for f in fields(cls)}
        given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known}
        return cls(**given)
