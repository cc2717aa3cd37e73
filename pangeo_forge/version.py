"""Versions: of this program, and of the packages that it stands on. Every stage may import this module."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

__version__ = "0.1.0.dev0"


@cache
def package_version(name: str) -> str | None:
    """Version of an installed package, None when it is absent; read from disk once in a process."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Name to version of those packages that are installed."""
    return {name: found for name in names if (found := package_version(name)) is not None}
