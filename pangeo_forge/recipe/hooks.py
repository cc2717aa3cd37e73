"""The ``python:`` transform as written: a function of a file in the recipe's folder, and the packages that it needs.

Files are read here, never run: their text is part of what a recipe means, so it is in the fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

from pangeo_forge.recipe.section import at, problem, several, shown, suggestion

if TYPE_CHECKING:
    from pangeo_forge.recipe.transforms import Transform

_FUNCTION = re.compile(r"[A-Za-z0-9_./-]+\.py:[A-Za-z_][A-Za-z0-9_]*\Z")
_FIELDS = ("function", "requirements")
LARGEST = 1_000_000
"""Bytes of a file of hooks: a stranger's recipe is read, too."""

_FUNCTION_SCHEMA = {"type": "string", "pattern": _FUNCTION.pattern.replace(r"\Z", "$")}
HOOK: dict[str, Any] = {
    "anyOf": [
        _FUNCTION_SCHEMA,
        {
            "type": "object",
            "required": ["function"],
            "additionalProperties": False,
            "properties": {
                "function": {"description": "hooks.py:function.", **_FUNCTION_SCHEMA},
                "requirements": {
                    "type": "array",
                    "items": {"type": "string", "minLength": 1},
                    "description": "Packages that the file imports, as pip takes them: [scipy>=1.10].",
                },
            },
        },
    ]
}


def hook(data: Any) -> Any:
    """``hooks.py:function``, or ``{function: hooks.py:function, requirements: [scipy>=1.10]}``."""
    if not isinstance(data, dict):
        return _function(data)
    for key in data:
        if key not in _FIELDS:
            hint = suggestion(key, list(_FIELDS)) or f"known are {', '.join(_FIELDS)}"
            raise at(problem("R010", f"unknown key {key!r}", hint), key)
    if "function" not in data:
        raise problem("R011", "'function' is missing", "write {function: hooks.py:function, requirements: [...]}")
    try:
        _function(data["function"])
    except PydanticCustomError as error:
        raise at(error, "function") from None
    if "requirements" not in data:
        return data
    requirements = data["requirements"]
    if not isinstance(requirements, list):
        hint = f"write [{requirements}]" if isinstance(requirements, str) else "write [scipy>=1.10]"
        raise at(problem("R055", f"should be a list, not {shown(requirements)}", hint), "requirements")
    wrong = [(("requirements", n), found) for n, r in enumerate(requirements) if (found := _refusal(r)) is not None]
    if wrong:
        raise several(wrong)
    return data


def _function(data: Any) -> Any:
    if not isinstance(data, str) or not _FUNCTION.match(data):
        raise problem("R054", f"{shown(data)} does not name a function", "write hooks.py:function")
    if data.startswith("/") or ".." in data.split(":")[0].split("/"):
        raise problem("R054", "the file is outside of the recipe's folder", "put it beside recipe.yaml")
    return data


def _refusal(data: Any) -> PydanticCustomError | None:
    """What is wrong with a requirement."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(data if isinstance(data, str) else "")
    except InvalidRequirement as error:
        why = f": {str(error).splitlines()[0].rstrip('.')}" if isinstance(data, str) and data else ""
        hint = "write a name and versions as pip takes them (PEP 508): scipy>=1.10"
        return problem("R055", f"{shown(data)} is no requirement{why}", hint)
    return None


def function_of(arguments: Any) -> Any:
    """``hooks.py:function`` of either form."""
    return arguments.get("function") if isinstance(arguments, dict) else arguments


def hook_texts(transforms: Iterable[Transform], folder: Path) -> dict[str, str]:
    """Text of the files that a recipe's hooks are in, by name.

    Those that cannot be read are left out: whether that is an error is told where hooks are going to run.
    """
    files = {str(function_of(t.arguments)).rpartition(":")[0] for t in transforms if t.name == "python"}
    found = {}
    for file in sorted(files):
        try:
            found[file] = read_hook(folder, file)
        except (OSError, ValueError):
            continue
    return found


def read_hook(folder: Path, file: str) -> str:
    """Text of one file in a recipe's folder.

    Raises
    ------
    ValueError: it lies elsewhere, is too large, or is not UTF-8.
    OSError: it is not there, or cannot be read.
    """
    root = folder.resolve()
    path = (root / file).resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"{file} is not in the recipe's folder")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {file} in the recipe's folder")
    with path.open("rb") as handle:
        data = handle.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"{file} has more than {LARGEST:,} bytes")
    # As a text file is read: how lines end is no matter.
    return data.decode("utf-8").replace("\r\n", "\n")


def requirements_of(transforms: Iterable[Transform]) -> list[str]:
    """What the hooks of a recipe need besides this program, each once, in the order of the recipe."""
    found: dict[str, None] = {}
    for transform in transforms:
        if transform.name == "python" and isinstance(transform.arguments, dict):
            found.update(dict.fromkeys(transform.arguments.get("requirements", ())))
    return list(found)
