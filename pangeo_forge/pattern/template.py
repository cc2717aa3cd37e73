"""The template language of recipes: text with ``{key}`` in it, compiled once, rendered a million times.

::

    field  := "{" NAME ("." NAME)* (("+" | "-") AMOUNT)* (":" FORMAT)? "}"
    AMOUNT := a step (1D, 29min, 1MS) for dates, a whole number for integers
    FORMAT := %Y%m%d... for dates, 02d for integers, .2f for numbers

``{{`` and ``}}`` are braces. Nothing is evaluated: names are looked up in what the caller gives and in the fields of
:class:`~pangeo_forge.pattern.keys.KeyValue`, never as attributes of Python objects, widths are bounded, and rendered
text is not read a second time, so a value that holds braces stays text. Imports neither numpy nor a network library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.dates import DIRECTIVES, add, format_directive, iso, parse_date
from pangeo_forge.pattern.errors import TemplateError
from pangeo_forge.pattern.keys import KeyValue
from pangeo_forge.pattern.steps import STEP_HINT, Step, parse_step

LONGEST_TEMPLATE = 4096
LONGEST_RENDERED = 16384
WIDEST = 32

_PATH = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*")
_AMOUNT = re.compile(r"([+-])\s*([0-9]*[A-Za-z]*)\s*")
_NUMBER_FORMAT = re.compile(r"(0?)([0-9]{0,3})(?:\.([0-9]{1,2}))?([df])\Z")
_FORMAT_HINT = "dates: %Y %m %d %H %M %S %j ...; whole numbers: 02d; other numbers: .2f"


@dataclass(frozen=True)
class Field:
    """One ``{...}`` of a template. ``moves`` are steps or whole numbers, each with its sign (+1 or -1)."""

    name: str
    path: tuple[str, ...]
    moves: tuple[tuple[int, Step | int], ...]
    format: tuple[tuple[bool, str], ...] | str
    """Date format: (is a directive, letter or text) in turn; number format: its text; '' for none."""
    position: int
    text: str

    @property
    def is_date_format(self) -> bool:
        """Whether the format is one for dates."""
        return not isinstance(self.format, str)


@dataclass(frozen=True)
class Template:
    """A compiled template. Make it by :func:`parse_template`."""

    text: str
    parts: tuple[str | Field, ...]
    where: str | None = field(default=None, compare=False)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The ``{...}`` of the template, in order."""
        return tuple(p for p in self.parts if isinstance(p, Field))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the keys and parameters used, each once, in order of first use."""
        return tuple(dict.fromkeys(f.name for f in self.fields))

    def check_names(self, known: Iterable[str]) -> None:
        """Raise TemplateError (P102) for the first name that is not among ``known``."""
        known = list(known)
        for part in self.fields:
            if part.name not in known:
                raise self._unknown(part, part.name, known, "key or parameter")

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with every field filled in.

        Parameters
        ----------
        values: what each name means: a KeyValue, or a plain int, float, str or date.

        Raises
        ------
        TemplateError: P102 (no such name or field), P104 (value and format disagree), P105 (arithmetic), P106 (too
        long).
        """
        out = [part if isinstance(part, str) else self._fill(part, values) for part in self.parts]
        text = "".join(out)
        if len(text) > LONGEST_RENDERED:
            raise self._error(None, f"the text made is longer than {LONGEST_RENDERED} characters", "P106", None)
        return text

    def _fill(self, part: Field, values: Mapping[str, Any]) -> str:
        if part.name not in values:
            raise self._unknown(part, part.name, values, "key or parameter")
        found = values[part.name]
        for name in part.path:
            found = self._lookup(part, found, name)
        key = found if isinstance(found, KeyValue) else KeyValue(found, None if _is_date(found) else str(found))
        value, text = key.value, key.text
        if isinstance(value, str) and (part.is_date_format or (part.moves and isinstance(part.moves[0][1], Step))):
            value = self._as_date(part, value)
        for sign, amount in part.moves:
            value, text = self._move(part, value, sign, amount), None
        return self._format(part, value, text)

    def _lookup(self, part: Field, found: Any, name: str) -> Any:
        if isinstance(found, Mapping):
            if name in found:
                return found[name]
            raise self._unknown(part, name, found, f"field of {part.name!r}")
        key = found if isinstance(found, KeyValue) else KeyValue(found, str(found))
        try:
            return key.lookup(name)
        except KeyError:
            raise self._unknown(part, name, key.fields, f"field of {part.name!r} ({key.label})") from None

    def _as_date(self, part: Field, value: str) -> Any:
        try:
            return parse_date(value)
        except PlanError:
            message = f"{part.text} needs a date, and {part.name!r} is the text {value[:40]!r}"
            raise self._error(part, message, "P104", "write the value as YYYY-MM-DD, or drop the format") from None

    def _move(self, part: Field, value: Any, sign: int, amount: Step | int) -> Any:
        if isinstance(amount, Step) and _is_date(value):
            try:
                return add(value, amount, sign)
            except PlanError as error:
                raise self._error(part, error.message, "P105", error.hint) from None
        if isinstance(amount, int) and isinstance(value, int):
            return value + sign * amount
        if isinstance(amount, int) and _is_date(value):
            raise self._error(part, f"{amount} has no unit, and {part.name!r} is a date", "P105", STEP_HINT)
        moved = amount.text if isinstance(amount, Step) else amount
        kind = "a whole number" if isinstance(value, int) else "text" if isinstance(value, str) else "a number"
        raise self._error(part, f"{part.name!r} is {kind}, which cannot be moved by {moved}", "P105", None)

    def _format(self, part: Field, value: Any, text: str | None) -> str:
        if not isinstance(part.format, str):
            if not _is_date(value):
                message = f"{part.text} has a date format, and its value is {value!r}"
                raise self._error(part, message, "P104", "use 02d for whole numbers, or nothing")
            return "".join(format_directive(value, s) if directive else s for directive, s in part.format)
        if not part.format:
            if text is None and _is_date(value):
                hint = f"write a format, e.g. {{{part.name}:%Y%m%d}}"
                raise self._error(part, f"{part.text} is a date ({iso(value)}) without a format", "P104", hint)
            return str(value) if text is None else text
        if _is_date(value) or isinstance(value, str) or (part.format[-1] == "d" and not isinstance(value, int)):
            shown = iso(value) if _is_date(value) else repr(value)
            raise self._error(
                part, f"{part.text}: {shown} does not fit the format {part.format!r}", "P104", _FORMAT_HINT
            )
        return format(value, part.format)

    def _unknown(self, part: Field, name: str, known: Iterable[str], what: str) -> TemplateError:
        known = sorted(known)
        close = get_close_matches(name, known, n=1)
        listed = ", ".join(known[:12]) or "none"
        hint = f"did you mean {close[0]!r}?" if close else f"known: {listed}"
        return self._error(part, f"{part.text}: {name!r} is no {what}", "P102", hint)

    def _error(self, part: Field | None, message: str, code: str, hint: str | None) -> TemplateError:
        position = 0 if part is None else part.position
        return TemplateError(message, code=code, template=self.text, position=position, where=self.where, hint=hint)


