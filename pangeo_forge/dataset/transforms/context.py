"""What a transform may know besides the dataset: the input's key, where it came from, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pangeo_forge.errors import PlanError, RecipeError


@dataclass(frozen=True)
class Context:
    """The input that a transform is applied to."""

    key: Mapping[str, Any] = field(default_factory=dict)
    """The pattern's keys: ``KeyValue`` by name."""
    url: str = ""
    """The input's URL, before it was fetched; ``filename`` looks at its last part."""
    label: str = ""
    """Key and URL without secrets, for messages."""
    folder: Path | None = None
    """The recipe's folder: the only place that a hook is loaded from."""
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Text of the recipe's Python files by name, where it came with the work: a worker need not see the folder."""
    allow_python: bool = False
    """Whether the operator lets the recipe's own code run."""
    where: str | None = None
    """Place in the recipe, such as ``transforms[3].rename``; set by ``apply_transforms``."""

    def error(self, code: str, message: str, hint: str | None = None) -> RecipeError:
        """A RecipeError that says which input and which transform it is about."""
        where = ": ".join(part for part in (self.label, self.where) if part)
        return RecipeError(message, code=code, where=where or None, hint=hint)

    def render(self, text: str) -> str:
        """``text`` with ``{key}`` templates filled from the input's key.

        Raises
        ------
        RecipeError: R206 for a template that cannot be read or names an unknown key.
        """
        if "{" not in text:
            return text
        from pangeo_forge.pattern.template import parse_template

        try:
            return parse_template(text).render(self.key)
        except PlanError as error:
            keys = ", ".join(self.key) or "none"
            raise self.error(
                "R206", f"{text!r}: {error.message}", error.hint or f"keys of the input: {keys}"
            ) from error
