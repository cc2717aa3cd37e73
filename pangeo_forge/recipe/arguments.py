"""What the arguments of each transform may hold: one function a form, which returns what was written or raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from pangeo_forge.recipe.section import at, problem, several, shown, suggestion
from pangeo_forge.recipe.target import _DTYPE

Rule = Callable[[Any], None]

NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}
NAME_OR_NAMES: dict[str, Any] = {"anyOf": [{"type": "string", "minLength": 1}, NAMES]}
RENAMES: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "string", "minLength": 1},
}


def _mapping(data: Any, what: str, example: str) -> dict[Any, Any]:
    if not isinstance(data, dict) or not data:
        raise problem("R013", f"should be {what}, not {shown(data) if data else 'empty'}", f"write {example}")
    return data


def _each(data: Any, what: str, example: str, rule: Callable[[Any], Any]) -> Any:
    """Apply ``rule`` to every value of a mapping; all errors at once."""
    wrong: list[tuple[tuple[str | int, ...], PydanticCustomError]] = []
    for name, value in _mapping(data, what, example).items():
        if not isinstance(name, str) or not name:
            wrong.append(((name,), problem("R013", f"{shown(name)} is not a name", "put it in quotes")))
            continue
        try:
            rule(value)
        except PydanticCustomError as error:
            wrong.append(((name,), error))
        except _At as error:
            wrong.append(((name, *error.loc), error.error))
    if wrong:
        raise several(wrong)
    return data


class _At(Exception):
    """An error at a place below the value of a rule."""

    def __init__(self, error: PydanticCustomError, *loc: str | int) -> None:
        self.error, self.loc = error, loc


def _keys(value: dict[Any, Any], known: Mapping[str, str] | set[str] | tuple[str, ...]) -> None:
    for key in value:
        if key not in known:
            raise _At(problem("R010", f"unknown key {key!r}", suggestion(key, sorted(known))), key)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _name(value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise problem("R013", f"should be a name, not {shown(value)}", "put it in quotes")


def names(data: Any) -> Any:
    """A list of names or globs."""
    if not isinstance(data, list) or not data:
        hint = f"write [{data}]" if isinstance(data, str) else "write [a, b]"
        raise problem("R013", f"should be a list of names, not {shown(data) if data else 'empty'}", hint)
    for i, name in enumerate(data):
        if not isinstance(name, str) or not name:
            raise at(problem("R013", f"should be a name, not {shown(name)}", "put it in quotes"), i)
    return data


def name_or_names(data: Any) -> Any:
    """One name, or a list."""
    return data if isinstance(data, str) and data else names(data)


def renames(data: Any) -> Any:
    """``{old: new}``; two new names may not be the same."""
    _each(data, "a mapping old: new", "{day: time}", _name)
    new = list(data.values())
    for old, name in data.items():
        if new.count(name) > 1:
            raise at(problem("R015", f"two names become {name!r}", "give each its own name"), old)
    return data


SQUEEZE: dict[str, Any] = {"anyOf": [{"const": True}, NAMES]}


def squeezed(data: Any) -> Any:
    """A list of names, or ``true``: every dimension of length 1."""
    return data if data is True else names(data)


def reset(data: Any) -> Any:
    """A list of names, or ``{drop: [..]}``."""
    if isinstance(data, list):
        return names(data)
    if not isinstance(data, dict) or set(data) != {"drop"}:
        raise problem("R013", f"should be a list of names or {{drop: [..]}}, not {shown(data)}", "write {drop: [crs]}")
    try:
        names(data["drop"])
    except PydanticCustomError as error:
        raise at(error, "drop") from None
    return data


RESET: dict[str, Any] = {
    "anyOf": [
        NAMES,
        {"type": "object", "properties": {"drop": NAMES}, "required": ["drop"], "additionalProperties": False},
    ]
}

_BOUND = {"type": ["number", "string"]}
SELECTION: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "anyOf": [
            {
                "type": "object",
                "properties": {"min": _BOUND, "max": _BOUND},
                "minProperties": 1,
                "additionalProperties": False,
            },
            {"type": ["number", "string"]},
            {"type": "array", "items": _BOUND, "minItems": 1},
        ]
    },
}


def selection(data: Any) -> Any:
    """``{lat: {min: .., max: ..}}``, one value, or a list of values, by coordinate."""

    def rule(value: Any) -> None:
        if isinstance(value, dict):
            _keys(value, ("min", "max"))
            low, high = value.get("min"), value.get("max")
            if not value:
                raise problem("R013", "is empty", "write {min: 22, max: 31}")
            for key, bound in value.items():
                if not (_is_number(bound) or isinstance(bound, str)):
                    raise _At(problem("R013", f"should be a number or date, not {shown(bound)}", "write a value"), key)
            if _is_number(low) and _is_number(high) and low > high:  # type: ignore[operator]
                raise problem("R016", f"min {low} is above max {high}", "swap them; the axis may run either way")
        elif isinstance(value, bool) or value is None or value == []:
            raise problem(
                "R013", f"should be {{min, max}}, a value or a list, not {shown(value)}", "write {min: 22, max: 31}"
            )

    return _each(data, "a mapping of coordinates", "{lat: {min: 22, max: 31}}", rule)


_INDEX = {"type": "integer"}
POSITIONS: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "anyOf": [
            _INDEX,
            {"type": "array", "items": _INDEX, "minItems": 1},
            {
                "type": "object",
                "properties": {"start": _INDEX, "stop": _INDEX, "step": _INDEX},
                "additionalProperties": False,
                "minProperties": 1,
            },
        ]
    },
}


def positions(data: Any) -> Any:
    """``{band: 0}``, a list of positions, or ``{start, stop, step}``, by dimension."""

    def rule(value: Any) -> None:
        if isinstance(value, dict) and value:
            _keys(value, ("start", "stop", "step"))
        items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
        if not items or not all(isinstance(i, int) and not isinstance(i, bool) for i in items):
            raise problem(
                "R013",
                f"should be a position, not {shown(value)}",
                "write a whole number, a list, or {start, stop, step}",
            )

    return _each(data, "a mapping of dimensions", "{band: 0}", rule)


_LIMITS = ("above", "below", "equal")
MASKS: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            "above": {"type": "number"},
            "below": {"type": "number"},
            "equal": {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 1}]},
        },
    },
}


def masks(data: Any) -> Any:
    """``{sst: {above: 45, below: -3, equal: 9999}}``: missing where any is true. The name may be a glob."""

    def rule(value: Any) -> None:
        if not isinstance(value, dict) or not value:
            raise problem(
                "R013", f"should be a mapping, not {shown(value)}", "write {above: 45}, {below: 0} or {equal: 9999}"
            )
        _keys(value, _LIMITS)
        for key, limit in value.items():
            good = (
                isinstance(limit, list) and limit and all(map(_is_number, limit))
                if key == "equal" and isinstance(limit, list)
                else _is_number(limit)
            )
            if not good:
                raise _At(problem("R013", f"should be a number, not {shown(limit)}", "write it without quotes"), key)

    return _each(data, "a mapping of variables", "{sst: {above: 45}}", rule)


SCALES: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {"factor": {"type": "number"}, "offset": {"type": "number"}, "units": {"type": "string"}},
    },
}


def scales(data: Any) -> Any:
    """``{tp: {factor: 1000, offset: 0, units: mm}}``."""

    def rule(value: Any) -> None:
        if not isinstance(value, dict) or not value:
            raise problem("R013", f"should be a mapping, not {shown(value)}", "write {factor: 1000, units: mm}")
        _keys(value, ("factor", "offset", "units"))
        for key in ("factor", "offset"):
            if key in value and not _is_number(value[key]):
                raise _At(
                    problem("R013", f"should be a number, not {shown(value[key])}", "write it without quotes"), key
                )
        if value.get("factor") == 0:
            raise _At(problem("R016", "a factor of 0 loses every value", "write the factor"), "factor")
        if not isinstance(value.get("units", ""), str):
            raise _At(problem("R013", f"should be text, not {shown(value['units'])}", "put it in quotes"), "units")

    return _each(data, "a mapping of variables", "{tp: {factor: 1000, units: mm}}", rule)


CASTS: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "string", "pattern": _DTYPE.pattern.replace(r"\Z", "$")},
}


def casts(data: Any) -> Any:
    """``{ice: float32}``."""

    def rule(value: Any) -> None:
        if not isinstance(value, str) or not _DTYPE.match(value):
            raise problem("R015", f"{shown(value)} is not a dtype", "write int16, float32, ...")

    return _each(data, "a mapping of variables to dtypes", "{ice: float32}", rule)


FILL: dict[str, Any] = {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["number", "string"]}}


def fill(data: Any) -> Any:
    """``{ice: -999}``."""

    def rule(value: Any) -> None:
        if not (_is_number(value) or isinstance(value, str)):
            raise problem("R013", f"should be a number or text, not {shown(value)}", "write the stored value")

    return _each(data, "a mapping of variables to values", "{ice: -999}", rule)


DECODE: dict[str, Any] = {"const": True}


def decode(data: Any) -> Any:
    """``true``."""
    if data is not True:
        raise problem("R013", f"should be true, not {shown(data)}", "write decode: true or remove the step")
    return data


_EDIT: dict[str, Any] = {"set": {"type": "object"}, "delete": NAMES, "replace": {"type": "object"}}
ATTRIBUTES: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {
        **_EDIT,
        "variables": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": _EDIT,
            },
        },
    },
}


def attributes(data: Any) -> Any:
    """``{set, delete, replace}`` of global attributes, and the same per variable under ``variables``. replace: no
    others stay."""
    _mapping(data, "a mapping", "{set: {title: ...}}")
    try:
        _keys(data, ("set", "delete", "replace", "variables"))
        _edit({k: v for k, v in data.items() if k != "variables"})
    except _At as error:
        raise at(error.error, *error.loc) from None
    if "variables" in data:
        from pydantic import ValidationError

        from pangeo_forge.recipe.section import nested

        def rule(value: Any) -> None:
            _keys(_mapping(value, "a mapping", "{set: {units: m}}"), ("set", "delete", "replace"))
            _edit(value)

        try:
            _each(data["variables"], "a mapping of variables", "{time: {set: {calendar: 360_day}}}", rule)
        except ValidationError as error:
            raise nested(error, "variables") from None
        except PydanticCustomError as error:
            raise at(error, "variables") from None
    return data


def _edit(data: dict[Any, Any]) -> None:
    for key in ("set", "replace"):
        if key in data and not isinstance(data[key], dict):
            raise _At(problem("R013", f"should be a mapping, not {shown(data[key])}", "write {name: value}"), key)
    if "delete" in data:
        value = data["delete"]
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise _At(problem("R013", f"should be a list of names, not {shown(value)}", "write [a, b]"), "delete")
