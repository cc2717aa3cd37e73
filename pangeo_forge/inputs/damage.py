"""What to advise about a damaged input: it depends on where the input lives, which readers of bytes do not know."""

from __future__ import annotations

from pangeo_forge.errors import PangeoForgeError

GET_AGAIN = "the file is damaged or not whole: get it again"
"""Hint of readers; :func:`advised` says how."""
_LOCAL = "the file is damaged or not whole: copy it here again, or leave it out"
_REMOTE = "the server sent it so: tell its provider, or leave it out; once it is mended there, run with --revalidate"
_PAGE = "I103"


def advised(error: PangeoForgeError, *, local: bool) -> PangeoForgeError:
    """``error`` with a hint that fits: what came from a server can be fetched again, a local file cannot."""
    if error.code == _PAGE and local:
        error.hint = "the file holds a page or a message that a server sent instead of data: get it again"
    elif error.hint is not None and GET_AGAIN in error.hint:
        error.hint = error.hint.replace(GET_AGAIN, _LOCAL if local else _REMOTE)
    return error
