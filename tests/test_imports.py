"""The public names, pinned, and the rule that importing the package is cheap."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import pangeo_forge
from tests.cli.invocation import environment

PUBLIC = ["FilePattern", "LoadedRecipe", "PangeoForgeError", "__version__", "load_recipe"]
METHODS = ["dry_run", "id", "model", "pattern", "plan", "run"]


def test_public_names_are_these() -> None:
    assert sorted(pangeo_forge.__all__) == PUBLIC
    assert sorted(dir(pangeo_forge)) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_there_and_documented(name: str) -> None:
    found = getattr(pangeo_forge, name)
    assert name == "__version__" or inspect.getdoc(found)


def test_methods_of_a_recipe_are_these() -> None:
    recipe = pangeo_forge.LoadedRecipe
    public = {n for n in vars(recipe) if not n.startswith("_")} | set(recipe.__dataclass_fields__)
    assert sorted(public) == METHODS


def test_unknown_names_are_no_surprise() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Recipes'"):
        pangeo_forge.Recipes  # noqa: B018


def test_import_brings_in_nothing_heavy() -> None:
    code = "import sys, pangeo_forge; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(environment()), capture_output=True, text=True, check=True, timeout=60
    )
    names = {n.partition(".")[0] for n in done.stdout.split()}
    assert not names & {"numpy", "xarray", "zarr", "apache_beam", "h5py", "fsspec", "rich", "pydantic", "yaml", "click"}
