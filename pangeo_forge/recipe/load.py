"""From a path or an id to recipes: read, fill in, validate, check. One path for lint, plan and run."""

from __future__ import annotations

import datetime as dt
import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pangeo_forge.errors import RecipeError, RecipeErrors
from pangeo_forge.recipe.model import SECTIONS_THAT_AFFECT_DATA, Recipe
from pangeo_forge.recipe.parameters import combinations, override, parameter_values, slug, substitute
from pangeo_forge.recipe.problems import Problem, from_validation, to_errors
from pangeo_forge.recipe.rules import check_sections, check_written
from pangeo_forge.recipe.section import suggestion
from pangeo_forge.recipe.source import Source, read_source


@dataclass
class Outcome:
    """What became of a file: recipes that are valid, and all that was found."""

    source: Source
    recipes: list[Recipe] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def find_recipe(name: str | Path, recipes_dir: str | Path = "recipes") -> Path:
    """The file that a RECIPE argument means: a file, a folder that holds ``recipe.yaml``, or an id under
    ``recipes_dir``.

    Raises
    ------
    RecipeError (R080): there is none. The hint names ids that are close.
    """
    text = str(name)
    path = Path(name)
    for candidate in (path, path / "recipe.yaml", Path(recipes_dir) / text / "recipe.yaml"):
        if candidate.is_file() or candidate.is_symlink():
            return candidate
    known = sorted(p.parent.name for p in Path(recipes_dir).glob("*/recipe.yaml"))
    close = difflib.get_close_matches(text, known, n=1)
    if path.is_dir():
        hint = f"the folder has no recipe.yaml; `pangeo-forge init {text}` makes one"
    elif close:
        hint = f"did you mean {close[0]!r}?"
    else:
        hint = f"give a file, a folder, or an id under {recipes_dir}/" + (f": {', '.join(known[:20])}" if known else "")
    raise RecipeError(f"there is no recipe {text!r}", code="R080", hint=hint)


def read_recipes(
    path: Path,
    *,
    params: Mapping[str, str] | None = None,
    set_: Sequence[str] = (),
    now: dt.date | None = None,
    name: str | None = None,
) -> Outcome:
    """Read, fill in, validate and check a file; never raises for what is wrong inside a readable file."""
    source = read_source(path, name=name)
    data = source.data()
    paths = override(data, set_, source.name)
    outcome = Outcome(replace(source, overrides=tuple(paths)))
    outcome.problems += check_written(data)
    values = parameter_values(data, params or {}, outcome.source, now)
    ids: dict[str, dict[str, Any]] = {}
    for combination in combinations(data):
        names = {**values, **combination}
        filled = substitute(data, names)
        if combination and isinstance(data.get("id"), str):
            filled["id"] = slug(filled["id"]) if isinstance(filled["id"], str) else slug(str(filled["id"]))
            if filled["id"] in ids:
                text = f"two combinations of the matrix make the id {filled['id']!r}"
                outcome.problems.append(Problem(("id",), "R072", text, f"use each of {', '.join(combination)} in it"))
                break
            ids[filled["id"]] = combination
        problems = _validate(filled, names, outcome, path)
        outcome.problems += problems
        # An id that differs from the folder's name spoils no combination.
        if any(not p.warning and p.code != "R020" for p in problems):
            break
    return outcome


def _validate(data: dict[str, Any], names: dict[str, Any], outcome: Outcome, path: Path) -> list[Problem]:
    problems: list[Problem] = []
    recipe = None
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        problems += from_validation(error)
    sections = {name: getattr(recipe, name) for name in Recipe.model_fields} if recipe else _valid_sections(data)
    problems += check_sections(sections, path, set(names))
    if recipe is not None:
        recipe._source, recipe._folder, recipe._values = outcome.source, path.parent, names
        recipe.read_hooks()
        outcome.recipes.append(recipe)
    return problems


def _valid_sections(data: dict[str, Any]) -> dict[str, Any]:
    """Those sections that are valid by themselves, so that their meaning is checked though others are wrong."""
    valid = {}
    for name, info in Recipe.model_fields.items():
        model = info.annotation
        if name in data and isinstance(model, type) and hasattr(model, "model_validate"):
            try:
                valid[name] = model.model_validate(data[name])
            except ValidationError:
                continue
        elif (
            name in data
            and name in ("id", "title", "license", "license_url", "matrix")
            and isinstance(data[name], (str, dict))
        ):
            valid[name] = data[name]
    return valid


