"""Local inputs: read in place, never copied; what identifies their state is recorded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.fetch.address import local_path
from pangeo_forge.inputs.fetch.failure import absent, denied, refused
from pangeo_forge.inputs.fetch.model import FetchedInput, FetchItem


def local_input(item: FetchItem, *, digest: bool = False) -> FetchedInput:
    """The record of a local file (or a folder: a zarr store); ``digest`` also computes the sha256 of a file."""
    path = os.path.abspath(local_path(item.url) or item.url)
    if not item.url:
        raise absent("the input", "its URL is empty")
    host = urlsplit(item.url).netloc if item.url.lower().startswith("file://") else ""
    if host not in ("", "localhost"):
        raise refused(item.where, f"is a file of another machine, {host!r}")
    try:
        found = os.stat(path)
        if not os.access(path, os.R_OK):
            raise denied(item.where, "no permission to read")
        sha256 = file_digest(path) if digest and os.path.isfile(path) else None
    except (FileNotFoundError, NotADirectoryError):
        raise absent(item.where, "no such file") from None
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", code="I303", where=item.where, hint="check the disk and the path"
        ) from None
    modified = datetime.fromtimestamp(found.st_mtime, UTC).isoformat()
    return FetchedInput(path, item.url, found.st_size, None, modified, sha256, from_cache=False, label=item.label)


def file_digest(path: str) -> str:
    """sha256 (hex) of a local file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run_check(check: Callable[[str], object], path: str, where: str) -> None:
    """Raise InputError I314 when ``check`` does not accept the file at ``path``."""
    try:
        check(path)
    except PangeoForgeError as error:
        raise InputError(
            f"is not what it should be: {error.message}", code="I314", where=where, hint=error.hint
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"is not what it should be: {error}", code="I314", where=where, hint="open the URL by hand"
        ) from error
