"""Check recipes without touching any input: everything that is wrong, at once, each with its place and remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pangeo_forge.errors import RecipeError, RecipeErrors
from pangeo_forge.recipe.load import find_recipe, read_recipes
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.recipe.problems import to_errors


@dataclass(frozen=True)
class LintReport:
    """What was found, in the order of the file."""

    path: str
    errors: list[RecipeError] = field(default_factory=list)
    warnings: list[RecipeError] = field(default_factory=list)
    recipes: list[Recipe] = field(default_factory=list, repr=False)
    """The recipes that the file makes, when there are no errors."""

    @property
    def ok(self) -> bool:
        """No errors; warnings do not count."""
        return not self.errors

    def __str__(self) -> str:
        lines = [f"error: {e}" for e in self.errors] + [f"warning: {w}" for w in self.warnings]
        return "\n".join(lines) or f"{self.path}: ok"

    def to_json(self) -> dict[str, Any]:
        """What ``lint --json`` prints."""
        return {
            "path": self.path,
            "ok": self.ok,
            "errors": [e.to_json() for e in self.errors],
            "warnings": [w.to_json() for w in self.warnings],
            "ids": [r.id for r in self.recipes],
        }


def expanded(name: str | Path) -> list[str | Path]:
    """The recipes of a folder of recipes (``recipes/``), by name; else ``name`` itself."""
    folder = Path(name)
    if not folder.is_dir() or (folder / "recipe.yaml").exists():
        return [name]
    return [path.parent for path in sorted(folder.glob("*/recipe.yaml"))] or [name]


def lint(
    recipe: str | Path,
    *,
    params: Mapping[str, str] | None = None,
    set_: Sequence[str] = (),
    recipes_dir: str | Path = "recipes",
    name: str | None = None,
) -> LintReport:
    """Check one recipe (a file, a folder or an id). No network, no disk but the file itself; nothing raises but a
    wrong call.

    Parameters
    ----------
    name: path to show in messages instead of the real one.
    """
    shown = name or str(recipe)
    try:
        path = find_recipe(recipe, recipes_dir)
        shown = name or str(path)
        outcome = read_recipes(path, params=params, set_=set_, name=shown)
    except RecipeErrors as error:
        return LintReport(shown, errors=error.errors)
    except RecipeError as error:
        return LintReport(shown, errors=[error])
    errors = to_errors([p for p in outcome.problems if not p.warning], outcome.source)
    warnings = to_errors([p for p in outcome.problems if p.warning], outcome.source)
    return LintReport(shown, errors, warnings, [] if errors else outcome.recipes)
