"""Which recipes a change touches, and whether their data change by it: what a pull request must have checked again.

Recipes are compared by what they mean, not by their text: comments, layout and defaults that are written out do not count.
Nothing of a contribution is executed.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pangeo_forge.ci.git import FileChange, Repository
from pangeo_forge.errors import AutomationError, RecipeError, RecipeErrors
from pangeo_forge.recipe.load import fingerprints
from pangeo_forge.recipe.model import SECTIONS_THAT_AFFECT_DATA
from pangeo_forge.recipe.source import MAX_BYTES, Source, source_of

RECIPES = "recipes"
FILE = "recipe.yaml"
DOCUMENTS = (".md", ".rst", ".png", ".jpg", ".jpeg", ".svg")
"""Endings of files beside a recipe that are for people only."""
_SHAPING = (*SECTIONS_THAT_AFFECT_DATA, "format_version", "id", "parameters", "matrix")
_MANY = 200
"""Recipes of a matrix whose fingerprints are compared one by one; of more, the text's meaning decides."""

Kind = Literal["new", "removed", "data", "metadata"]


@dataclass(frozen=True)
class RecipeChange:
    """One recipe's folder that differs from the base."""

    id: str
    """Name of the folder under ``recipes/``."""
    kind: Kind
    why: str
    files: tuple[str, ...]
    sections: tuple[str, ...] = ()
    """Sections of the recipe that differ in meaning."""
    datasets: tuple[str, ...] = ()
    """Of a matrix: the ids whose data change. Empty: all of them, or there is no matrix."""
    error: str | None = None
    """Why the recipe cannot be read now, if it cannot."""

    @property
    def affects_data(self) -> bool:
        """Whether the dataset is another one: the recipe is to be checked and run again."""
        return self.kind in ("new", "data")

    def to_json(self) -> dict[str, Any]:
        """What ``ci changed --json`` prints."""
        return {
            "id": self.id,
            "kind": self.kind,
            "affects_data": self.affects_data,
            "why": self.why,
            "files": list(self.files),
            "sections": list(self.sections),
            "datasets": list(self.datasets),
            "error": self.error,
        }


@dataclass(frozen=True)
class Changes:
    """All recipes that differ between the merge base and the work tree."""

    base: str
    """The merge base."""
    recipes: tuple[RecipeChange, ...]

    def to_json(self) -> dict[str, Any]:
        """What ``ci changed --json`` prints."""
        return {"base": self.base, "recipes": [r.to_json() for r in self.recipes]}


def changed_recipes(revision: str, folder: Path | str = ".", *, recipes_dir: str = RECIPES) -> Changes:
    """Recipes that differ between the merge base of ``revision`` with HEAD and the work tree.

    Parameters
    ----------
    revision: branch, tag or commit that the change is to be merged into.
    folder: of the project, which holds ``recipes_dir``.

    Raises
    ------
    AutomationError: A001 - A005 of git; A006 there is no folder of recipes.
    """
    folder = Path(folder)
    repository = Repository(folder)
    base = repository.merge_base(repository.commit(revision), revision)
    files = repository.changed_files(base, recipes_dir)
    if not files and not (folder / recipes_dir).is_dir():
        raise AutomationError(
            "there is no folder of recipes",
            code="A006",
            where=str((folder / recipes_dir).absolute()),
            hint="run this where recipes/ is",
        )
    groups: dict[str, list[FileChange]] = defaultdict(list)
    for change in files:
        below = change.path.removeprefix(recipes_dir).lstrip("/").split("/")
        if len(below) > 1 or change.is_link:
            groups[below[0]].append(change)
    texts = {f"{recipes_dir}/{name}/{FILE}" for name in groups}
    blobs = repository.blobs((c.old for c in files if c.old and c.path in texts), MAX_BYTES)
    today = dt.datetime.now(dt.UTC).date()
    compared = (_compare(name, f"{recipes_dir}/{name}/{FILE}", group, blobs, folder, today)
                for name, group in sorted(groups.items()))  # fmt: skip
    return Changes(base, tuple(c for c in compared if c is not None))


def _compare(
    name: str,
    path: str,
    group: Sequence[FileChange],
    blobs: Mapping[str, bytes | None],
    folder: Path,
    today: dt.date,
) -> RecipeChange | None:
    names = tuple(c.path for c in group)
    text = next((c for c in group if c.path == path), None)
    beside = [c.path.rpartition("/")[2] for c in group if c is not text and not c.path.lower().endswith(DOCUMENTS)]
    if any(c.is_link and c.path.count("/") < path.count("/") for c in group):
        return RecipeChange(name, "data", "the folder is a symbolic link", names, error="links are not followed")
    if text is None:
        # The recipe itself is as it was; is it one at all?
        if not (folder / path).is_file():
            return None
        if not beside:
            return RecipeChange(name, "metadata", "documents beside the recipe", names)
        return RecipeChange(name, "data", f"{_listed(beside)} beside the recipe", names)
    if text.is_gone:
        return RecipeChange(name, "removed", "the recipe was removed", names)
    now, error = _read(folder / path, path)
    if text.old is None:
        return RecipeChange(name, "new", "the recipe is new", names, error=error)
    before = _parse(blobs[text.old], path)
    if now is None or before is None:
        which = "could not be read before" if now is not None else "cannot be read"
        return RecipeChange(name, "data", f"the recipe {which}", names, error=error)
    return _meaning(name, names, before, now, beside, today)


def _meaning(
    name: str, names: tuple[str, ...], before: Source, now: Source, beside: Sequence[str], today: dt.date
) -> RecipeChange:
    """How two readable versions of a recipe differ."""
    old, new = before.data(), now.data()
    sections = tuple(k for k in sorted({*old, *new}) if old.get(k) != new.get(k))
    shaping = [k for k in sections if k in _SHAPING or (k == "fetch" and _storage(old) != _storage(new))]
    datasets: tuple[str, ...] = ()
    error = None
    if shaping:
        try:
            was, is_ = (fingerprints(s, today, limit=_MANY) for s in (before, now))
        except RecipeError as found:
            was, is_, error = {}, None, _first(found)
        if is_ is not None and was == is_:
            shaping = []
        elif is_ is not None and len(is_) > 1:
            datasets = tuple(k for k, v in is_.items() if was.get(k) != v)
            datasets = () if len(datasets) == len(is_) else datasets
    if shaping or beside:
        said = [f"{_listed(shaping)} changed"] if shaping else []
        said += [f"{_listed(beside)} beside the recipe"] if beside else []
        return RecipeChange(name, "data", "; ".join(said), names, sections, datasets, error)
    why = f"{_listed(sections)} changed, the data do not" if sections else "comments and layout only"
    return RecipeChange(name, "metadata", why, names, sections)


def _storage(data: Mapping[str, Any]) -> Any:
    fetch = data.get("fetch")
    return fetch.get("storage_options") if isinstance(fetch, Mapping) else None


def _read(path: Path, name: str) -> tuple[Source | None, str | None]:
    from pangeo_forge.recipe.source import read_source

    try:
        return read_source(path, name=name), None
    except RecipeError as error:
        return None, _first(error)


def _parse(raw: bytes | None, name: str) -> Source | None:
    try:
        return None if raw is None else source_of(raw, name)
    except RecipeError:
        return None


def _first(error: RecipeError) -> str:
    return str(error.errors[0] if isinstance(error, RecipeErrors) and error.errors else error)


def _listed(words: Sequence[str]) -> str:
    shown = ", ".join(words[:4])
    return shown if len(words) <= 4 else f"{shown} and {len(words) - 4} more"
