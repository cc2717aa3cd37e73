"""The ``combine`` section: what must agree between inputs, and how differences are settled."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field

from pangeo_forge.recipe.scalars import Step
from pangeo_forge.recipe.section import Section, at, problem

_UNITS = re.compile(
    r"(days?|hours?|minutes?|seconds?|milliseconds?|microseconds?|nanoseconds?|[dhs]|min|ms) since \S+.*\Z"
)


class TimeEncoding(Section):
    """Units and calendar of the times that are written."""

    units: str | None = Field(
        None,
        description="CF units. Default: chosen so that all times are whole numbers.",
        examples=["hours since 1900-01-01"],
    )
    calendar: Literal[
        "standard", "gregorian", "proleptic_gregorian", "noleap", "365_day", "all_leap", "366_day", "360_day", "julian"
    ] | None = Field(None, description="CF calendar. Default: that of the inputs.")  # fmt: skip

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """Units must be CF units of time of a fixed length."""
        units = data.get("units") if isinstance(data, dict) else None
        if isinstance(units, str) and not _UNITS.match(units):
            what = (
                "is not exact: months and years differ in length"
                if re.match("(months?|years?) since", units)
                else "is not a CF unit of time"
            )
            raise at(
                problem("R015", f"{units!r} {what}", 'write "hours since 1900-01-01", days, minutes or seconds'),
                "units",
            )
        return data


class Combine(Section):
    """What must agree between inputs. The defaults are strict; a conflict names the files."""

    coords: Literal["match", "first"] = Field(
        "match", description="Coordinates without a concat dim: must match, or the first input's hold."
    )
    tolerance: float = Field(0.0, ge=0, description="Largest difference of matching coordinates.", examples=[1e-6])
    variables: Literal["exact", "intersection", "union"] = Field(
        "exact", description="Inputs hold the same variables; only common ones are kept; or all are."
    )
    attrs: Literal["drop_conflicts", "first", "match"] = Field(
        "drop_conflicts", description="Attributes that differ are dropped, taken from the first, or an error."
    )
    time: TimeEncoding | None = Field(None, description="Encoding of times.")
    duplicates: Literal["fail", "first", "last"] = Field(
        "fail", description="Coordinate values that occur in two inputs."
    )
    gaps: Literal["allow", "fail"] = Field(
        "allow", description="Missing steps along the concat dim; fail needs `regular`."
    )
    regular: Step | None = Field(None, description="The step that `gaps: fail` expects.")
    order: Literal["check", "sort"] = Field(
        "check", description="Coordinates along the concat dim must rise or fall; or inputs are sorted by them."
    )
