"""What a changed recipe changes: in the file, in the dataset, and for stores that are published."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pangeo_forge.ci.escaping import clean
from pangeo_forge.ci.review.report import Change, Difference, Figures, Variable

if TYPE_CHECKING:
    from pangeo_forge.recipe.model import Recipe

MOST_CHANGES = 100
_SECTIONS = ("title", "license", "inputs", "fetch", "open", "transforms", "combine", "target", "checks", "parameters")


def compare(before: Recipe, after: Recipe, old: Figures | None, new: Figures | None) -> Difference:
    """The difference between the accepted recipe and the proposed one; figures where both could be planned."""
    dataset = tuple(dataset_changes(old, new)) if old is not None and new is not None else ()
    return Difference(
        recipe=tuple(recipe_changes(before, after))[:MOST_CHANGES],
        dataset=dataset[:MOST_CHANGES],
        compared=old is not None and new is not None,
        effect=effect(before, after),
    )


def effect(before: Recipe, after: Recipe) -> Literal["none", "append", "rebuild"]:
    """What a store that ``before`` has made needs: nothing, the next append, or to be built anew."""
    from pangeo_forge.runs.ledger import append_fingerprint

    if before.fingerprint() == after.fingerprint():
        return "none"
    appends = bool(before.target.append and after.target.append) and before.id == after.id
    return "append" if appends and append_fingerprint(before) == append_fingerprint(after) else "rebuild"


def recipe_changes(before: Recipe, after: Recipe) -> Iterator[Change]:
    """Values of the file that differ, by their YAML path."""
    old, new = (dict(_flat(r.model_dump(mode="json", exclude_defaults=True))) for r in (before, after))
    for path in sorted({*old, *new}, key=_order):
        if old.get(path) != new.get(path):
            yield _change(path, old.get(path, ""), new.get(path, ""))


def dataset_changes(old: Figures, new: Figures) -> Iterator[Change]:
    """Dimensions, variables, chunks, encodings and counts that differ."""
    if old.target != new.target:
        yield _change("format", old.target, new.target)
    if old.inputs != new.inputs:
        yield _change("inputs", f"{old.inputs:,}", f"{new.inputs:,}")
    for dim in dict.fromkeys((*old.sizes, *new.sizes)):
        if old.sizes.get(dim) != new.sizes.get(dim):
            yield _change(f"dimension {dim}", _number(old.sizes.get(dim)), _number(new.sizes.get(dim)))
    was, is_ = ({v.name: v for v in figures.variables} for figures in (old, new))
    for name in dict.fromkeys((*was, *is_)):
        if name not in was:
            yield _change(f"variable {name}", "", f"new: {_layout(is_[name])}")
        elif name not in is_:
            yield _change(f"variable {name}", _layout(was[name]), "removed")
        else:
            yield from _variable_changes(was[name], is_[name])


def _variable_changes(old: Variable, new: Variable) -> Iterator[Change]:
    for what in ("dims", "dtype", "chunks", "shards", "compressor"):
        before, after = getattr(old, what), getattr(new, what)
        if before != after:
            yield _change(f"{what} of {new.name}", _shown(before), _shown(after))


def _layout(variable: Variable) -> str:
    return f"{variable.dtype} ({', '.join(variable.dims)}) in chunks of {_shown(variable.chunks) or 1}"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " x ".join(map(str, value))
    return "" if value is None else str(value)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _change(what: str, before: object, after: object) -> Change:
    return Change(what=clean(what, 200), before=clean(before, 280), after=clean(after, 280))


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of a document by their path; lists of plain values are leaves."""
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from _flat(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(v, (Mapping, list)) for v in value):
        for number, below in enumerate(value):
            yield from _flat(below, f"{path}[{number}]")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, default=str)


def _order(path: str) -> tuple[int, str]:
    section = path.partition(".")[0].partition("[")[0]
    return (_SECTIONS.index(section) if section in _SECTIONS else -1, path)
