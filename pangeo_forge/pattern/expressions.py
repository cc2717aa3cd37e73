"""Regular expressions from recipes, which may come from strangers, and the natural order of names.

Python's engine has no time limit, so what it may be given is bounded: an expression has at most 500 characters and
five repetitions without a limit, no repetition of variable length and no choice stands inside a repetition
(``(a+)+``, ``(a|aa)+``), and the text, a file's name, has at most 255 characters. This turns exponential work into
polynomial work; who runs recipes of strangers limits the time of the whole process as well.
"""

from __future__ import annotations

import re
from typing import Any

from pangeo_forge.errors import InputError

LONGEST_EXPRESSION = 500
LONGEST_TEXT = 255
MOST_REPETITIONS = 5
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_GROUPS = ("SUBPATTERN", "ATOMIC_GROUP", "ASSERT", "ASSERT_NOT")
_DIGITS = re.compile(r"(\d+)")
_LEADING_FLAGS = re.compile(r"\(\?[aiLmsux]+\)")


class NameExpression:
    """A regular expression that fits a name when it matches up to the name's end, wherever it begins.

    So ``\\.nc$``, ``.*\\.nc`` and ``sst_\\d{8}\\.nc`` all fit ``sst_19810901.nc``, and none of them
    ``sst_19810901.nc.md5``.

    Raises
    ------
    InputError (I606): the expression is wrong, too long, or could run for ever.
    """

    def __init__(self, expression: str, *, where: str | None = None) -> None:
        self.text = expression
        if len(expression) > LONGEST_EXPRESSION:
            message = f"an expression of more than {LONGEST_EXPRESSION} characters"
            raise InputError(message, code="I606", where=where, hint="write a shorter one")
        try:
            self.plain = re.compile(expression)
            _refuse_explosive(expression, where)
            flags = _LEADING_FLAGS.match(expression)
            body = expression[flags.end() :] if flags else expression
            self._whole = re.compile(f"(?:{body})\\Z", self.plain.flags)
        except (re.error, RecursionError, OverflowError) as error:
            hint = "quote it singly in YAML, and escape what is meant literally: \\. for a dot"
            raise InputError(f"{expression!r}: {error}", code="I606", where=where, hint=hint) from None

    def fits(self, name: str) -> bool:
        """Whether a name fits."""
        return len(name) <= LONGEST_TEXT and self._whole.search(name) is not None

    def groups(self, text: str) -> tuple[str, ...] | None:
        """What the groups (or, without any, the whole) match anywhere in the text; None when nothing does."""
        match = self.plain.search(text) if len(text) <= LONGEST_TEXT else None
        if match is None:
            return None
        return tuple(g or "" for g in match.groups()) if self.plain.groups else (match.group(),)


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key in which runs of digits compare as numbers: ``f2`` comes before ``f10``."""
    pieces = _DIGITS.split(text)
    return tuple((1, int(p), p) if i % 2 else (0, 0, p) for i, p in enumerate(pieces) if p)


def _refuse_explosive(expression: str, where: str | None) -> None:
    # re keeps its parser private, but there is no other that reads exactly the language of re.
    from re import _parser  # type: ignore[attr-defined]

    tree = _parser.parse(expression)
    if _unbounded(tree) > MOST_REPETITIONS:
        message = f"{expression!r} has more than {MOST_REPETITIONS} repetitions without a limit"
        raise InputError(message, code="I606", where=where, hint="write {1,9} or what is meant instead of * and +")
    if _explosive(tree, False):
        hint = "bound the outer repetition, {1,9}, or name the characters that separate its parts"
        message = f"{expression!r} repeats what repeats or what may match in two ways, which can take for ever"
        raise InputError(message, code="I606", where=where, hint=hint)


def _explosive(tree: Any, inside: bool) -> bool:
    """Whether a repetition of variable length, or a choice, stands inside a repetition."""
    for operation, argument in tree:
        name = str(operation)
        if name in _REPEATS:
            low, high, body = argument
            if inside and low != high:
                return True
            if _explosive(body, inside or int(high) > 1):
                return True
        elif name == "BRANCH":
            if inside or any(_explosive(branch, inside) for branch in argument[1]):
                return True
        elif name in _GROUPS and _explosive(_body(argument), inside):
            return True
    return False


def _unbounded(tree: Any) -> int:
    """How many repetitions have no small limit: each multiplies the work by the length of the text."""
    count = 0
    for operation, argument in tree:
        name = str(operation)
        if name in _REPEATS:
            count += (int(argument[1]) > 32) + _unbounded(argument[2])
        elif name == "BRANCH":
            count += sum(_unbounded(branch) for branch in argument[1])
        elif name in _GROUPS:
            count += _unbounded(_body(argument))
    return count


def _body(argument: Any) -> Any:
    return argument[-1] if isinstance(argument, tuple) else argument
