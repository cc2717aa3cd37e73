"""The feedstocks of a project: which datasets they keep, where, and what is wrong with those that cannot be kept.

One broken feedstock never stands in the way of the others.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pangeo_forge.errors import AutomationError, PangeoForgeError, RecipeError, RecipeErrors
from pangeo_forge.recipe.bakery import LOCAL, VARIABLE, NamedBakery, builtin, load_bakeries
from pangeo_forge.recipe.feedstock import Feedstock, StorageLocation, read_feedstock
from pangeo_forge.recipe.load import find_recipe, matrix_files, recipe_ids
from pangeo_forge.recipe.parameters import parameter_values
from pangeo_forge.recipe.schedule import ONCE
from pangeo_forge.recipe.section import suggestion
from pangeo_forge.recipe.source import Source, read_source

FOLDER = "feedstocks"
BAKERIES = "bakeries.yaml"
RECIPES = "recipes"
_PLAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,99}\Z")


@dataclass(frozen=True)
class Dataset:
    """One dataset that a feedstock keeps up to date."""

    id: str
    """The recipe's id; of a matrix, that of the combination."""
    feedstock: str
    """The feedstock's name: its file's, without ``.yaml``."""
    recipe: Path
    made: Feedstock
    bakery: NamedBakery
    source: Source = field(repr=False)
    """The feedstock's file."""

    @property
    def name(self) -> str:
        """What tells it from all others: its feedstock, and its id where that is another."""
        return self.id if self.id == self.feedstock else f"{self.feedstock}/{self.id}"

    @property
    def target(self) -> str | None:
        """Root of the stores, or the store itself; None: the default of ``run``."""
        location = self.location
        return None if location is None else location.url

    @property
    def location(self) -> StorageLocation | None:
        """The target as it is written: the feedstock's own, else its bakery's."""
        return self.made.target or self.bakery.made.target

    @property
    def parameters(self) -> dict[str, str]:
        """Values for the recipe's parameters, as ``--param`` takes them."""
        return {name: str(value) for name, value in self.made.parameters.items()}


@dataclass(frozen=True)
class Broken:
    """A feedstock that cannot run, and why."""

    feedstock: str
    errors: tuple[PangeoForgeError, ...]

    @property
    def message(self) -> str:
        """All that is wrong."""
        return "\n".join(map(str, self.errors))

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {"feedstock": self.feedstock, "errors": [e.to_json() for e in self.errors]}


@dataclass
class Feedstocks:
    """What a project's folder of feedstocks holds."""

    datasets: list[Dataset] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    warnings: list[AutomationError] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names by which one may be asked for: feedstocks and datasets."""
        found = [b.feedstock for b in self.broken]
        for dataset in self.datasets:
            found += [dataset.feedstock, dataset.id, dataset.name]
        return sorted(set(found))

    def only(self, names: Iterable[str]) -> Feedstocks:
        """Those that are named; all when none is.

        Raises
        ------
        AutomationError: A020, there is nothing of that name.
        """
        wanted = list(names)
        if not wanted:
            return self
        for name in wanted:
            if name not in self.names:
                hint = suggestion(name, self.names) or "see `pangeo-forge ci due`"
                raise AutomationError(
                    f"there is no feedstock or dataset {name!r}", code="A020", where=f"{FOLDER}/", hint=hint
                )
        return Feedstocks(
            [d for d in self.datasets if not {d.id, d.feedstock, d.name}.isdisjoint(wanted)],
            [b for b in self.broken if b.feedstock in wanted],
            self.warnings,
        )


def read_feedstocks(folder: Path | str = ".") -> Feedstocks:
    """All feedstocks of a project; nothing is asked of their targets.

    Raises
    ------
    AutomationError: A021, there is none.
    RecipeErrors: bakeries.yaml is wrong, so nothing can run.
    """
    folder = Path(folder)
    files = feedstock_files(folder)
    if not files:
        raise AutomationError(
            "there are no feedstocks",
            code="A021",
            where=str((folder / FOLDER).absolute()),
            hint="`pangeo-forge ci promote RECIPE` makes the first; run this in the project's folder",
        )
    bakeries = read_bakeries(folder)
    found = Feedstocks()
    for path in files:
        try:
            datasets, warnings = _read(path, folder, bakeries)
        except PangeoForgeError as error:
            errors = tuple(error.errors) if isinstance(error, RecipeErrors) else (error,)
            found.broken.append(Broken(path.stem, errors))
            continue
        found.datasets += datasets
        found.warnings += warnings
    _refuse_shared_places(found)
    found.warnings += _without_target(found.datasets)
    return found


def unusable_name(folder: str) -> str | None:
    """Why no feedstock can be named after a recipe's folder; None: one can.

    The name goes into a file's name, a YAML value, URLs and messages, so it is as plain as an id.
    """
    if folder == BAKERIES.removesuffix(".yaml"):
        return f"{FOLDER}/{BAKERIES} is the project's own file, so no recipe may be called so"
    return None if _PLAIN.match(folder) else "the folder's name is not of lower-case letters, digits and dashes"


def feedstock_files(folder: Path) -> list[Path]:
    """``feedstocks/*.yaml`` but for the bakeries, in order."""
    return sorted(p for p in (folder / FOLDER).glob("*.yaml") if p.name != BAKERIES)


def read_bakeries(folder: Path) -> dict[str, NamedBakery]:
    """The bakeries of a project, or of the file that PANGEO_FORGE_BAKERIES names; ``local`` is there without being
    written."""
    path = Path(os.environ.get(VARIABLE) or folder / FOLDER / BAKERIES)
    known = {LOCAL: builtin()}
    if path.is_file() or path.is_symlink():
        known |= {name: NamedBakery(name, made, str(path)) for name, made in load_bakeries(path).items()}
    return known


def _read(path: Path, folder: Path, bakeries: Mapping[str, NamedBakery]) -> tuple[list[Dataset], list[AutomationError]]:
    made, source = read_feedstock(path)
    bakery = bakeries.get(made.bakery)
    if bakery is None:
        raise AutomationError(
            f"bakery: there is no bakery {made.bakery!r} in {FOLDER}/{BAKERIES}",
            code="A011",
            where=source.locate(("bakery",)),
            hint=suggestion(made.bakery, bakeries),
        )
    recipe, data, ids = _recipe_of(made, source, folder)
    ids = _selected(made, source, ids)
    datasets = [Dataset(i, path.stem, recipe, made, bakery, source) for i in ids]
    return datasets, list(_warnings(datasets[0], data))


def _recipe_of(made: Feedstock, source: Source, folder: Path) -> tuple[Path, dict[str, Any], list[str]]:
    """The recipe's file, what it says, and the ids that the feedstock means."""
    name = made.recipe.rstrip("/")
    place = folder / name if "/" in name else Path(name)
    hint: str | None = None
    try:
        candidates: Iterator[Path] = iter([find_recipe(place, folder / RECIPES)])
    except RecipeError as missing:
        candidates, hint = matrix_files(place, folder / RECIPES), missing.hint
    for path in candidates:
        recipe = read_source(path)
        data = recipe.data()
        ids = recipe_ids(data, _parameters(made, source, recipe))
        if place.name in ids and "matrix" in data:
            return path, data, [place.name]
        if (path.parent.name == place.name or path == place) and ids:
            return path, data, ids
    raise AutomationError(
        f"recipe: there is no recipe {made.recipe!r}",
        code="A010",
        where=source.locate(("recipe",)),
        hint=_near(place, folder) or hint,
    )


def _near(place: Path, folder: Path) -> str:
    known = [p.parent.name for p in sorted((folder / RECIPES).glob("*/recipe.yaml"))]
    found = suggestion(place.name, known)
    return found.replace("did you mean '", f"did you mean '{RECIPES}/") if found.startswith("did") else found


