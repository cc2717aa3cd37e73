"""Which dataset a command line means: RECIPE, the root of a target, a dataset's folder, or a store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pangeo_forge.recipe.model import Recipe
    from pangeo_forge.runs.place import Place


def places_of(name: str, target: str | None, options: Mapping[str, Any]) -> list[Place]:
    """The datasets that a command's RECIPE|ROOT argument means.

    ``target`` says where the recipe of that name was run to; without it, and when ``name`` is no recipe, ``name`` is the
    place itself.
    """
    from pangeo_forge.runs.place import STORE_ENDINGS, Place
    from pangeo_forge.targets.choice import ending_of
    from pangeo_forge.targets.objects import open_objects

    recipe = recipe_of(name)
    if recipe is not None:
        return [Place.of(target, recipe.id, options, ending_of(recipe.target))]
    name = name.rstrip("/")
    if name.endswith(STORE_ENDINGS):
        folder, _, version = name.rpartition("/")
        versioned = Place(folder, None, dict(options))
        if folder and versioned.latest()[0] is not None and version.endswith(".zarr"):
            return [versioned]
        place = Place.of_store(name, options)
        if place.current() is None and place.objects.is_empty():
            raise click.UsageError(f"there is nothing at {name}, and no run was recorded for it")
        return [place]
    root = open_objects(name, options)
    if root.exists("lease.json") or root.exists("latest.json"):
        return [Place(name, None, dict(options))]
    found = [Place(f"{name}/{folder}", None, dict(options)) for folder in sorted(root.folders())]
    found = [p for p in found if p.objects.exists("lease.json") or p.objects.exists("latest.json")]
    if not found:
        raise click.UsageError(f"{name} is neither a recipe nor a place where a recipe was run to")
    return found


def followed(store: str, options: Mapping[str, Any]) -> str:
    """The store that is meant: itself, or of a dataset's folder the version that readers follow."""
    from pangeo_forge.runs.place import STORE_ENDINGS, Place

    address = store.rstrip("/")
    if address.endswith(STORE_ENDINGS):
        return store
    return Place(address, None, dict(options)).current() or store


def recipe_of(name: str) -> Recipe | None:
    """The recipe that an argument means; None when it means a place."""
    path = Path(name)
    is_recipe = path.suffix in (".yaml", ".yml") or (path / "recipe.yaml").exists()
    if not is_recipe and not (Path("recipes") / name / "recipe.yaml").exists():
        return None
    from pangeo_forge.recipe.load import load_recipe

    return load_recipe(name)