def fingerprints(source: Source, now: dt.date | None = None, *, limit: int | None = None) -> dict[str, str]:
    """The fingerprint of each recipe that a file makes, by id: what tells whether two versions of it mean the same data.

    Only what affects the data is looked at; a recipe that is wrong elsewhere has fingerprints all the same.

    Parameters
    ----------
    limit: most recipes of a matrix; of a file that makes more, one fingerprint of its text stands for all.

    Raises
    ------
    RecipeErrors: the first recipe that is not valid.
    """
    data = source.data()
    values = parameter_values(data, {}, source, now)
    found: dict[str, str] = {}
    for number, combination in enumerate(combinations(data)):
        if limit is not None and number >= limit:
            return {
                "": json.dumps([data.get(k) for k in ("matrix", "parameters", "fetch", *SECTIONS_THAT_AFFECT_DATA)])
            }
        filled = substitute(data, {**values, **combination})
        if combination and "id" in filled:
            filled["id"] = slug(str(filled["id"]))
        try:
            recipe = Recipe.model_validate(filled)
        except ValidationError as error:
            raise RecipeErrors(to_errors(from_validation(error), source)) from None
        found[recipe.id] = recipe.fingerprint()
    return found


def load_recipes(
    recipe: str | Path,
    *,
    params: Mapping[str, str] | None = None,
    set_: Sequence[str] = (),
    recipes_dir: str | Path = "recipes",
    now: dt.date | None = None,
) -> list[Recipe]:
    """All recipes of a file: one for each combination of its matrix, one without a matrix.

    Parameters
    ----------
    recipe: a file, a folder, or an id under ``recipes_dir``.
    params: values for parameters, as text (``--param NAME=VALUE``).
    set_: ``a.b.c=VALUE`` overrides; VALUE is YAML.
    now: date of the run, for parameters that default to ``today``.

    Raises
    ------
    RecipeErrors: all that is wrong. Warnings do not raise, nor does an id that differs from the folder's name (that is
    for ``lint``: a recipe may be copied elsewhere to try it).
    """
    outcome = read_recipes(find_recipe(recipe, recipes_dir), params=params, set_=set_, now=now)
    wrong = [p for p in outcome.problems if not p.warning and p.code != "R020"]
    if wrong:
        raise RecipeErrors(to_errors(wrong, outcome.source))
    return outcome.recipes


def load_recipe(
    recipe: str | Path,
    *,
    params: Mapping[str, str] | None = None,
    set_: Sequence[str] = (),
    recipes_dir: str | Path = "recipes",
    now: dt.date | None = None,
) -> Recipe:
    """The one recipe that is meant. With a matrix, ``recipe`` is the id of one combination (``cmip6-cesm2``).

    Parameters and errors are those of :func:`load_recipes`; R081: a matrix makes several, and none is named.
    """
    try:
        found = load_recipes(recipe, params=params, set_=set_, recipes_dir=recipes_dir, now=now)
    except RecipeError as error:
        if error.code != "R080":
            raise
        return _of_matrix(str(recipe), error, params, set_, recipes_dir, now)
    if len(found) == 1:
        return found[0]
    ids = [r.id for r in found]
    shown = ", ".join(ids[:8]) + (", ..." if len(ids) > 8 else "")
    hint = f"name one of its ids: {shown}"
    raise RecipeError(f"the matrix makes {len(ids)} recipes", code="R081", where=found[0].locate("matrix"), hint=hint)


def dataset_recipe(
    path: str | Path, recipe_id: str, *, params: Mapping[str, str] | None = None, now: dt.date | None = None
) -> Recipe:
    """The recipe of that id among those that a file makes.

    Raises
    ------
    RecipeErrors: all that is wrong; R080, the file makes none of that id.
    """
    made = load_recipes(path, params=params, now=now)
    found = next((r for r in made if r.id == recipe_id), None)
    if found is None:
        hint = suggestion(recipe_id, [r.id for r in made])
        raise RecipeError(f"the file makes no recipe {recipe_id!r}", code="R080", where=str(path), hint=hint)
    return found


def _of_matrix(
    name: str,
    error: RecipeError,
    params: Mapping[str, str] | None,
    set_: Sequence[str],
    recipes_dir: str | Path,
    now: dt.date | None,
) -> Recipe:
    """The recipe ``cmip6-cesm2`` that the matrix of ``recipes/cmip6`` makes."""
    for path in matrix_files(name, recipes_dir):
        made = load_recipes(path, params=params, set_=set_, now=now)
        match = next((r for r in made if r.id == Path(name).name), None)
        if match is not None:
            return match
    raise error


def matrix_files(name: str | Path, recipes_dir: str | Path = "recipes") -> Iterator[Path]:
    """Recipe files whose matrix may make the recipe of that id: ``recipes/cmip6/recipe.yaml`` for ``cmip6-cesm2``."""
    parts = Path(name).name.split("-")
    folder = Path(name).parent if Path(name).parent != Path() else Path(recipes_dir)
    for n in range(len(parts) - 1, 0, -1):
        path = folder / "-".join(parts[:n]) / "recipe.yaml"
        if path.is_file():
            yield path


def recipe_ids(data: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Ids of the recipes that a file makes, without making them: one for each combination of its matrix."""
    written = data.get("id")
    if not isinstance(written, str):
        return []
    made = (substitute(written, {**values, **c}) if c else written for c in combinations(data))
    return [slug(str(i)) if data.get("matrix") else str(i) for i in made]
