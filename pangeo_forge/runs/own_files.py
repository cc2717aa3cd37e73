"""Files that came with a stranger's recipe, in the recipe's own folder: all of this disk that such a recipe may name."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 10_000_000


def own_file(folder: Path, name: str, most: int = MOST_BYTES) -> str | None:
    """Why ``name`` is no plain file of ``folder``; None: it is one.

    Each part of the path is opened from the one before, and no link is followed, so what is looked at is what the words say.

    Parameters
    ----------
    most: bytes that it may have.
    """
    parts = name.split("/")
    if not name or "\0" in name or "\\" in name or ":" in name or {"", ".", ".."} & set(parts):
        return "is no plain relative path"
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            # A pipe is not waited for.
            kind = os.O_NONBLOCK if is_last else os.O_DIRECTORY
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | kind, dir_fd=place)
            os.close(place)
            place = inner
        about = os.fstat(place)
    except OSError:
        return "is no file there, or is reached through a link"
    finally:
        with suppress(OSError):
            os.close(place)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
        return "is no plain file"
    return f"has {about.st_size} bytes, more than the {most} allowed" if about.st_size > most else None
