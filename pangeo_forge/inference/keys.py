"""Keys for what the time does not explain: numbers, words, tables of words, and words that switch with time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.inference.alignment import Column
from pangeo_forge.inference.cadence import proven
from pangeo_forge.inference.guess import KeyGuess
from pangeo_forge.inference.names import free, name_number, name_words
from pangeo_forge.pattern.dates import iso

_SERIES = ("year", "month", "step", "member")
"""Numbers that come one after the other."""
MOST_GAP = 12
"""Two other numbers farther apart than this (500 and 850 hPa) are rather a choice than the ends of a range."""
MOST_FIELDS = 100
"""Rows of a look-up table that a recipe may sensibly hold."""


@dataclass
class Workshop:
    """Samples being explained: columns, the template text of each, and the keys made so far."""

    columns: list[Column]
    texts: dict[int, str] = field(default_factory=dict)
    keys: list[KeyGuess] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)

    @property
    def taken(self) -> set[str]:
        """Names of the keys."""
        return {k.name for k in self.keys}

    @property
    def open(self) -> list[int]:
        """Varying columns without an explanation, in order."""
        return [i for i, c in enumerate(self.columns) if i not in self.texts and not c.constant]

    def before(self, column: int) -> str:
        """The text left of a column, as the first sample has it."""
        return "".join(c.texts[0] for c in self.columns[max(0, column - 6) : column])

    def place(self, name: str, values: Sequence[Any]) -> None:
        """Note each sample's value of a key."""
        for place, value in zip(self.places, values, strict=True):
            place[name] = value

    def twins(self, column: int) -> list[int]:
        """Open columns with the same text in every sample, this one included."""
        return [i for i in self.open if self.columns[i].texts == self.columns[column].texts]


def depends(values: Sequence[Any], on: Sequence[Any]) -> bool:
    """Whether each value of ``on`` goes with one value only."""
    return len(set(zip(on, values, strict=True))) == len(set(on))


# -- numbers ---------------------------------------------------------------------------------------------------------


def add_number(shop: Workshop, column: int, *, complete: bool) -> KeyGuess:
    """A concat key of whole numbers from a column, its twins, and columns that differ by a constant."""
    texts = shop.columns[column].texts
    numbers = [int(t) for t in texts]
    name = name_number(numbers, shop.before(column), shop.columns[column].width, shop.taken)
    for other in shop.open:
        if not shop.columns[other].digits:
            continue
        differences = {int(t) - n for t, n in zip(shop.columns[other].texts, numbers, strict=True)}
        if len(differences) != 1:
            continue
        move = differences.pop()
        moved = f" {'+' if move > 0 else '-'} {abs(move)}" if move else ""
        shop.texts[other] = f"{{{name}{moved}{_number_format(shop.columns[other])}}}"
    key = _number_key(name, sorted(set(numbers)), complete)
    shop.keys.append(key)
    shop.place(name, numbers)
    return key


def _number_format(column: Column) -> str:
    padded = column.width is not None and column.width > 1 and any(t[0] == "0" for t in column.texts)
    return f":0{column.width}d" if padded else ""


def _number_key(name: str, distinct: list[int], complete: bool) -> KeyGuess:
    distances = [n - distinct[0] for n in distinct]
    step = math.gcd(*distances)
    notes = []
    proof = complete or (len(distinct) > 2 and proven(distances, step))
    if not proof and name.split("_")[0] not in _SERIES and step > MOST_GAP:
        notes = [
            f"{name}: whether there are numbers between {distinct[0]} and {distinct[-1]} is not known: those seen are listed"
        ]
        shown = ", ".join(map(str, distinct))
        return KeyGuess(
            name, "concat", "numbers", distinct, shown, f"{len(distinct)} different numbers in the names", notes=notes
        )
    if not proof:
        if step > 1:
            many = "2 samples" if len(distinct) == 2 else f"{len(distinct)} samples far apart"
            notes.append(f"{name}: {many} cannot tell a step of 1 from {step}: 1 was chosen")
        step = 1
    values: Any = {"start": distinct[0], "end": distinct[-1], **({"step": step} if step > 1 else {})}
    count = (distinct[-1] - distinct[0]) // step + 1
    if complete and count != len(distinct):
        absent = (
            [n for n in range(distinct[0], distinct[-1] + 1, step) if n not in set(distinct)] if count < 10_000 else []
        )
        values = {**values, "exclude": absent} if absent and len(absent) <= len(distinct) else distinct
    shown = f"{distinct[0]} ... {distinct[-1]}, step {step}" if isinstance(values, dict) else f"{len(distinct)} numbers"
    return KeyGuess(
        name, "concat", "numbers", values, shown, f"{len(distinct)} different numbers in the names", notes=notes
    )


# -- words -----------------------------------------------------------------------------------------------------------


def add_words(shop: Workshop, columns: Sequence[int]) -> None:
    """Merge keys from columns of words: one each where they vary freely, one look-up table where they change together."""
    groups = _groups(shop, columns)
    heads = [g[0] for g in groups]
    rows = list(dict.fromkeys(zip(*(shop.columns[h].texts for h in heads), strict=True)))
    product = math.prod(len(set(shop.columns[h].texts)) for h in heads)
    if len(rows) == product:
        for group in groups:
            _add_list(shop, group)
        return
    for part in _independent(shop, groups):
        if len(part) == 1:
            _add_list(shop, part[0])
        else:
            _add_table(shop, part)


