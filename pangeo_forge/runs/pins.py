"""The packages of this environment as pins, so that an image of workers can be made like the driver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROGRAM = "pangeo-forge"
NOT_FOR_WORKERS = frozenset({"dev"})
"""Extras that no worker needs."""


def pins(requirements: Iterable[str] = ()) -> dict[str, str]:
    """Name and version of every package that this program needs here, with all extras that are installed whole.

    Parameters
    ----------
    requirements: what is needed besides: those of a recipe's hooks.
    """
    found: dict[str, str] = {}
    waiting = [*_own(), *(Requirement(text) for text in requirements)]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        here = _distribution(name)
        if here is None or name == PROGRAM:
            continue
        known = name in found
        found[name] = here.version
        for extra in ("", *requirement.extras):
            if extra or not known:
                waiting += [r for r in _needs(here, extra) if canonicalize_name(r.name) not in found]
    return dict(sorted(found.items()))


def _own() -> Iterator[Requirement]:
    here = _distribution(PROGRAM)
    if here is None:
        return
    yield from _needs(here, "")
    for extra in here.metadata.get_all("Provides-Extra") or ():
        needed = list(_needs(here, extra)) if extra not in NOT_FOR_WORKERS else []
        if needed and all(_distribution(r.name) is not None for r in needed):
            yield from needed


def _needs(package: Distribution, extra: str) -> Iterator[Requirement]:
    """What a package needs for one of its extras, and not without; for "" what it always needs."""
    for text in package.requires or ():
        requirement = Requirement(text)
        always = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if always != (extra == ""):
            continue
        if always or (requirement.marker is not None and requirement.marker.evaluate({"extra": extra})):
            yield requirement


def _distribution(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None
