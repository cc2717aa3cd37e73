"""Unpacks gz, bz2, xz and zip inputs to a scratch file, streaming and bounded, once per file."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import tempfile
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.damage import GET_AGAIN

_BLOCK = 1 << 20


def unpack(path: str, wrapper: str, *, member: str | None, scratch: str | None, limit: int) -> str:
    """Path of the unpacked file in ``scratch``; unpacked again only when the input changed.

    Parameters
    ----------
    wrapper: ``gz``, ``bz2``, ``xz`` or ``zip``.
    member: which file of a zip (path or glob); not needed when it holds one only.
    limit: bytes; more than that is refused (a decompression bomb, or the wrong file).

    Raises
    ------
    InputError: I107 damaged or truncated archive, I108 too large, I109 the member is absent or ambiguous.
    """
    folder = Path(scratch or Path(tempfile.gettempdir()) / f"pangeo-forge-{os.getuid()}") / "unpacked"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = os.stat(path)
    key = f"{os.path.abspath(path)}\n{state.st_size}\n{state.st_mtime_ns}\n{wrapper}\n{member}"
    target = folder / hashlib.sha256(key.encode()).hexdigest()[:32]
    if target.exists():
        return str(target)
    handle, partial = tempfile.mkstemp(dir=folder, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as out:
            _unpack_to(path, wrapper, member, limit, out)
        os.replace(partial, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(partial)
        raise
    return str(target)


def _unpack_to(path: str, wrapper: str, member: str | None, limit: int, out: IO[bytes]) -> None:
    import lzma

    try:
        with _opened(path, wrapper, member) as file:
            written = 0
            while block := file.read(_BLOCK):
                written += len(block)
                if written > limit:
                    raise InputError(
                        f"the {wrapper} input unpacks to more than {limit} bytes",
                        code="I108",
                        where=path,
                        hint="set open.max_unpacked when that is meant",
                    )
                out.write(block)
    except (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as e:
        if isinstance(e, OSError) and e.errno is not None:
            raise InputError(f"cannot be unpacked: {e.strerror}", code="I107", where=path) from e
        raise InputError(f"the {wrapper} archive is damaged: {e}", code="I107", where=path, hint=GET_AGAIN) from e


def _opened(path: str, wrapper: str, member: str | None) -> Any:
    import bz2
    import gzip
    import lzma

    if wrapper == "zip":
        archive = zipfile.ZipFile(path)
        return archive.open(_choose(zip_names(path), member, path))
    openers: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    return openers[wrapper](path, "rb")


def zip_names(path: str) -> list[str]:
    """Files (not folders) of a zip, in its order."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [i.filename for i in archive.infolist() if not i.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeDecodeError) as error:
        raise InputError(f"the zip archive is damaged: {error}", code="I107", where=path, hint=GET_AGAIN) from error


def _choose(names: list[str], member: str | None, path: str) -> str:
    if member is None:
        found = names
    elif member in names:
        found = [member]
    else:
        found = fnmatch.filter(names, member)
    if len(found) == 1:
        return found[0]
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    what = f"no member matches {member!r}" if not found else f"{len(found)} members to choose from"
    hint = f"set inputs.member to one of: {listed}" if names else "the archive holds no file"
    raise InputError(what, code="I109", where=path, hint=hint)
