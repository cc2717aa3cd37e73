"""FROM of ``expand_dims`` and ``assign_coords``: where the values of a new coordinate come from, as a recipe says it."""

from __future__ import annotations

import re
from typing import Any

from pangeo_forge.recipe.arguments import _At, _each, _keys
from pangeo_forge.recipe.scalars import CALENDARS
from pangeo_forge.recipe.section import problem, shown, suggestion

_OFFSET = re.compile(r"[+-]?[0-9]+(s|min|h|D|W|MS|YS)?\Z")
_KEYS: dict[str, tuple[str, ...]] = {
    "key": ("offset",),
    "coord": (),
    "attr": ("format", "calendar", "offset"),
    "filename": ("format", "calendar", "offset"),
    "value": ("attrs",),
    "from_components": ("calendar",),
}
"""Each form, and what may stand beside it."""
_COMPONENTS = ("ymd", "year", "month", "day", "hour", "minute", "second")
_HINT = (
    "write key, coord, {key: NAME, offset: 7D}, {coord: NAME}, {attr: NAME}, {filename: REGEX, format: ...}, "
    "{value: 10} or {from_components: {year: y, ...}}"
)
_TEXT = {"type": "string", "minLength": 1}
_CALENDAR = {"enum": list(CALENDARS)}


def _form(name: str, own: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name],
        "additionalProperties": False,
        "properties": {name: own, **beside},
    }


_PARTS = {
    "type": "object",
    "anyOf": [{"required": ["year"]}, {"required": ["ymd"]}],
    "additionalProperties": False,
    "properties": {c: {"type": ["string", "integer"]} for c in _COMPONENTS},
}
ASSIGNMENTS: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "anyOf": [
            {"enum": ["key", "coord"]},
            _form("key", _TEXT, offset={"type": ["string", "integer"]}),
            _form("coord", _TEXT),
            _form("attr", _TEXT, format=_TEXT, calendar=_CALENDAR, offset=_TEXT),
            _form("filename", _TEXT, format=_TEXT, calendar=_CALENDAR, offset=_TEXT),
            _form("value", {}, attrs={"type": "object"}),
            _form("from_components", _PARTS, calendar=_CALENDAR),
        ]
    },
}


def assignments(data: Any) -> Any:
    """``{time: FROM}``."""
    return _each(data, "a mapping name: FROM", "{time: key}", _from)


def _from(value: Any) -> None:
    if value in ("key", "coord") and isinstance(value, str):
        return
    kinds = [k for k in _KEYS if k in value] if isinstance(value, dict) else []
    if not kinds:
        near = next(iter(value)) if isinstance(value, dict) and value else value
        close = suggestion(near, [*_KEYS])
        hint = close if close.startswith("did") else _HINT
        raise problem("R052", f"{shown(value)} does not say where the values come from", hint)
    kind = "filename" if "filename" in kinds else kinds[0]
    _keys(value, (kind, *_KEYS[kind]))
    if kind in ("key", "coord", "attr", "filename") and (not isinstance(value[kind], str) or not value[kind]):
        raise _At(problem("R013", f"should be text, not {shown(value[kind])}", "put it in quotes"), kind)
    _beside(value)
    if kind == "filename":
        _expression(value[kind])
    if kind == "from_components":
        _components(value)


def _beside(value: dict[Any, Any]) -> None:
    offset = value.get("offset", "1D")
    if isinstance(offset, bool) or not isinstance(offset, (str, int)) or not _OFFSET.match(str(offset)):
        raise _At(problem("R012", f"{shown(offset)} is not a step", "write 7D, -1D, 12h, 30min ..."), "offset")
    calendar = value.get("calendar", "standard")
    if calendar not in CALENDARS:
        hint = suggestion(calendar, CALENDARS)
        raise _At(problem("R014", f"{shown(calendar)} is not a CF calendar", hint), "calendar")
    if not isinstance(value.get("attrs", {}), dict):
        raise _At(problem("R013", f"should be a mapping, not {shown(value['attrs'])}", "write {units: m}"), "attrs")


def _expression(text: str) -> None:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        hint = "escape special characters with a backslash"
        raise _At(problem("R053", f"is not a regular expression: {error}", hint), "filename") from None
    if groups != 1:
        hint = "put ( ) around the part that is the value"
        raise _At(problem("R053", f"has {groups} groups, it needs one", hint), "filename")


def _components(value: dict[Any, Any]) -> None:
    parts = value["from_components"]
    if not isinstance(parts, dict) or not {"year", "ymd"} & set(parts):
        hint = "write {year: y, month: m, day: d}, or {ymd: NAME} for numbers such as 20010131"
        raise _At(problem("R052", "needs at least a year", hint), "from_components")
    for key, part in parts.items():
        if key not in _COMPONENTS:
            raise _At(problem("R010", f"unknown key {key!r}", suggestion(key, _COMPONENTS)), "from_components", key)
        if not isinstance(part, (str, int)) or isinstance(part, bool):
            text = f"should be a variable or whole number, not {shown(part)}"
            raise _At(problem("R013", text, "write a name"), "from_components", key)
    if "ymd" in parts and {"year", "month", "day"} & set(parts):
        raise _At(problem("R051", "ymd holds year, month and day already", "keep one of them"), "from_components")
