"""Conflicts between inputs, told as a table that names the files: variable x attribute, value, count, examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pangeo_forge.errors import CombineError

EXAMPLES = 3
"""Inputs named for each value."""

ROWS = 12
"""Values shown for each conflict."""


@dataclass
class Side:
    """Inputs that say the same."""

    value: str
    labels: list[str] = field(default_factory=list)
    count: int = 0


@dataclass
class Conflict:
    """One thing on which inputs disagree."""

    code: str
    variable: str
    attribute: str
    sides: list[Side]
    hint: str


def conflict(code: str, variable: str, attribute: str, said: Iterable[tuple[str, str]], hint: str) -> Conflict | None:
    """A conflict when ``said`` (pairs of value and the label of who says it, in order) holds more than one value."""
    sides: dict[str, Side] = {}
    for value, label in said:
        side = sides.setdefault(value, Side(value))
        side.count += 1
        if len(side.labels) < EXAMPLES:
            side.labels.append(label)
    return Conflict(code, variable, attribute, list(sides.values()), hint) if len(sides) > 1 else None


def raise_for(conflicts: list[Conflict]) -> None:
    """Raise one CombineError with a table of all conflicts; its code and hint are those of the first."""
    if not conflicts:
        return
    rows: list[tuple[str, ...]] = [("", "variable", "what", "value", "inputs", "for example")]
    for c in conflicts:
        usual = _usual(c.sides)
        for side in c.sides[:ROWS]:
            mark = "" if usual is None or side is usual else "!"
            rows.append((mark, c.variable, c.attribute, _short(side.value), str(side.count), ", ".join(side.labels)))
        if len(c.sides) > ROWS:
            rows.append(
                (
                    "" if usual is None else "!",
                    c.variable,
                    c.attribute,
                    f"... {len(c.sides) - ROWS} more values",
                    "",
                    "",
                )
            )
    hints = list(dict.fromkeys(c.hint for c in conflicts))
    marked = " ('!' marks the odd ones)" if any(row[0] for row in rows) else ""
    raise CombineError(f"inputs disagree{marked}\n{_aligned(rows)}\n", code=conflicts[0].code, hint="; ".join(hints))


def _usual(sides: list[Side]) -> Side | None:
    """What most inputs say; None where none of them is in the majority, so that nobody is the odd one."""
    first, second = sorted(sides, key=lambda s: -s.count)[:2]
    return first if first.count > second.count else None


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  " + "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows)
