"""Strangers' text made harmless for Markdown, for a workflow's log and for its annotations.

Titles, attributes, names, URLs and messages of a contributed recipe end up in comments and logs that people trust. Here
they lose what is not seen (control, bidirectional and invisible characters), their length is bounded, and nothing in
them is markup, a mention, a reference or a command.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 2000
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f")
"""Letters and marks of Unicode that show nothing."""
_MOST_MARKS = 3
"""Combining marks on one letter; more make a tower over the lines above."""
_SPECIAL = re.compile(r"[\\`*_{}\[\]()<>#+!|~&\"'$^=-]")
_COMMAND = re.compile(r"^(\s*)::|##\[")
_BREAK = "&#8203;"
"""Zero-width space: what it stands in is no mention, no reference and no address."""


def clean(text: object, longest: int = LONGEST, *, lines: bool = False) -> str:
    """``text`` without what is not seen, no longer than ``longest``; one line, unless ``lines``."""
    kept: list[str] = []
    marks = 0
    # What is cut off is not looked at: a text of a gigabyte costs no more than a long one.
    for char in str(text)[: 4 * longest]:
        if char == "\n" and lines:
            kept.append(char)
            continue
        category = unicodedata.category(char)
        if char in _BLANKS or (category in _UNSEEN and not char.isspace()):
            continue
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks <= _MOST_MARKS:
            kept.append(" " if char.isspace() else char)
    shown = "".join(kept)
    shown = "\n".join(line.rstrip() for line in shown.split("\n")) if lines else " ".join(shown.split())
    return shown if len(shown) <= longest else shown[: longest - 3].rstrip() + "..."


def is_clean(text: str) -> bool:
    """Whether :func:`clean` would leave a text of any length as it is, spaces aside."""
    return clean(text, len(text) + 3, lines=True).split() == text.split() and "\r" not in text


def markdown(text: object, longest: int = 300) -> str:
    """``text`` as running text of a Markdown page: it reads as it is written, and means nothing.

    Not for the beginning of a line, where a number and a dot would be a list.
    """
    shown = _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", clean(text, longest))
    shown = shown.replace("@", f"@{_BREAK}").replace("&#35;", f"&#35;{_BREAK}")
    return re.sub(r"(?i)(://|\bwww(?=\.)|\bgh(?=&#45;))", rf"\1{_BREAK}", shown)


def code(text: object, longest: int = 300) -> str:
    """``text`` as a code span, which neither mentions nor links. Not for tables: they are split at bars before."""
    shown = clean(text, longest)
    if not shown:
        return "&nbsp;"
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def cell(text: object, longest: int = 120) -> str:
    """``text`` as code in the cell of a table."""
    shown = markdown(text, longest)
    return f"<code>{shown}</code>" if shown else ""


def fenced(text: object, longest: int = LONGEST, language: str = "text") -> str:
    """``text`` as a block of code whose fence it does not close."""
    shown = clean(text, longest, lines=True).strip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", shown)), default=0))
    return f"{fence}{language}\n{shown}\n{fence}"


def log_line(text: object, longest: int = 500) -> str:
    """``text`` as a line of a workflow's log, which the runner takes for no command."""
    return _COMMAND.sub(lambda found: f"{found[1]}: :" if found[1] is not None else "## [", clean(text, longest))


def annotation(level: str, message: object, *, file: str = "", line: int | None = None, title: str = "") -> str:
    """A workflow command that shows ``message`` beside a line of a file; ``level`` is error, warning or notice."""
    values = {"file": clean(file, 300), "line": "" if line is None else str(int(line)), "title": clean(title, 120)}
    named = ",".join(f"{k}={_property(v)}" for k, v in values.items() if v)
    return f"::{level}{' ' + named if named else ''}::{_data(clean(message, 1000))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
