"""The ``checks`` section: what must hold of the data that was written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pangeo_forge.recipe.scalars import Name, Names, Step
from pangeo_forge.recipe.section import Section, at, form, problem, shown, suggestion


class VariableCheck(Section):
    """Bounds of a variable's values."""

    variable: Name = Field(description="Name of the variable.")
    min: float | None = Field(None, description="Smallest value allowed.")
    max: float | None = Field(None, description="Largest value allowed.")
    max_missing: float | None = Field(None, ge=0, le=1, description="Largest share of missing values, 0 to 1.")

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """Bounds must leave room."""
        low, high = data.get("min"), data.get("max")
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (low, high)) and low > high:
            raise at(problem("R016", f"max {high} is below min {low}", "swap them"), "max")
        if not {"min", "max", "max_missing"} & set(data):
            raise problem("R011", "the check checks nothing", "add min, max or max_missing")
        return data


class DimCheck(Section):
    """Order and spacing of a dimension's coordinate."""

    dim: Name = Field(description="Name of the dimension.")
    regular: Step | None = Field(None, description="Every two neighbours are that far apart.")
    monotonic: Literal["increasing", "decreasing"] | None = Field(None, description="Strictly.")
    length: int | None = Field(None, ge=0, description="Number of positions.")

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """Something must be checked."""
        if not {"regular", "monotonic", "length"} & set(data):
            hint = suggestion(next(iter(set(data) - {"dim"}), ""), ["regular", "monotonic", "length"])
            raise problem("R011", "the check checks nothing", hint or "add regular, monotonic or length")
        return data


class AttrsCheck(Section):
    """Global attributes that must be there."""

    attrs: dict[str, Any] = Field(min_length=1, description="Names and values.")


class VariablesCheck(Section):
    """Variables that must be there, and no others."""

    variables: Names = Field(description="Names of all data variables.")


class SampleCheck(Section):
    """Compare random regions with the inputs."""

    sample: int = Field(ge=0, le=100_000, description="Number of regions; 0 turns the comparison off.")


Check = VariableCheck | DimCheck | AttrsCheck | VariablesCheck | SampleCheck
KINDS: dict[str, type[Section]] = {
    "variable": VariableCheck, "dim": DimCheck, "attrs": AttrsCheck, "variables": VariablesCheck, "sample": SampleCheck,
}  # fmt: skip


def read_check(data: Any) -> Any:
    """Dispatch on the key that names what is checked."""
    if isinstance(data, Section):
        return data
    if not isinstance(data, dict):
        raise problem("R013", f"should be a mapping, not {shown(data)}", "write {variable: NAME, min: 0}")
    kinds = [k for k in KINDS if k in data]
    if not kinds:
        near = suggestion(next(iter(data), ""), KINDS)
        raise problem("R011", "does not say what it checks", near)
    return KINDS[kinds[0]].model_validate(data)


CheckEntry = Annotated[Check, *form(read_check, {"title": "Check"})]
