"""What a run did."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pangeo_forge.plan.layout import format_bytes
from pangeo_forge.verify.result import CheckResult

if TYPE_CHECKING:
    import xarray as xr

RECORD_VERSION = 1


@dataclass(frozen=True)
class RunResult:
    """A finished run: where the store is, and everything worth keeping in its record."""

    recipe_id: str
    title: str
    fingerprint: str
    run_id: str
    store: str
    began: str
    seconds: float
    inputs: int
    input_bytes: int
    tasks: int
    bytes_written: int
    """Uncompressed."""
    bytes_stored: int
    plan: Mapping[str, Any]
    checks: tuple[CheckResult, ...] = ()
    warnings: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    action: str = "build"
    """``build``, ``append``, or ``nothing`` when the store held all inputs already."""
    state: str = ""
    """Names the ledger of what the store holds."""
    pruned: int | None = None
    """Only so many first and last values of each concat key were asked for."""
    published: bool = True
    """Readers who follow the dataset see it: not so for a pruned run to a root."""
    work: Mapping[str, Any] = field(default_factory=dict)
    """What it took: inputs fetched and cached, retries, seconds of each step, the slowest inputs, memory."""

    def open(self) -> xr.Dataset:
        """The store, opened with xarray."""
        from pangeo_forge.targets.opening import open_dataset

        return open_dataset(self.store)

    def to_json(self) -> dict[str, Any]:
        """The run record."""
        data = asdict(self)
        data["checks"] = [c.to_json() for c in self.checks]
        return {"record_version": RECORD_VERSION, "outcome": "done", **data}

    def lines(self) -> list[tuple[str, str]]:
        """What a person wants to know, as name and value."""
        if self.action == "nothing":
            held = "nothing new: the store holds all of them already"
            return [("store", self.store), ("inputs", held), ("time", f"{self.seconds:.1f} s")]
        passed = sum(c.passed for c in self.checks)
        ratio = self.bytes_written / self.bytes_stored if self.bytes_stored else 1.0
        return [
            ("store", self.store),
            (
                "inputs",
                f"{self.inputs:,} ({format_bytes(self.input_bytes)}){', appended' if self.action == 'append' else ''}",
            ),
            (
                "written",
                f"{format_bytes(self.bytes_written)}, stored as {format_bytes(self.bytes_stored)} ({ratio:.1f}:1)",
            ),
            ("checks", f"{passed} of {len(self.checks)} passed" if self.checks else "not run"),
            ("time", f"{self.seconds:.1f} s"),
        ]

    def __repr__(self) -> str:
        return "\n".join([f"<RunResult {self.recipe_id}>", *(f"  {k:<8}{v}" for k, v in self.lines())])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{k}</th><td>{html.escape(v)}</td></tr>" for k, v in self.lines())
        return f"<table><caption>{html.escape(self.title)}</caption>{rows}</table>"
