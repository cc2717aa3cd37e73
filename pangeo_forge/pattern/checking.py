"""The part of the lint that expands keys and templates: dates that a step never reaches, keys that tell no files apart.

It asks neither network nor disk: of sources that list files it looks at the keys' own values only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pangeo_forge.errors import InputError, PlanError, RecipeError
from pangeo_forge.pattern.adapter import plain
from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.recipe.lint import LintReport
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.recipe.values import EmptyValues

ROOT = "inputs"


def with_patterns(report: LintReport) -> LintReport:
    """The report, and what is wrong with the patterns of its recipes."""
    found: dict[str, RecipeError] = {}
    for recipe in report.recipes:
        error = wrong_with(recipe)
        if error is not None:
            found.setdefault(str(error), error)
    return replace(report, errors=[*report.errors, *found.values()]) if found else report


def wrong_with(recipe: Recipe) -> RecipeError | None:
    """The first thing that is wrong with a recipe's keys and templates, with its place in the file."""
    inputs = recipe.inputs
    try:
        if inputs.kind in ("url", "files"):
            FilePattern.from_inputs(inputs, folder=recipe.folder)
        else:
            # A stand-in for what the source would list: the keys' values are built, and nothing is listed.
            given: dict[str, dict[str, Any]] = {"concat": dict(inputs.concat), "merge": dict(inputs.merge)}
            valued = {
                kind: {n: plain(e) for n, e in keys.items() if not isinstance(e.values, EmptyValues)}
                for kind, keys in given.items()
            }
            if any(valued.values()):
                names = [n for keys in valued.values() for n in keys]
                FilePattern.from_inputs({**valued, "url": "".join(f"{{{n}}}/" for n in names)}, folder=recipe.folder)
    except (PlanError, InputError) as error:
        path = tuple(str(error.where or ROOT).split("."))
        if path[0] != ROOT:
            path = (ROOT,)
        return RecipeError(
            f"{'.'.join(path)}: {error.message}", code=error.code, where=recipe.locate(*path), hint=error.hint
        )
    return None