def _parameters(made: Feedstock, source: Source, recipe: Source) -> dict[str, Any]:
    """Values of the recipe's parameters; a wrong one is a mistake of the feedstock."""
    data = recipe.data()
    given = {name: str(value) for name, value in made.parameters.items()}
    today = dt.datetime.now(dt.UTC).date()
    for name in given:
        try:
            parameter_values(data, {name: given[name]}, recipe, today)
        except RecipeError as error:
            raise AutomationError(
                f"parameters.{name}: {error.message.partition(': ')[2] or error.message}",
                code="A012",
                where=source.locate(("parameters", name), key=True),
                hint=error.hint,
            ) from None
    return parameter_values(data, given, recipe, today)


def _selected(made: Feedstock, source: Source, ids: list[str]) -> list[str]:
    if made.datasets is None:
        return ids
    chosen: list[str] = []
    for number, pattern in enumerate(made.datasets):
        matching = [i for i in ids if fnmatchcase(i, pattern)]
        if not matching:
            raise AutomationError(
                f"datasets[{number}]: {pattern!r} is none of the {len(ids)} datasets of {made.recipe}",
                code="A013",
                where=source.locate(("datasets", number)),
                hint=suggestion(pattern, ids) or f"ids are {', '.join(ids[:8])} ...",
            )
        chosen += matching
    return list(dict.fromkeys(chosen))


def _warnings(dataset: Dataset, data: Mapping[str, Any]) -> Iterator[AutomationError]:
    made, source = dataset.made, dataset.source
    target = data.get("target")
    appends = isinstance(target, Mapping) and target.get("append")
    if made.schedule not in (None, ONCE) and made.mode == "append" and not appends:
        yield AutomationError(
            "mode: the recipe does not append, so every run builds the whole dataset anew",
            code="A016",
            where=source.locate(("mode",) if "mode" in source.data() else ("schedule",)),
            hint="add `append: DIM` to the recipe's target, or write `mode: rebuild` if that is meant",
        )


def _without_target(datasets: Iterable[Dataset]) -> Iterator[AutomationError]:
    """One warning for all: it is mended at one place, the bakery."""
    without = {d.feedstock: d for d in datasets if d.target is None}
    if without:
        names = ", ".join(list(without)[:5]) + (", ..." if len(without) > 5 else "")
        yield AutomationError(
            f"neither the feedstock nor its bakery names a target ({names}): stores go to ./arco",
            code="A015",
            where=next(iter(without.values())).source.locate(()),
            hint=f"add `target:` to the bakery in {FOLDER}/{BAKERIES}, or here",
        )


def _refuse_shared_places(found: Feedstocks) -> None:
    """Two feedstocks that write one dataset to one place would take turns in undoing each other's work."""
    holders: dict[tuple[str | None, str], str] = {}
    shared: dict[str, AutomationError] = {}
    for dataset in found.datasets:
        other = holders.setdefault((dataset.target, dataset.id), dataset.feedstock)
        if other != dataset.feedstock and dataset.feedstock not in shared:
            shared[dataset.feedstock] = AutomationError(
                f"keeps {dataset.id} at the same place as {FOLDER}/{other}.yaml",
                code="A014",
                where=dataset.source.locate(("target",)),
                hint="give it another `target`, or remove one of the two",
            )
    found.datasets = [d for d in found.datasets if d.feedstock not in shared]
    found.broken += [Broken(name, (error,)) for name, error in shared.items()]
