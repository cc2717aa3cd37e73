"""The folder or archive that a check's workflow uploaded: whatever it holds, only a report and its pictures come out."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from pangeo_forge.ci.pictures import LARGEST, plain_png
from pangeo_forge.ci.review.check import PICTURES
from pangeo_forge.ci.review.report import LARGEST_REPORT, REPORT_FILE, CheckReport, read_report
from pangeo_forge.errors import AutomationError

LARGEST_ARCHIVE = 40_000_000
MOST_ENTRIES = 1000
MOST_PICTURES = 60
"""Of all recipes together."""
_HINT = "only what `pangeo-forge ci check` wrote is shown"
_Read = Callable[[str, int], bytes]


@dataclass(frozen=True)
class Findings:
    """A report that fits its schema, and those of its pictures that are pictures."""

    report: CheckReport
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def read_folder(folder: Path) -> Findings:
    """Findings from a folder that anybody may have filled. Links are not followed, names are not taken from it.

    Raises
    ------
    AutomationError: A110 there is no report in it that fits, A111 it cannot be read.
    """

    def read(name: str, most: int) -> bytes:
        return _read_plain(folder, name, most)

    return _findings(read, str(folder))


def read_archive(data: bytes, where: str) -> Findings:
    """Findings from a zip archive that anybody may have made; nothing is unpacked to a disk.

    Raises
    ------
    AutomationError: A110 there is no report in it that fits, A111 it is no archive or too large.
    """
    if len(data) > LARGEST_ARCHIVE:
        raise AutomationError(
            f"the artifact has more than {LARGEST_ARCHIVE} bytes", code="A111", where=where, hint=_HINT
        )
    try:
        archive = zipfile.ZipFile(BytesIO(data))
        if len(archive.infolist()) > MOST_ENTRIES:
            raise AutomationError(
                f"the artifact holds more than {MOST_ENTRIES} files", code="A111", where=where, hint=_HINT
            )
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise AutomationError("the artifact is no zip archive", code="A111", where=where, hint=_HINT) from None

    def read(name: str, most: int) -> bytes:
        # A name is looked up exactly as it is: `../x` or `/x` in the archive is never asked for.
        try:
            with archive.open(name) as file:
                found = file.read(most + 1)
        except (KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, ValueError):
            raise AutomationError(f"there is no readable {name}", code="A111", where=where, hint=_HINT) from None
        return _bounded(found, name, most, where)

    return _findings(read, where)


def _findings(read: _Read, where: str) -> Findings:
    report = read_report(read(REPORT_FILE, LARGEST_REPORT), where)
    pictures: dict[str, bytes] = {}
    for recipe in report.recipes:
        for picture in recipe.pictures:
            if len(pictures) == MOST_PICTURES:
                break
            try:
                pictures[picture.file] = plain_png(read(f"{PICTURES}/{picture.file}", LARGEST), picture.file)
            except AutomationError:
                # A picture that is none is left out; the report says what was found all the same.
                continue
    return Findings(report, pictures)


def _read_plain(folder: Path, name: str, most: int) -> bytes:
    """A regular file below ``folder``, whose way there is without links."""
    path = folder
    try:
        for part in Path(name).parts:
            path = path / part
            if path.is_symlink():
                raise AutomationError(f"{name} is a link", code="A111", where=str(folder), hint=_HINT)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise AutomationError(f"{name} is no file", code="A111", where=str(folder), hint=_HINT)
            found = file.read(most + 1)
    except OSError as error:
        message = f"there is no readable {name}: {error.strerror}"
        raise AutomationError(message, code="A111", where=str(folder), hint=_HINT) from None
    return _bounded(found, name, most, str(folder))


def _bounded(data: bytes, name: str, most: int, where: str) -> bytes:
    if len(data) > most:
        raise AutomationError(f"{name} has more than {most} bytes", code="A111", where=where, hint=_HINT)
    return data
