"""The tree of errors. Each error tells what, where, why and what to do, and carries a code that never changes its meaning.

::

    PangeoForgeError            exit  code
    ├── RecipeError             1     R...   the recipe is wrong: file, line, column and YAML path
    │   └── RecipeErrors        1     R000   several at once
    ├── InputError              1     I...   an input is wrong or cannot be had: key and URL
    ├── CombineError            1     C...   inputs disagree: a table names the odd files
    ├── PlanError               1     P...   the work cannot be planned as asked (memory, chunks, empty pattern)
    ├── TargetError             1     T...   the target exists, cannot be written, is full, or is not what it should be
    ├── VerifyError             1     V...   what was written is not what the inputs say
    ├── AutomationError         1     A...   a recipe's or feedstock's way through checks and scheduled runs is blocked
    ├── BakeryError             2     B...   a bakery lacks something, or its engine failed: nothing is wrong with the recipe
    ├── UsageError              2     U...   the command was called wrongly
    └── InternalError           2     X...   our fault

Codes are append-only: a code is never given a second meaning. ``docs/errors.md`` lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class PangeoForgeError(Exception):
    """Root of all errors that a user may see without a traceback.

    Parameters
    ----------
    message: what is wrong and why, one sentence or a short table.
    code: letter and three digits, e.g. ``R012``.
    where: where it is: ``file:line:column``, an input's key and URL, a store's URL. Never holds a secret.
    hint: what to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, *, code: str, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        # Behind a table the hint has a line of its own.
        hint = "" if not self.hint else self.hint if self.message.endswith("\n") else f"; {self.hint}"
        return f"{where}{self.message}{hint} [{self.code}]"

    def __reduce__(self) -> tuple[Any, ...]:
        # Beam and multiprocessing pickle exceptions; the default would call __init__ without the keywords.
        return _rebuild, (type(self), self.__dict__)

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints of this error."""
        return {"code": self.code, "message": self.message, "where": self.where, "hint": self.hint}


def _rebuild(kind: type[PangeoForgeError], state: Mapping[str, Any]) -> PangeoForgeError:
    error = kind.__new__(kind)
    Exception.__init__(error, state["message"])
    error.__dict__.update(state)
    return error


class RecipeError(PangeoForgeError):
    """The recipe is wrong. ``where`` is ``file:line:column``; the message begins with the YAML path."""


class RecipeErrors(RecipeError):
    """All that is wrong with a recipe, in the order of the file."""

    def __init__(self, errors: Iterable[RecipeError]) -> None:
        self.errors = list(errors)
        super().__init__("\n".join(str(e) for e in self.errors), code="R000")

    def __str__(self) -> str:
        return self.message

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "errors": [e.to_json() for e in self.errors]}


class InputError(PangeoForgeError):
    """An input cannot be had or is not what it should be. ``where`` is its key and URL."""


class CombineError(PangeoForgeError):
    """Inputs disagree. The message holds a table that names the odd files."""


class PlanError(PangeoForgeError):
    """The work cannot be planned as asked."""


class TargetError(PangeoForgeError):
    """The target cannot be written or is not what it should be. ``where`` is the store's URL."""


class VerifyError(PangeoForgeError):
    """What was written differs from what the inputs say, or fails a check of the recipe."""


class AutomationError(PangeoForgeError):
    """Automation cannot do what was asked of a repository, a feedstock or a contribution. ``where`` is a file or a
    revision."""


class BakeryError(PangeoForgeError):
    """A bakery lacks something, or its engine failed. ``where`` is the bakery, or the address that did not answer."""

    exit_code = 2


class UsageError(PangeoForgeError):
    """The command was called wrongly."""

    exit_code = 2


class InternalError(PangeoForgeError):
    """Our fault."""

    exit_code = 2
