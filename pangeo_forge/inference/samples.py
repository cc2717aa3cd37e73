"""Where samples come from: URLs, files, a folder, an index page, or a list in a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pangeo_forge.errors import UsageError
from pangeo_forge.inference.alignment import align
from pangeo_forge.pattern.redaction import redact_url

DATA_ENDINGS = (
    ".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".he5", ".hdf", ".grib", ".grib1", ".grib2", ".grb", ".grb2", ".grb1", ".tif", ".tiff",
    ".zarr", ".nc.gz", ".gz", ".bz2", ".xz", ".zip",
)  # fmt: skip
_NOT_DATA = (
    ".md5",
    ".sha256",
    ".txt",
    ".md",
    ".html",
    ".xml",
    ".json",
    ".png",
    ".jpg",
    ".pdf",
    ".idx",
    ".csv",
    ".yaml",
    ".sha1",
    ".log",
)


@dataclass(frozen=True)
class Samples:
    """Names to infer from."""

    names: tuple[str, ...]
    """URLs, or local paths made absolute."""
    complete: bool = False
    """They are all that a folder or an index holds."""
    listed: dict[str, Any] | None = None
    """The source that lists them, as an ``inputs`` section writes it."""
    notes: list[str] = field(default_factory=list)


def gather(given: Sequence[str], listed_in: Sequence[str] = ()) -> Samples:
    """Samples from what the command line names.

    Parameters
    ----------
    given: URLs, files, folders, or index pages (URLs that end in ``/``).
    listed_in: text files with one URL or path a line; ``#`` begins a comment.

    Raises
    ------
    UsageError: U201 nothing named or found, U203 a file that is absent, U204 a credential in a URL.
    """
    texts = [*given, *(line for path in listed_in for line in _lines(path))]
    for text in texts:
        _refuse_secrets(text)
    if len(texts) == 1:
        only = texts[0]
        if "://" not in only and os.path.isdir(only) and not _is_store(only):
            return _folder(only)
        if only.startswith(("http://", "https://", "ftp://")) and only.endswith("/"):
            return _index(only)
        if "://" not in only and any(c in only for c in "*?["):
            return _folder(str(Path(only).parent), Path(only).name)
    if not texts:
        raise UsageError("no samples are given", code="U201", hint="name at least two URLs or files: --from A B")
    names = dict.fromkeys(t if "://" in t and not t.startswith("file://") else _local(t) for t in texts)
    return Samples(tuple(names))


def _lines(path: str) -> list[str]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UsageError(
            f"--from-file {path}: {reason}", code="U203", hint="give a text file with one URL or path a line"
        ) from None
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise UsageError(f"--from-file {path} names nothing", code="U201", hint="write one URL or path a line")
    return found


def _local(text: str) -> str:
    path = unquote(urlsplit(text).path) if text.startswith("file://") else os.path.expanduser(text)
    if not os.path.exists(path):
        near = "" if os.path.isdir(os.path.dirname(path) or ".") else ", nor does its folder"
        raise UsageError(
            f"{text} does not exist{near}", code="U203", hint="check the path; write URLs with https://, s3:// ..."
        )
    return os.path.abspath(path)


def _is_store(path: str) -> bool:
    return any(os.path.exists(os.path.join(path, n)) for n in (".zgroup", ".zmetadata", "zarr.json", ".zarray"))


def _folder(folder: str, wanted: str = "*") -> Samples:
    import fnmatch

    root = os.path.abspath(os.path.expanduser(folder))
    if not os.path.isdir(root):
        raise UsageError(f"{folder} is not a folder", code="U203", hint="check the path")
    found = []
    for top, folders, files in os.walk(root):
        stores = [f for f in folders if _is_store(os.path.join(top, f))]
        folders[:] = sorted(f for f in folders if f not in stores and not f.startswith("."))
        found += [
            os.path.join(top, n)
            for n in sorted([*files, *stores])
            if not n.startswith(".") and fnmatch.fnmatch(n, wanted)
        ]
    names, left_out = _data_files(found)
    if not names:
        raise UsageError(
            f"{folder} holds no data files", code="U201", hint=f"known endings are {', '.join(DATA_ENDINGS[:12])} ..."
        )
    notes = (
        [f"left out, as no data or of another kind: {', '.join(os.path.basename(n) for n in left_out[:5])}"]
        if left_out
        else []
    )
    return Samples(tuple(names), True, _glob(root, names, wanted), notes)


def _glob(root: str, names: Sequence[str], wanted: str) -> dict[str, Any] | None:
    """A glob that finds exactly the names, if they lie in one folder."""
    if {os.path.dirname(n) for n in names} != {root}:
        return None
    import glob

    ending = os.path.splitext(names[0])[1]
    for pattern in (wanted, f"*{ending}"):
        path = os.path.join(glob.escape(root), pattern)
        if pattern != "*" and sorted(glob.glob(path)) == sorted(names):
            return {"glob": path}
    return None


def _index(url: str) -> Samples:
    from pangeo_forge.pattern.listing import list_index
    from pangeo_forge.pattern.web import Web

    found = list_index(url, ".{1,250}", Web(attempts=2), limit=1_000_000)
    names, left_out = _data_files(found)
    if not names:
        shown = ", ".join(n.rsplit("/", 1)[-1] for n in found[:5])
        raise UsageError(
            f"{redact_url(url)} lists no data files",
            code="U201",
            hint=f"it holds {shown or 'folders only'}: name a folder with files, or two of the files",
        )
    notes = (
        [f"left out, as no data or of another kind: {', '.join(n.rsplit('/', 1)[-1] for n in left_out[:5])}"]
        if left_out
        else []
    )
    listing = {"listing": {"url": url, "match": name_expression([n.rsplit("/", 1)[-1] for n in names])}}
    return Samples(tuple(names), True, listing, notes)


def _data_files(found: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files with a data ending (the commonest one), and the others."""
    data = [n for n in found if n.lower().endswith(DATA_ENDINGS) and not n.lower().endswith(_NOT_DATA)]
    if not data:
        data = [n for n in found if not n.lower().endswith(_NOT_DATA)]
    endings = [os.path.splitext(n)[1] for n in data]
    if endings:
        main = max(dict.fromkeys(endings), key=endings.count)
        data = [n for n, e in zip(data, endings, strict=True) if e == main]
    kept = set(data)
    return data, [n for n in found if n not in kept]


def name_expression(names: Sequence[str]) -> str:
    """A regular expression of bounded length that fits each name: constant text, digits, and short words between."""
    import re

    pieces = []
    for column in align([unquote(n) for n in names]):
        low, high = min(map(len, column.texts)), max(map(len, column.texts))
        span = f"{{{low}}}" if low == high else f"{{{low},{high}}}"
        if column.constant:
            pieces.append(re.escape(column.texts[0]).replace("\\-", "-").replace("\\_", "_"))
        else:
            pieces.append(("\\d" if column.digits else ".") + (span if span != "{1}" else ""))
    return "".join(pieces)


def _refuse_secrets(text: str) -> None:
    parts = urlsplit(text) if "://" in text else None
    if parts is not None and "@" in parts.netloc:
        raise UsageError(
            f"{redact_url(text)} holds a user or password", code="U204",
            hint="leave it out of the URL; name the secret under fetch.auth in the recipe that init writes",
        )  # fmt: skip
