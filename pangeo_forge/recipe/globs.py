"""Settings of single variables, by name or glob: ``{"*_qc": {fill_value: -1}, sst_qc: {...}}``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

T = TypeVar("T")


def is_glob(name: str) -> bool:
    """Whether it may stand for several variables."""
    return any(c in name for c in "*?[")


def settings_of(name: str, written: Mapping[str, T]) -> list[T]:
    """What is written for a variable: globs that fit it in their order, then what names it. Later ones count more."""
    found = [value for key, value in written.items() if key != name and is_glob(key) and fnmatchcase(name, key)]
    return [*found, written[name]] if name in written else found


def unmatched(written: Iterable[str], names: Iterable[str]) -> list[str]:
    """Names and globs that stand for no variable."""
    known = list(names)
    return [k for k in written if k not in known and not (is_glob(k) and any(fnmatchcase(n, k) for n in known))]
