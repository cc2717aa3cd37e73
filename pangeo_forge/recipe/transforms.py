"""The ``transforms`` section: an ordered list of one-key mappings, each applied to every input.

A :class:`Transform` keeps its arguments as they were written, validated: plain dicts, lists and scalars that the
transforms
of :mod:`pangeo_forge.dataset` read. What each may hold is one function here, with the JSON Schema that editors show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from pangeo_forge.recipe import arguments as a
from pangeo_forge.recipe.hooks import HOOK, hook
from pangeo_forge.recipe.origins import ASSIGNMENTS, assignments
from pangeo_forge.recipe.section import Section, at, nested, problem, shown, suggestion

Check = Callable[[Any], Any]

TRANSFORMS: dict[str, tuple[Check, dict[str, Any], str]] = {
    "rename": (a.renames, a.RENAMES, "Give variables, coordinates and dimensions other names: {old: new}."),
    "drop": (a.names, a.NAMES, "Remove variables; globs are allowed."),
    "keep": (a.names, a.NAMES, "Remove all data variables but these; globs are allowed."),
    "set_coords": (a.names, a.NAMES, "Make variables coordinates."),
    "reset_coords": (a.reset, a.RESET, "Make coordinates variables, or {drop: [..]} them."),
    "squeeze": (a.squeezed, a.SQUEEZE, "Remove dimensions of length 1; true: all of them."),
    "transpose": (a.names, a.NAMES, "Order of the dimensions."),
    "sort": (a.name_or_names, a.NAME_OR_NAMES, "Sort along the coordinates named."),
    "select": (
        a.selection,
        a.SELECTION,
        "By coordinate value: {lat: {min: 22, max: 31}}, whichever way the axis runs.",
    ),
    "isel": (a.positions, a.POSITIONS, "By position: {band: 0}."),
    "expand_dims": (assignments, ASSIGNMENTS, "Add a dimension of length 1 with a coordinate: {time: FROM}."),
    "assign_coords": (assignments, ASSIGNMENTS, "Set a coordinate: {time: FROM}."),
    "mask": (a.masks, a.MASKS, "Make values missing: {sst: {above: 45}}."),
    "scale": (a.scales, a.SCALES, "value * factor + offset, with new units."),
    "cast": (a.casts, a.CASTS, "Change the dtype: {ice: float32}."),
    "fill_value": (a.fill, a.FILL, "The stored value that means missing: {ice: -999}."),
    "decode": (a.decode, a.DECODE, "CF decode here, after attributes were mended."),
    "attrs": (a.attributes, a.ATTRIBUTES, "Set, delete, replace attributes, global or per variable."),
    "python": (hook, HOOK, "hooks.py:function, Dataset -> Dataset. Refused unless the operator allows it."),
}
"""Name: its check, JSON Schema, one-line help. In the order of the documentation."""

VALUE_CHANGING = frozenset({"mask", "scale", "cast", "fill_value", "decode", "python", "sort"})
"""Transforms that touch or reorder values, so that stored bytes cannot be referred to."""


class Transform(Section):
    """One step that is applied to each input."""

    model_config = ConfigDict(json_schema_extra=lambda schema: _write_schema(schema))

    name: str = Field(description="Which transform.")
    arguments: Any = Field(description="What it needs, as written.")
    if_present: bool = Field(False, description="Do nothing about names that an input does not have.")

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """From ``{rename: {...}, if_present: true}`` to name and arguments."""
        if isinstance(data, str) and data in TRANSFORMS:
            raise problem("R051", f"{data!r} has no arguments", f"write `- {data}: ...`")
        if not isinstance(data, dict):
            raise problem("R051", f"should be a one-key mapping, not {shown(data)}", "write `- rename: {old: new}`")
        names = [k for k in data if k != "if_present"]
        if not names:
            raise problem("R051", "names no transform", f"known are {', '.join(TRANSFORMS)}")
        for name in names:
            if name not in TRANSFORMS:
                raise at(problem("R050", f"unknown transform {name!r}", _near(name)), name)
        if len(names) > 1:
            raise at(problem("R051", f"holds {' and '.join(names)}", "give each transform its own list item"), names[1])
        present = data.get("if_present", False)
        if not isinstance(present, bool):
            raise at(problem("R013", f"should be true or false, not {shown(present)}", "write true"), "if_present")
        return {"name": names[0], "arguments": _checked(names[0], data[names[0]]), "if_present": present}


def _near(name: Any) -> str:
    return suggestion(name, [*TRANSFORMS, "if_present"]) or f"known are {', '.join(TRANSFORMS)}"


def _checked(name: str, written: Any) -> Any:
    if written is None:
        raise at(problem("R013", "is empty", f"{TRANSFORMS[name][2]} Fill it in or remove it"), name)
    try:
        return TRANSFORMS[name][0](written)
    except ValidationError as error:
        raise nested(error, name) from None
    except PydanticCustomError as error:
        raise at(error, name) from None


def _write_schema(schema: dict[str, Any]) -> None:
    """The form as written instead of name and arguments."""
    present = {"type": "boolean", "description": "Do nothing about names that an input does not have."}
    forms = [
        {
            "type": "object",
            "required": [name],
            "additionalProperties": False,
            "properties": {name: {"description": text, **rules}, "if_present": present},
        }
        for name, (_, rules, text) in TRANSFORMS.items()
    ]
    title, description = schema.get("title"), schema.get("description")
    schema.clear()
    schema.update({"title": title, "description": description, "anyOf": forms})
