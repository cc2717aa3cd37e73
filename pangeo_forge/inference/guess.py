"""What was inferred, as data: the source, its keys with their evidence, and what could not be known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class KeyGuess:
    """One key of the pattern."""

    name: str
    role: str
    """``concat`` or ``merge``."""
    kind: str
    """``dates``, ``numbers``, ``words``, ``table`` or ``order`` (of a list of files)."""
    values: Any
    """VALUES as a recipe writes them."""
    shown: str
    """The values in a few words."""
    evidence: str
    dim: str | None = None
    """The dataset's dimension, where it differs from the name."""
    notes: list[str] = field(default_factory=list)


@dataclass
class Guess:
    """The ``inputs`` section, and how it came about."""

    source: dict[str, Any]
    """``{url: ...}``, ``{glob: ...}``, ``{listing: ...}`` or ``{files: ...}``."""
    keys: list[KeyGuess] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)
    """For each sample, its value of each key, as a recipe writes it; empty for listed sources."""
    missing: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Ambiguities, with the choice made."""

    @property
    def concat(self) -> list[KeyGuess]:
        """Keys along which inputs are concatenated."""
        return [k for k in self.keys if k.role == "concat"]

    @property
    def merge(self) -> list[KeyGuess]:
        """Keys whose values bring other variables."""
        return [k for k in self.keys if k.role == "merge"]

    def section(self) -> dict[str, Any]:
        """The ``inputs`` section as plain data."""
        data = dict(self.source)
        for role in ("concat", "merge"):
            keys = {
                k.name: {"dim": k.dim, "values": k.values} if k.dim else k.values for k in self.keys if k.role == role
            }
            if keys:
                data[role] = keys
        if self.missing:
            data["missing"] = self.missing
        return data

    def all_notes(self) -> list[str]:
        """Notes of the keys, then those of the whole."""
        return [n for k in self.keys for n in k.notes] + self.notes
