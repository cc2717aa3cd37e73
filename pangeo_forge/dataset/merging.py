"""Attributes of many inputs made one: by the recipe's policy, but never so that numbers silently change meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pangeo_forge.dataset.attributes import canonical
from pangeo_forge.dataset.combine import Combination, Tally
from pangeo_forge.dataset.conflicts import Conflict, Side
from pangeo_forge.dataset.members import Member

STRUCTURAL = (
    "units",
    "dtype",
    "_Encoding",
    "coordinates",
    "bounds",
    "climatology",
    "grid_mapping",
    "formula_terms",
    "positive",
)
"""Attributes that say what values mean or where they are: a difference is an error under ``drop_conflicts`` too."""

Attrs = dict[str, dict[str, Any]]


def merged_attrs(
    combination: Combination, members: Mapping[str, list[Member]]
) -> tuple[Attrs, list[str], list[Conflict]]:
    """Attributes by variable ("" for the dataset), warnings, and conflicts (C015, C016)."""
    policy = combination.settings.attrs
    found: Attrs = {}
    warnings: list[str] = []
    problems: list[Conflict] = []
    holders = {"": len(combination.inputs), **{n: len(m) for n, m in members.items()}}
    firsts = {"": min(combination.inputs), **{n: m[0].index for n, m in members.items()}}
    for (owner, name), tally in sorted(combination.attrs.items()):
        if owner not in holders:
            continue
        values = tally.ordered()
        meaningful = bool(owner) and name in STRUCTURAL
        differs = len(values) > 1 or tally.overflow
        partial = tally.count < holders[owner]
        if differs and policy != "first" and (meaningful or policy == "match"):
            problems.append(_conflict("C015" if meaningful else "C016", owner, name, tally))
        elif partial and policy == "match":
            problems.append(_conflict("C016", owner, name, tally, absent=holders[owner] - tally.count))
        elif policy == "first":
            if values[0][1][0][0] == firsts[owner]:
                found.setdefault(owner, {})[name] = values[0][0]
        elif not differs:
            found.setdefault(owner, {})[name] = values[0][0]
            if partial and meaningful:
                warnings.append(
                    f"{owner}: {holders[owner] - tally.count} inputs lack the attribute {name!r}; it is kept"
                )
    return found, warnings, problems


def _conflict(code: str, owner: str, name: str, tally: Tally, absent: int = 0) -> Conflict:
    sides = [Side(canonical(value), [label for _, label in said], len(said)) for value, said in tally.ordered()]
    if absent:
        sides.append(Side("(absent)", [], absent))
    hint = (
        "convert the odd ones with scale, or mend the attribute with attrs, or say combine: {attrs: first}"
        if code == "C015"
        else "say combine: {attrs: drop_conflicts} or first"
    )
    return Conflict(code, owner or "(dataset)", name, sides, hint)
