"""What a pull request proposes, as jobs for the check: recipes that it touches, with their accepted form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pangeo_forge.ci.changes import FILE, RECIPES, RecipeChange, changed_recipes
from pangeo_forge.ci.escaping import clean
from pangeo_forge.ci.feedstocks import unusable_name
from pangeo_forge.ci.git import Repository
from pangeo_forge.ci.review.findings import problem
from pangeo_forge.ci.review.report import RecipeReport
from pangeo_forge.ci.review.rules import ReviewRules
from pangeo_forge.ci.review.steps import Job

DESCRIBING = ("title", "description", "license", "license_url", "providers", "maintainers", "keywords")
"""Sections that no check of data is needed for."""
_LARGEST_FILE = 10_000_000
_MOST_FILES = 200
_REGULAR = ("100644", "100755")


@dataclass(frozen=True)
class Proposal:
    """What is to be checked, and what is known without a check."""

    jobs: tuple[Job, ...]
    settled: tuple[RecipeReport, ...] = ()
    """Recipes that were removed, and those that are refused for what they are."""
    base: str | None = None
    other_files: tuple[str, ...] = ()
    """Changed files that belong to no recipe."""


def proposal_of_recipes(recipes: Sequence[str], scratch: Path, rules: ReviewRules) -> Proposal:
    """Recipes that the command line names.

    Raises
    ------
    RecipeError: R080, there is no such recipe.
    """
    from pangeo_forge.recipe.load import find_recipe

    paths = [find_recipe(name) for name in recipes]
    return Proposal(
        tuple(
            Job(str(path.absolute()), str(path), "unchanged", None, str(scratch / f"r{number:02d}"), rules)
            for number, path in enumerate(dict.fromkeys(paths), 1)
        )
    )


def proposal_since(revision: str, folder: Path, scratch: Path, rules: ReviewRules) -> Proposal:
    """Recipes that differ from where this branch left ``revision``.

    Raises
    ------
    AutomationError: what git and :func:`changed_recipes` raise.
    """
    changes = changed_recipes(revision, folder)
    repository = Repository(folder)
    jobs: list[Job] = []
    settled: list[RecipeReport] = []
    for number, change in enumerate(changes.recipes, 1):
        shown = f"{RECIPES}/{change.id}/{FILE}"
        place = scratch / f"r{number:02d}"
        link = _link(folder / RECIPES / change.id)
        if change.kind == "removed":
            settled.append(_settled(change, shown, "removed"))
        elif link is not None:
            what = f"{link} is a symbolic link, which is not followed"
            settled.append(_refused(change, shown, "A126", what, "put the file itself there"))
        elif (unusable := unusable_name(change.id)) is not None:
            settled.append(_refused(change, shown, "A019", unusable, "rename the folder, and the recipe's id with it"))
        else:
            base = None if change.kind == "new" else export(repository, changes.base, change.id, place / "base")
            jobs.append(
                Job(
                    path=str((folder / shown).absolute()),
                    shown=shown,
                    change="added" if base is None else "changed",
                    base=base,
                    folder=str(place),
                    rules=rules,
                    lint_only=change.kind == "metadata" and set(change.sections) <= set(DESCRIBING),
                )
            )
    ours = tuple(f"{RECIPES}/{c.id}/" for c in changes.recipes)
    others = [c.path for c in repository.changed_files(changes.base, ".") if not c.path.startswith(ours)]
    return Proposal(tuple(jobs), tuple(settled), changes.base, tuple(others))


def export(repository: Repository, commit: str, name: str, folder: Path) -> str | None:
    """The recipe as it is accepted, written below ``folder``; None: there is none. Links are left out."""
    below = f"{RECIPES}/{name}"
    files = [f for f in repository.tree(commit, below) if f.mode in _REGULAR][:_MOST_FILES]
    contents = repository.blobs((f.blob for f in files), _LARGEST_FILE)
    for file in files:
        data = contents.get(file.blob)
        relative = Path(file.path).relative_to(below)
        if data is None or relative.is_absolute() or ".." in relative.parts:
            continue
        path = folder / name / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    made = folder / name / FILE
    return str(made) if made.is_file() else None


def _link(folder: Path) -> str | None:
    """A symbolic link in the way to a recipe or beside it; they are not followed."""
    if folder.is_symlink():
        return folder.name
    return next((p.name for p in sorted(folder.rglob("*")) if p.is_symlink()), None)


def _settled(change: RecipeChange, shown: str, verdict: str) -> RecipeReport:
    kind = {"new": "added", "removed": "removed"}.get(change.kind, "changed")
    return RecipeReport(path=clean(shown, 300), id=clean(change.id, 200), change=kind, verdict=verdict)  # type: ignore[arg-type]


def _refused(change: RecipeChange, shown: str, code: str, what: str, hint: str) -> RecipeReport:
    found = problem("error", code, what, hint, where=f"{shown}:1:1")
    report = _settled(change, shown, "refused")
    return report.model_copy(update={"problems": (found,), "problems_count": 1})
