"""From a YAML recipe to a verified, consolidated Zarr store.

>>> import pangeo_forge
>>> recipe = pangeo_forge.load_recipe("example-pressure-daily")   # doctest: +SKIP
>>> recipe.run(target="pressure.zarr").open()                       # doctest: +SKIP

Importing this package is cheap: Beam, xarray and zarr are imported where they are first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pangeo_forge.version import __version__

if TYPE_CHECKING:
    from pangeo_forge.errors import PangeoForgeError
    from pangeo_forge.pattern.pattern import FilePattern
    from pangeo_forge.runs.handle import LoadedRecipe, load_recipe

__all__ = ["FilePattern", "LoadedRecipe", "PangeoForgeError", "__version__", "load_recipe"]

_WHERE = {
    "FilePattern": "pangeo_forge.pattern.pattern",
    "LoadedRecipe": "pangeo_forge.runs.handle",
    "PangeoForgeError": "pangeo_forge.errors",
    "load_recipe": "pangeo_forge.runs.handle",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'pangeo_forge' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