@lru_cache(maxsize=256)
def parse_template(text: str, where: str | None = None) -> Template:
    """Compile a template.

    Parameters
    ----------
    where: ``file:line:column`` of the text, for messages.

    Raises
    ------
    TemplateError: P101 (syntax), P103 (format), P105 (an amount that is neither step nor number). ``position`` is the
    offset of the character that is wrong.
    """
    return _Parser(text, where).parse()


class _Parser:
    def __init__(self, text: str, where: str | None) -> None:
        self.text, self.where = text, where

    def parse(self) -> Template:
        if len(self.text) > LONGEST_TEMPLATE:
            raise self.error(f"longer than {LONGEST_TEMPLATE} characters", LONGEST_TEMPLATE)
        parts: list[str | Field] = []
        literal, at = "", 0
        while at < len(self.text):
            character = self.text[at]
            if character in "{}" and self.text[at : at + 2] == character * 2:
                literal, at = literal + character, at + 2
            elif character == "{":
                parts += [literal] if literal else []
                field_, at = self.field(at)
                parts.append(field_)
                literal = ""
            elif character == "}":
                raise self.error("a closing brace without an opening one", at, hint="write }} for a brace")
            else:
                literal, at = literal + character, at + 1
        return Template(self.text, (*parts, literal) if literal else tuple(parts), self.where)

    def field(self, start: int) -> tuple[Field, int]:
        end = self.text.find("}", start)
        if end < 0:
            raise self.error("a brace that is not closed", start, hint="write {{ for a brace")
        match = _PATH.match(self.text, start + 1, end)
        if match is None:
            message = "empty braces" if not self.text[start + 1 : end].strip() else "not the name of a key"
            raise self.error(message, start + 1, hint="write {key}, {key:%Y%m%d}, {key.field} or {key + 1D:%Y}")
        name, *path = match.group(1).split(".")
        at, moves = match.end(), []
        while at < end and self.text[at] in "+-":
            move, at = self.move(at, end)
            moves.append(move)
        spec: tuple[tuple[bool, str], ...] | str = ""
        if at < end:
            if self.text[at] != ":":
                raise self.error(
                    f"unexpected {self.text[at]!r}", at, hint="after the key come + or -, or : and a format"
                )
            spec = self.format(at + 1, end)
        whole = self.text[start : end + 1]
        return Field(name, tuple(path), tuple(moves), spec, start, whole), end + 1

    def move(self, at: int, end: int) -> tuple[tuple[int, Step | int], int]:
        match = _AMOUNT.match(self.text, at, end)
        amount = match.group(2) if match else ""
        if match is None or not amount:
            raise self.error("a step or a whole number is missing", at + 1, "P105", STEP_HINT)
        sign = 1 if match.group(1) == "+" else -1
        if amount.isdigit():
            if len(amount) > 12:
                raise self.error("a number of more than 12 digits", match.start(2), "P105")
            return (sign, int(amount)), match.end()
        try:
            return (sign, parse_step(amount)), match.end()
        except PlanError as error:
            raise self.error(error.message, match.start(2), "P105", error.hint) from None

    def format(self, at: int, end: int) -> tuple[tuple[bool, str], ...] | str:
        spec = self.text[at:end]
        if "%" in spec:
            return self.date_format(at, end)
        match = _NUMBER_FORMAT.match(spec)
        if match is None or (match.group(4) == "d" and match.group(3)):
            raise self.error(f"{spec!r} is not a format", at, "P103", _FORMAT_HINT)
        if int(match.group(2) or 0) > WIDEST or int(match.group(3) or 0) > WIDEST:
            raise self.error(f"{spec!r} is wider than {WIDEST}", at, "P103", _FORMAT_HINT)
        return spec

    def date_format(self, at: int, end: int) -> tuple[tuple[bool, str], ...]:
        parts: list[tuple[bool, str]] = []
        while at < end:
            if self.text[at] != "%":
                stop = min(end, (self.text + "%").find("%", at))
                parts.append((False, self.text[at:stop]))
                at = stop
                continue
            letter = self.text[at + 1 : min(at + 2, end)]
            if letter not in DIRECTIVES or not letter:
                known = " ".join(f"%{d}" for d in DIRECTIVES)
                raise self.error(f"'%{letter}' is not a date format", at, "P103", f"known: {known}")
            parts.append((True, letter))
            at += 2
        return tuple(parts)

    def error(self, message: str, position: int, code: str = "P101", hint: str | None = None) -> TemplateError:
        return TemplateError(message, code=code, template=self.text, position=position, where=self.where, hint=hint)


def _is_date(value: Any) -> bool:
    return hasattr(value, "second")
