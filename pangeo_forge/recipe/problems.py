"""What the lint found: a problem with its YAML path, before it becomes an error with a place in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pangeo_forge.errors import RecipeError
from pangeo_forge.recipe.section import explained
from pangeo_forge.recipe.source import Source, YamlPath, format_path

_KEY_CODES = {"R010", "R030", "R050"}
"""Codes whose problem is the key itself, not its value."""


@dataclass(frozen=True)
class Problem:
    """Something wrong at ``path``; a warning does not stop a run."""

    path: YamlPath
    code: str
    text: str
    hint: str
    warning: bool = False

    def error(self, source: Source) -> RecipeError:
        """The error that the user sees."""
        where = source.locate(self.path, key=self.code in _KEY_CODES)
        path = format_path(self.path)
        return RecipeError(
            f"{path}: {self.text}" if path else self.text, code=self.code, where=where, hint=self.hint or None
        )


def from_validation(error: ValidationError, prefix: YamlPath = ()) -> list[Problem]:
    """The problems that pydantic found, in our words."""
    found = []
    for e in explained(error).errors(include_url=False):
        context: dict[str, Any] = e.get("ctx") or {}
        found.append(Problem((*prefix, *e["loc"]), e["type"], context["text"], context["hint"]))
    return found


def to_errors(problems: list[Problem], source: Source) -> list[RecipeError]:
    """Errors in the order of the file, each once."""
    unique = list(dict.fromkeys(problems))
    unique.sort(key=lambda p: source.order(p.path))
    return [p.error(source) for p in unique]
