"""Whose fault it is that an input was not read: the file's, whatever a library raises at it, or this program's own."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType

from pangeo_forge.errors import InternalError

_PACKAGE = f"{Path(__file__).parents[1]}/"
_WRONG_CALL = re.compile(r"(positional|keyword|required) .*argument|takes no arguments|is not callable")


def own_fault(error: BaseException) -> bool:
    """Whether a slip in this program raised it: a name that is not there, a call that does not fit.

    Libraries raise such errors at damaged files, too; ours are those whose last frame is our own code.
    """
    if isinstance(error, TypeError) and not _WRONG_CALL.search(str(error)):
        # Raised by what is written in C, at values that a file holds, it has no frame of its own.
        return False
    if not isinstance(error, (AttributeError, NameError, TypeError)):
        return False
    last = _innermost(error)
    return last is not None and last.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def _innermost(error: BaseException) -> TracebackType | None:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last


def own_error(error: BaseException, where: str | None) -> InternalError:
    """The error that says so, with the input at which it happened."""
    last = _innermost(error)
    place = "" if last is None else f" ({last.tb_frame.f_code.co_filename.removeprefix(_PACKAGE)}:{last.tb_lineno})"
    return InternalError(
        f"this program failed at it: {type(error).__name__}: {error}{place}",
        code="X202",
        where=where,
        hint="this is our fault, and not the file's: report it",
    )
