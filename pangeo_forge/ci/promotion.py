"""A recipe that was merged gets a feedstock: where and when it runs, with defaults that suit it.

What people wrote is never overwritten. A file that was made here bears a digest of its text; while it is as it was made, it
follows its recipe, and from the first change on it is left alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pangeo_forge.ci.changes import changed_recipes
from pangeo_forge.ci.escaping import clean
from pangeo_forge.ci.feedstocks import FOLDER, RECIPES, feedstock_files, read_bakeries, unusable_name
from pangeo_forge.errors import AutomationError, PangeoForgeError, RecipeError
from pangeo_forge.recipe.feedstock import load_feedstock
from pangeo_forge.recipe.load import find_recipe, load_recipes
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.recipe.values import DateValues

Action = Literal["create", "update", "keep", "orphan"]
_STAMP = re.compile(r"^# Made by `pangeo-forge ci promote` \(([0-9a-f]{12})\)", re.M)
_BLANK = "0" * 12
_SCHEMA = "../pangeo_forge/recipe/feedstock.schema.json"


@dataclass(frozen=True)
class Promotion:
    """What is to be done about one recipe's feedstock."""

    recipe: str
    """Folder of the recipe, under ``recipes/``."""
    path: Path
    action: Action
    """``keep``: it is there, and is right or somebody's; ``orphan``: its recipe is gone, which a person must decide on."""
    why: str
    text: str = ""
    replaces: str | None = None
    """The text that it takes the place of."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.action == "keep"

    def write(self) -> None:
        """Write the feedstock, if it is to be written."""
        if self.action in ("create", "update"):
            self.path.parent.mkdir(exist_ok=True)
            self.path.write_text(self.text, encoding="utf-8")

    def to_json(self) -> dict[str, Any]:
        """What ``ci promote --json`` prints."""
        return {"recipe": self.recipe, "feedstock": str(self.path), "action": self.action, "why": self.why}


@dataclass(frozen=True)
class Promotions:
    """What becomes of all recipes that were asked about."""

    found: tuple[Promotion, ...]
    errors: tuple[PangeoForgeError, ...]
    """Recipes that are wrong; they do not stand in the way of the others."""


def promote(names: Iterable[str], folder: Path | str = ".", *, base: str | None = None) -> Promotions:
    """What is to be done about the feedstocks of recipes; nothing is written yet.

    Parameters
    ----------
    names: recipes by file, folder or id.
    base: besides those, recipes that were added, changed or removed since a revision left this branch.

    Raises
    ------
    AutomationError: git knows no such revision, and the like.
    """
    folder = Path(folder)
    bakery = _bakery(folder)
    found: dict[Path, Promotion] = {}
    errors: list[PangeoForgeError] = []
    wanted: list[Path | PangeoForgeError] = []
    for name in dict.fromkeys(names):
        try:
            place = folder / name if "/" in name or name.endswith(".yaml") else Path(name)
            wanted.append(find_recipe(place, folder / RECIPES))
        except RecipeError as error:
            wanted.append(error)
    for change in changed_recipes(base, folder).recipes if base is not None else ():
        if change.kind == "removed":
            for path in _feedstocks_of(change.id, folder):
                found[path] = Promotion(change.id, path, "orphan", "its recipe was removed")
        else:
            wanted.append(folder / RECIPES / change.id / "recipe.yaml")
    for recipe in dict.fromkeys(wanted):
        if not isinstance(recipe, Path):
            errors.append(recipe)
            continue
        try:
            for made in _promote(recipe, folder, bakery):
                found[made.path] = made
        except PangeoForgeError as error:
            errors.append(error)
    return Promotions(tuple(found[path] for path in sorted(found)), tuple(errors))


def _promote(path: Path, folder: Path, bakery: str) -> Iterator[Promotion]:
    name = path.parent.name
    unusable = unusable_name(name)
    if unusable is not None:
        hint = "rename the folder, and the recipe's id with it"
        raise AutomationError(unusable, code="A019", where=f"{RECIPES}/{clean(name, 100)}", hint=hint)
    recipes = load_recipes(path)
    target = folder / FOLDER / f"{name}.yaml"
    text = feedstock_text(name, recipes, bakery)
    others = [p for p in _feedstocks_of(name, folder) if p != target]
    if target.is_symlink():
        raise AutomationError(
            "the feedstock is a symbolic link, which is not followed",
            code="A018",
            where=str(target),
            hint="put the file itself there",
        )
    if not target.exists():
        if others:
            said = f"{others[0].name} keeps it"
            yield Promotion(name, others[0], "keep", said)
        else:
            yield Promotion(name, target, "create", "is new", text)
        return
    written = target.read_text(encoding="utf-8")
    if written == text:
        yield Promotion(name, target, "keep", "is as it should be")
    elif not is_untouched(written):
        yield Promotion(name, target, "keep", "was written or changed by people")
    else:
        yield Promotion(name, target, "update", "the recipe has changed", text, written)


def feedstock_text(name: str, recipes: list[Recipe], bakery: str) -> str:
    """The feedstock that a recipe gets: the same text for the same recipe.

    A recipe that appends gets a schedule that suits the step of its inputs; any other is built once for each change of it.
    """
    recipe = recipes[0]
    lines = [f"recipe: {RECIPES}/{name}"]
    if len(recipes) > 1:
        lines.append(
            f"# The matrix makes {len(recipes)} datasets; all run. `datasets: [ids or patterns]` chooses some."
        )
    if recipe.target.append:
        schedule, why = suggested_schedule(name, recipe)
        lines += [f'schedule: "{schedule}"  # UTC; {why}', "mode: append"]
    else:
        if _grows(recipe):
            lines.append(
                "# The inputs grow, but the recipe does not append: a schedule would build all of it each time."
            )
        lines += ['schedule: "@once"  # built once for each change of the recipe', "mode: rebuild", "keep: 2"]
    lines += [f"bakery: {bakery}", "timeout: 6h"]
    head = [
        f"# yaml-language-server: $schema={_SCHEMA}",
        f"# Made by `pangeo-forge ci promote` ({_BLANK}). Change what you like: it is left alone from then on.",
    ]
    return _stamped("\n".join([*head, *lines]) + "\n")


def suggested_schedule(name: str, recipe: Recipe) -> tuple[str, str]:
    """A schedule for a recipe that appends, and its reason: about as often as inputs come.

    Minute and hour are drawn from the name, so that not all datasets of a project begin at once.
    """
    drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    minute, hour = drawn % 60, 3 + drawn // 60 % 6
    steps = [k.values.step for k in recipe.inputs.concat.values() if isinstance(k.values, DateValues)]
    if not steps:
        return f"{minute} {hour} * * 1", "weekly: the recipe does not say how often inputs come"
    days = min(map(_days, steps))
    why = f"the inputs step by {min(steps, key=_days)}"
    if days < 4:
        return f"{minute} {hour} * * *", f"daily: {why}"
    if days < 25:
        return f"{minute} {hour} * * 1", f"weekly: {why}"
    if days < 300:
        return f"{minute} {hour} 5 * *", f"monthly: {why}"
    return f"{minute} {hour} 15 1 *", f"yearly: {why}"


def is_untouched(text: str) -> bool:
    """Whether a feedstock is as it was made."""
    stamp = _STAMP.search(text)
    return stamp is not None and text == _stamped(text[: stamp.start(1)] + _BLANK + text[stamp.end(1) :])


def _stamped(text: str) -> str:
    return text.replace(f"({_BLANK})", f"({hashlib.sha256(text.encode()).hexdigest()[:12]})", 1)


def _days(step: str) -> float:
    match = re.match(r"([0-9]+)([A-Za-z]+)", step)
    if match is None:
        return 1.0
    return int(match[1]) * {"s": 1 / 86400, "min": 1 / 1440, "h": 1 / 24, "D": 1, "W": 7, "MS": 30, "YS": 365}[match[2]]


def _grows(recipe: Recipe) -> bool:
    if recipe.inputs.kind in ("listing", "catalog"):
        return True
    return any(isinstance(k.values, DateValues) and k.values.end == "latest" for k in recipe.inputs.concat.values())


def _bakery(folder: Path) -> str:
    """The bakery that new feedstocks name: the project's `default`, else its only one, else this machine."""
    names = [n for n, b in read_bakeries(folder).items() if b.where]
    return "default" if "default" in names else names[0] if len(names) == 1 else "local"


def _feedstocks_of(name: str, folder: Path) -> list[Path]:
    """Feedstocks that name a recipe; those that cannot be read name none."""
    found = []
    for path in feedstock_files(folder):
        try:
            if Path(load_feedstock(path).recipe).name == name:
                found.append(path)
        except RecipeError:
            continue
    return found