def _groups(shop: Workshop, columns: Sequence[int]) -> list[list[int]]:
    """Columns with the same text everywhere stand together."""
    groups: list[list[int]] = []
    for i in columns:
        for group in groups:
            if shop.columns[group[0]].texts == shop.columns[i].texts:
                group.append(i)
                break
        else:
            groups.append([i])
    return groups


def _independent(shop: Workshop, groups: list[list[int]]) -> list[list[list[int]]]:
    """Parts of which the samples hold every combination with all others; within a part, words change together."""
    parts: list[list[list[int]]] = []
    rest = list(groups)
    for group in groups:
        others = [g for g in rest if g is not group]
        if not others:
            break
        own = set(shop.columns[group[0]].texts)
        combined = set(zip(*(shop.columns[g[0]].texts for g in others), strict=True))
        all_of = set(zip(*(shop.columns[g[0]].texts for g in [group, *others]), strict=True))
        if len(all_of) == len(own) * len(combined):
            parts.append([group])
            rest = others
    return [*parts, rest] if rest else parts


def _add_list(shop: Workshop, group: Sequence[int]) -> None:
    texts = shop.columns[group[0]].texts
    values = list(dict.fromkeys(texts))
    name = name_words(values, shop.taken)
    for i in group:
        shop.texts[i] = f"{{{name}}}"
    shop.keys.append(
        KeyGuess(name, "merge", "words", values, ", ".join(values), f"{len(values)} different words in the names")
    )
    shop.place(name, texts)


def _add_table(shop: Workshop, part: Sequence[Sequence[int]]) -> None:
    """One key with fields. The column that tells all rows apart is the key itself; else rows are named by all."""
    heads = [g[0] for g in part]
    rows = list(zip(*(shop.columns[h].texts for h in heads), strict=True))
    whole = [n for n, h in enumerate(heads) if depends(rows, shop.columns[h].texts)]
    if whole:
        lead = whole[0]
        labels = shop.columns[heads[lead]].texts
    else:
        lead = -1
        labels = tuple("_".join(r) for r in rows)
    name = name_words(list(dict.fromkeys(labels)), shop.taken)
    table: dict[str, dict[str, str]] = {label: {} for label in labels}
    used: set[str] = set()
    for n, group in enumerate(part):
        if n == lead:
            for i in group:
                shop.texts[i] = f"{{{name}}}"
            continue
        column = shop.columns[group[0]]
        wish = _field_name(column, labels)
        field_name = free(wish, used)
        used.add(field_name)
        for i in group:
            shop.texts[i] = f"{{{name}.{field_name}}}"
        for label, text in zip(labels, column.texts, strict=True):
            table[label][field_name] = text
    shown = ", ".join(table)
    evidence = f"{len(part)} parts of the name change together: a look-up table"
    shop.keys.append(KeyGuess(name, "merge", "table", table, shown, evidence))
    shop.place(name, labels)


def _field_name(column: Column, labels: Sequence[str]) -> str:
    texts = set(column.texts)
    if all(len(t) == 1 for t in texts):
        return "letter"
    named = name_words(sorted(texts), ())
    if named != "variable":
        return named
    return "stem" if all(t in label for t, label in zip(column.texts, labels, strict=True)) else "kind"


# -- what changes with time ------------------------------------------------------------------------------------------


def switches(column: Column, times: Sequence[Any]) -> list[tuple[Any, str]] | None:
    """The first time of each block in which the text stays the same; None when it does not come in blocks."""
    if not depends(column.texts, times):
        return None
    by_time = sorted(set(zip(times, column.texts, strict=True)))
    starts = [(t, x) for k, (t, x) in enumerate(by_time) if k == 0 or by_time[k - 1][1] != x]
    return starts if len(starts) == len(set(column.texts)) and len(starts) < len(by_time) else None


def add_switch(shop: Workshop, column: int, time: KeyGuess, starts: Sequence[tuple[Any, str]]) -> None:
    """A field of the time key that switches at dates: ``when``."""
    used = {k for rule in time.values.get("when", []) for k in rule}
    wish = "version" if shop.columns[column].digits else "source"
    name = free(wish, used)
    for i in shop.twins(column):
        shop.texts[i] = f"{{{time.name}.{name}}}"
    rules: list[dict[str, Any]] = []
    for k, (_, text) in enumerate(starts):
        bound = {"before": iso(starts[k + 1][0])} if k + 1 < len(starts) else {}
        rules.append({**bound, name: text})
    time.values["when"] = rules if "when" not in time.values else _combined(time.values["when"], rules)
    shown = " then ".join(text for _, text in starts)
    time.notes.append(
        f"{shown} switches with time; the samples show no exact date: each new word begins at its first sample"
    )


def _combined(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> list[dict[str, Any]]:
    bounds = sorted({r["before"] for r in [*first, *second] if "before" in r})
    rules = []
    for bound in [*bounds, None]:
        fields: dict[str, Any] = {}
        for given in (first, second):
            found = next(r for r in given if "before" not in r or (bound is not None and bound <= r["before"]))
            fields |= {k: v for k, v in found.items() if k != "before"}
        rules.append({**({"before": bound} if bound else {}), **fields})
    return rules
