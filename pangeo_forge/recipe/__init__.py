"""Recipes: what was written, checked, with nothing executed and no input touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pangeo_forge.recipe.lint import LintReport
    from pangeo_forge.recipe.load import load_recipe, load_recipes
    from pangeo_forge.recipe.model import Recipe

__all__ = ["LintReport", "Recipe", "load_recipe", "load_recipes"]

_HOMES = {"LintReport": "lint", "Recipe": "model", "load_recipe": "load", "load_recipes": "load"}


def __getattr__(name: str) -> Any:
    # pydantic costs 0.1 s: it is imported with the first name that needs it.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(f"pangeo_forge.recipe.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
