"""Names that transforms are given: templates filled, globs expanded, absent ones refused with what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from pangeo_forge.dataset.transforms.context import Context


def as_list(value: Any, context: Context) -> list[str]:
    """A name or a list of names as a list, with templates filled.

    Raises
    ------
    RecipeError: R203 when it is neither.
    """
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not all(isinstance(i, str) for i in items):
        raise context.error("R203", f"a name or a list of names is needed, not {value!r}")
    return [context.render(item) for item in items]


def as_mapping(value: Any, context: Context) -> dict[str, Any]:
    """A mapping from names, with templates in the names filled.

    Raises
    ------
    RecipeError: R203 when it is none.
    """
    if not isinstance(value, dict) or not all(isinstance(k, str) for k in value):
        raise context.error("R203", f"a mapping of names is needed, not {value!r}")
    return {context.render(k): v for k, v in value.items()}


def only_keys(value: dict[str, Any], allowed: Iterable[str], context: Context) -> None:
    """Refuse options that a transform does not know (R203)."""
    known = list(allowed)
    for key in value:
        if key not in known:
            raise context.error("R203", f"unknown option {key!r}", _meant(str(key), known, "options"))


def is_glob(name: str) -> bool:
    """Whether the name is a pattern: ``unknown*``."""
    return any(c in name for c in "*?[")


def require(name: str, existing: Iterable[Any], what: str, context: Context, if_present: bool = False) -> bool:
    """Whether ``name`` exists.

    Raises
    ------
    RecipeError: R201 when it does not and ``if_present`` does not excuse it. The hint says what exists.
    """
    known = [str(e) for e in existing]
    if name in known:
        return True
    if if_present:
        return False
    raise context.error("R201", f"there is no {what} {name!r}", _meant(name, known, f"{what}s"))


def matching(
    names: list[str], existing: Iterable[Any], what: str, context: Context, if_present: bool = False
) -> list[str]:
    """Names in ``existing`` that the given names and globs mean, each once; ``!NAME`` takes out what came before.

    Raises
    ------
    RecipeError: R201 for a name that is absent or a glob that matches nothing, unless ``if_present``.
    """
    known = [str(e) for e in existing]
    found: dict[str, None] = {}
    for written in names:
        name = written.removeprefix("!")
        hits = [k for k in known if k == name] or ([k for k in known if fnmatchcase(k, name)] if is_glob(name) else [])
        if not hits:
            require(name, known, what, context, if_present)
        if written.startswith("!"):
            found = {n: None for n in found if n not in hits}
        else:
            found.update(dict.fromkeys(hits))
    return list(found)


def _meant(name: str, known: list[str], what: str) -> str:
    lower = {k.lower(): k for k in known}
    close = [lower[name.lower()]] if name.lower() in lower else difflib.get_close_matches(name, known, 1, 0.6)
    asked = f"did you mean {close[0]!r}? " if close else ""
    return f"{asked}{what} here: {', '.join(known[:40]) or 'none'}{' ...' if len(known) > 40 else ''}"
