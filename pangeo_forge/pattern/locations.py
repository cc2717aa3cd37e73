"""Where an input is: relative paths, archive members, and the URLs that a pattern makes or a source has listed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.redaction import redact_url
from pangeo_forge.pattern.template import Template

ARCHIVES = ("zip", "tar")
"""Heads of a chained URL that name a member of an archive."""


def is_relative(location: str) -> bool:
    """Whether a location is a relative local path: neither a URL nor an absolute path."""
    return "://" not in location and not os.path.isabs(location)


def resolve(location: str, folder: Path | None) -> str:
    """A location whose relative path (in a chain, that of the last link) is made absolute below ``folder``."""
    *heads, last = location.split("::")
    if folder is not None and is_relative(last):
        last = os.path.normpath(os.path.join(os.path.abspath(folder), last))
    return "::".join([*heads, last])


def split_member(location: str, member: str | None = None) -> tuple[str, str | None]:
    """URL and member of ``zip://member::URL``; ``member`` as given when the location is not such a chain.

    Raises
    ------
    PlanError (P107): the chain names no member or no URL, or a member is given besides.
    """
    head, found, rest = location.partition("::")
    protocol, _, inner = head.partition("://")
    if not found or protocol not in ARCHIVES:
        return location, member
    if not inner or not rest or member is not None:
        why = "names a member while `member` is given too" if inner and rest else "names no member or no archive"
        message = f"{redact_url(location)!r} {why}"
        raise PlanError(message, code="P107", hint=f"write {protocol}://path/in/archive.nc::https://...")
    return rest, inner


def file_name(location: str) -> str:
    """Last part of the path of a URL or of a local path, unquoted."""
    last = location.split("::")[-1]
    path = urlsplit(last).path if "://" in last else last
    return unquote(PurePosixPath(path.replace(os.sep, "/")).name)


class Locations(Protocol):
    """What turns the values of the keys into a location."""

    def at(self, origin: Sequence[int], values: Mapping[str, Any]) -> str:
        """The location for one combination; ``origin`` are the positions before any pruning."""
        ...

    def describe(self) -> Any:
        """JSON-able data that tells these locations from others, without secrets and without the machine's paths."""
        ...


@dataclass(frozen=True)
class TemplateLocations:
    """Locations from a URL template."""

    template: Template
    folder: Path | None

    def at(self, origin: Sequence[int], values: Mapping[str, Any]) -> str:
        return resolve(self.template.render(values), self.folder)

    def describe(self) -> Any:
        return {"template": redact_url(self.template.text)}

    def __str__(self) -> str:
        return redact_url(self.template.text)


@dataclass(frozen=True)
class ListedLocations:
    """Locations that a source has listed: one list for each combination of the other keys (row-major)."""

    lists: tuple[tuple[str, ...], ...] = field(repr=False)
    free: int
    """Which key (counted over concat, then merge) is the position in the list; -1 where a single file has no key."""
    sizes: tuple[int, ...]
    """Lengths of all keys before any pruning."""
    kind: str
    folder: Path | None

    def at(self, origin: Sequence[int], values: Mapping[str, Any]) -> str:
        if self.free < 0:
            return self.lists[0][0]
        number = 0
        for axis, (position, size) in enumerate(zip(origin, self.sizes, strict=True)):
            if axis != self.free:
                number = number * size + position
        return self.lists[number][origin[self.free]]

    def describe(self) -> Any:
        root = "" if self.folder is None else os.path.abspath(self.folder) + os.sep
        return {"listed": [[redact_url(u.removeprefix(root)) for u in urls] for urls in self.lists]}

    def __str__(self) -> str:
        return f"{sum(len(x) for x in self.lists)} from {self.kind}"


@dataclass(frozen=True)
class PickedLocations:
    """A few of many listed locations: what is sent to workers does not grow with those that are left out."""

    found: Mapping[tuple[int, ...], str] = field(repr=False)
    """By position before any pruning."""
    kind: str

    def at(self, origin: Sequence[int], values: Mapping[str, Any]) -> str:
        return self.found[tuple(origin)]

    def describe(self) -> Any:
        return {"picked": [[list(origin), redact_url(url)] for origin, url in sorted(self.found.items())]}

    def __str__(self) -> str:
        return f"{len(self.found)} of {self.kind}"
