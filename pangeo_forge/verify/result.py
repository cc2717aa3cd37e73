"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.errors import VerifyError
from pangeo_forge.targets.objects import final_address


@dataclass(frozen=True)
class CheckResult:
    """One check of a store."""

    name: str
    """What was checked, as a user would say it: ``sst between -3 and 45``."""
    passed: bool
    detail: str = ""
    """What was found; for a failure, where and how to go on."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Numbers for the report."""

    def to_json(self) -> dict[str, Any]:
        """For ``--json`` and run records."""
        return {"name": self.name, "passed": self.passed, "detail": self.detail, "figures": dict(self.figures)}


def raise_on_failure(results: Iterable[CheckResult], store: str) -> None:
    """Raise one error that names every failed check.

    Raises
    ------
    VerifyError: V001.
    """
    failed = [r for r in results if not r.passed]
    if failed:
        rows = "\n".join(f"  {r.name}: {r.detail}" for r in failed)
        raise VerifyError(
            f"{len(failed)} check{'s' if len(failed) > 1 else ''} failed:\n{rows}\n",
            code="V001",
            where=final_address(store),
            hint="the store was not published; mend the recipe, or its checks if they ask too much",
        )
