"""Samples side by side: names cut into columns, each constant or varying.

Names of one archive mostly have the same shape (digits, letters and separators in the same order). Where they have not
(``air`` beside ``pr_wtr``), they are aligned by their longest common runs, as a diff does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

_TOKEN = re.compile(r"[0-9]+|[A-Za-z]+|[^A-Za-z0-9]")
_FIRST_MARK = 0xE000
"""Private characters that stand for a repeated word while names are aligned."""


@dataclass(frozen=True)
class Column:
    """One piece of all names: the text that each sample has there."""

    texts: tuple[str, ...]

    @property
    def constant(self) -> bool:
        """Whether all samples have the same text."""
        return len(set(self.texts)) == 1

    @property
    def digits(self) -> bool:
        """Whether it is a number in all samples."""
        return all(t.isascii() and t.isdigit() for t in self.texts)

    @property
    def width(self) -> int | None:
        """Number of characters, if the same in all samples."""
        widths = {len(t) for t in self.texts}
        return widths.pop() if len(widths) == 1 else None


def align(names: Sequence[str]) -> list[Column]:
    """Columns that, joined, give back each name.

    Parameters
    ----------
    names: at least one; URLs or paths.
    """
    tokens = [_TOKEN.findall(n) for n in names]
    if len({_shape(t) for t in tokens}) == 1:
        return [Column(texts) for texts in zip(*tokens, strict=True)]
    marked, repeats = _marked(names)
    tokens = [_TOKEN.findall(n) for n in marked]
    if len({_shape(t) for t in tokens}) == 1:
        columns = [Column(texts) for texts in zip(*tokens, strict=True)]
    else:
        columns = _aligned(tokens)
    return [_unmarked(c, repeats) for c in columns]


def _shape(tokens: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        "0" if t[0].isascii() and t[0].isdigit() else "a" if t[0].isascii() and t[0].isalpha() else t for t in tokens
    )


def _marked(names: Sequence[str]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Folders whose name comes again further on (``/tmax/agcd_tmax_1.nc``) replaced by a mark, there and here."""
    segments = [n.split("/") for n in names]
    repeats: dict[str, tuple[str, ...]] = {}
    if len({len(s) for s in segments}) > 1:
        return list(names), repeats
    for place in range(len(segments[0]) - 1):
        words = tuple(s[place] for s in segments)
        if len(set(words)) == 1 or not all(words) or all(w.isdigit() for w in words):
            continue
        patterns = [re.compile(rf"(?<![A-Za-z0-9]){re.escape(w)}(?![A-Za-z0-9])") for w in words]
        if not all(any(p.search(t) for t in s[place + 1 :]) for p, s in zip(patterns, segments, strict=True)):
            continue
        mark = chr(_FIRST_MARK + len(repeats))
        repeats[mark] = words
        segments = [[p.sub(mark, t) for t in s] for p, s in zip(patterns, segments, strict=True)]
    return ["/".join(s) for s in segments], repeats


def _unmarked(column: Column, repeats: dict[str, tuple[str, ...]]) -> Column:
    texts = column.texts
    for mark, words in repeats.items():
        texts = tuple(t.replace(mark, w) for t, w in zip(texts, words, strict=True))
    return Column(texts)


def _symbols(tokens: Sequence[str]) -> tuple[str, ...]:
    """What must be equal for two tokens to be aligned: numbers by their length, everything else by its text."""
    return tuple((f"#{len(t)}" if len(t) > 3 else "#") if t.isascii() and t.isdigit() else t for t in tokens)


def _aligned(tokens: Sequence[Sequence[str]]) -> list[Column]:
    reference = _symbols(tokens[0])
    maps: dict[tuple[str, ...], dict[int, int]] = {}
    for other in {_symbols(t) for t in tokens}:
        blocks = SequenceMatcher(None, reference, other, autojunk=False).get_matching_blocks()
        maps[other] = {b.a + k: b.b + k for b in blocks for k in range(b.size)}
    anchors = sorted(set.intersection(*(set(m) for m in maps.values())))
    columns: list[Column] = []
    at = [0] * len(tokens)
    for anchor in [*anchors, None]:
        places = [len(t) if anchor is None else maps[_symbols(t)][anchor] for t in tokens]
        gap = tuple("".join(t[a:p]) for t, a, p in zip(tokens, at, places, strict=True))
        if any(gap):
            _add_gap(columns, gap)
        if anchor is not None:
            columns.append(Column(tuple(t[p] for t, p in zip(tokens, places, strict=True))))
        at = [p + 1 for p in places]
    return columns


def _add_gap(columns: list[Column], gap: tuple[str, ...]) -> None:
    """A varying piece. Where some sample has nothing there, what stands before is taken in: no value is empty."""
    while not all(gap) and columns:
        before = columns.pop()
        gap = tuple(b + g for b, g in zip(before.texts, gap, strict=True))
    columns.append(Column(gap))
