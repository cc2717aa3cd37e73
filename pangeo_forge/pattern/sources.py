"""Sources of inputs other than a template: each becomes an ordered list of locations.

==========  ==============================================  =====================
source      what is read                                    order when not told
==========  ==============================================  =====================
files       nothing                                         as written
glob        a folder, through fsspec                        by name
listing     HTML indexes (HTTP) or FTP folders              by name
csv         a table, local or over HTTP                     as in the table
catalog     STAC or NASA's CMR                              by start of the data
==========  ==============================================  =====================

Recipes may come from strangers: answers, lists and regular expressions are bounded, and ``SourceContext.check_url``
is asked before each request.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pangeo_forge.errors import InputError
from pangeo_forge.pattern.expressions import LONGEST_TEXT, NameExpression, natural_key
from pangeo_forge.pattern.locations import file_name, resolve
from pangeo_forge.pattern.redaction import redact_text, redact_url
from pangeo_forge.pattern.web import Sign, Web

if TYPE_CHECKING:
    import httpx

SOURCES = ("files", "glob", "listing", "csv", "catalog")


@dataclass(frozen=True)
class SourceContext:
    """How sources are read."""

    client: httpx.Client | None = None
    """HTTP client with its credentials or, in tests, its transport."""
    check_url: Callable[[str], None] | None = None
    """Called with each location before it is read; raises to forbid it."""
    limit: int = 10_000_000
    """How many inputs a source may list."""
    storage_options: Mapping[str, Any] = field(default_factory=dict)
    """fsspec options of a glob."""
    attempts: int = 4
    """How often a request is tried."""
    wait: float = 1.0
    """Seconds before the second attempt."""
    sign: Sign | None = None
    """Credentials of a request, see :class:`~pangeo_forge.pattern.web.Web`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with each request."""
    timeout: float = 60.0
    """Seconds of silence of a server."""

    def web(self) -> Web:
        """The HTTP client that sources use."""
        return Web(
            self.client,
            check_url=self.check_url,
            attempts=self.attempts,
            wait=self.wait,
            sign=self.sign,
            headers=self.headers,
            timeout=self.timeout,
        )

    def checked(self, location: str) -> str:
        """``location``, if it may be read."""
        if self.check_url is not None:
            self.check_url(location)
        return location


def expand(
    kind: str,
    spec: Any,
    *,
    folder: Path | None = None,
    sort: Any = None,
    context: SourceContext | None = None,
) -> list[str]:
    """Locations that a source lists, in order, each once.

    Parameters
    ----------
    kind: one of :data:`SOURCES`.
    spec: what stands under that name in the recipe, as plain data, templates filled in. For ``listing``, ``url`` may
        be a list of pages.
    sort: ``name``, ``none``, ``{match: regex}`` or None for the source's own order.

    Raises
    ------
    InputError: I601 to I609, see :mod:`pangeo_forge.pattern.errors`.
    """
    context = context or SourceContext()
    readers: dict[str, Callable[[Any, Path | None, SourceContext], list[str]]] = {
        "files": _files,
        "glob": _glob,
        "listing": _listing,
        "csv": _csv,
        "catalog": _catalog,
    }
    found = readers[kind](spec, folder, context)
    if not found:
        raise InputError(f"{kind}: nothing found", code="I601", hint="is the source right?")
    if len(found) > context.limit:
        raise InputError(
            f"{kind}: {len(found)} inputs, more than {context.limit}", code="I602", hint="narrow the source"
        )
    if kind in ("files", "csv"):
        _refuse_twice(kind, found)
    found = list(dict.fromkeys(found))
    if sort is None:
        sort = "name" if kind in ("glob", "listing") else "none"
    return ordered(found, sort)


def ordered(locations: Sequence[str], sort: Any) -> list[str]:
    """Locations in the order that ``sort`` names; digits compare as numbers.

    ``{match: regex}`` compares what the expression finds in the files' names or, if some name lacks it, in the
    locations.

    Raises
    ------
    InputError (I606): a location in which the expression finds nothing, or two that it cannot tell apart.
    """
    if sort == "none":
        return list(locations)
    if sort == "name":
        return sorted(locations, key=lambda u: (natural_key(u.split("?", 1)[0]), u))
    expression = NameExpression(sort["match"], where="sort.match")
    found = [expression.groups(file_name(u)) for u in locations]
    if None in found:  # not in each name: then it is meant for the paths
        found = [expression.groups(u[-LONGEST_TEXT:]) for u in locations]
    keys: dict[tuple[Any, ...], str] = {}
    for location, groups in zip(locations, found, strict=True):
        if groups is None:
            message = f"{expression.text!r} finds nothing in {redact_url(location)}"
            raise InputError(
                message, code="I606", where="sort.match", hint="write an expression that fits each of them"
            )
        key = tuple(natural_key(g) for g in groups)
        if key in keys:
            message = f"{expression.text!r} finds the same in {redact_url(keys[key])} and {redact_url(location)}"
            raise InputError(message, code="I606", where="sort.match", hint="add a group that tells them apart")
        keys[key] = location
    return [keys[key] for key in sorted(keys)]


def _files(spec: Sequence[str], folder: Path | None, context: SourceContext) -> list[str]:
    return [resolve(str(f), folder) for f in spec]


def _glob(spec: str, folder: Path | None, context: SourceContext) -> list[str]:
    import fsspec

    pattern = context.checked(resolve(spec, folder))
    where = redact_url(pattern)
    try:
        filesystem, path = fsspec.core.url_to_fs(pattern, **context.storage_options)
        found = [p for p in filesystem.glob(path, detail=True).values() if p.get("type") != "directory"]
    except ImportError as error:
        message = f"this kind of URL needs a package that is not installed: {error}"
        raise InputError(message, code="I603", where=where, hint="install the extra for it") from None
    except Exception as error:  # noqa: BLE001 - each filesystem raises errors of its own
        message = f"cannot be listed: {type(error).__name__}: {redact_text(str(error))}"
        raise InputError(
            message, code="I603", where=where, hint="is the location right, are credentials needed?"
        ) from None
    if not found:
        raise InputError("no file fits", code="I601", where=where, hint="* stays within a folder, ** goes below it")
    local = "://" not in pattern
    return sorted(str(p["name"]) if local else filesystem.unstrip_protocol(p["name"]) for p in found)


def _listing(spec: Mapping[str, Any], folder: Path | None, context: SourceContext) -> list[str]:
    from pangeo_forge.pattern.listing import list_index

    pages = [spec["url"]] if isinstance(spec["url"], str) else spec["url"]
    web = context.web()
    return [u for page in pages for u in list_index(context.checked(page), spec["match"], web, limit=context.limit)]


def _csv(spec: Mapping[str, Any], folder: Path | None, context: SourceContext) -> list[str]:
    location = context.checked(resolve(spec["path"], folder))
    where, column = redact_url(location), spec["url"]
    text = _table_text(location, context)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [n.strip() for n in reader.fieldnames or []]
        reader.fieldnames = names
        if column not in names:
            hint = f"its columns are {', '.join(names[:20]) or 'none'}"
            raise InputError(f"the table has no column {column!r}", code="I607", where=where, hint=hint)
        found = []
        for row in reader:
            cell = (row[column] or "").strip()
            if not cell:
                message = f"line {reader.line_num}: column {column!r} is empty"
                raise InputError(message, code="I607", where=where, hint="fill it in or remove the line")
            found.append(resolve(cell, folder))
    except csv.Error as error:
        message = f"line {reader.line_num}: {error}"
        raise InputError(
            message, code="I607", where=where, hint="write comma-separated values, quoted where needed"
        ) from None
    if not found:
        raise InputError("the table has no row", code="I601", where=where)
    return found


def _table_text(location: str, context: SourceContext) -> str:
    if location.startswith(("http://", "https://")):
        return context.web().get(location).text.removeprefix("\ufeff")
    try:
        if "://" not in location:
            return Path(location).read_text(encoding="utf-8-sig")
        import fsspec

        with fsspec.open(location, "rt", encoding="utf-8-sig", **context.storage_options) as file:
            return str(file.read())
    except Exception as error:  # noqa: BLE001 - each filesystem raises errors of its own
        message = f"cannot be read: {type(error).__name__}: {redact_text(str(error))}"
        raise InputError(message, code="I603", where=redact_url(location), hint="is the path right?") from None


def _catalog(spec: Mapping[str, Any], folder: Path | None, context: SourceContext) -> list[str]:
    from pangeo_forge.pattern.cmr import search_granules
    from pangeo_forge.pattern.stac import search_assets

    if spec.get("cmr"):
        return search_granules(spec["cmr"], context.web(), limit=context.limit)
    if spec.get("stac"):
        return search_assets(spec["stac"], context.web(), folder=folder, limit=context.limit)
    raise InputError("catalog: neither stac nor cmr", code="I608", where="inputs.catalog", hint="write one of them")


def _refuse_twice(kind: str, found: Iterable[str]) -> None:
    seen: set[str] = set()
    for location in found:
        if location in seen:
            message = f"{kind}: {redact_url(location)} stands twice"
            raise InputError(message, code="I609", hint="remove one: its data would stand twice in the dataset")
        seen.add(location)
