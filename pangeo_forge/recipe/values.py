"""VALUES of a concat or merge key: the forms in which a recipe may write them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pangeo_forge.recipe.scalars import CALENDARS, Scalar, Step, check_date, date_parts
from pangeo_forge.recipe.section import Section, at, form, problem, several, shown, suggestion

BOUNDS = ("before", "after", "from", "until")
"""Conditions of an entry of ``when``; every other key is a field."""

_WHEN: Any = Field(
    default_factory=list,
    description="Fields that switch with the value: the first entry whose `before` is later than the "
    "value wins; the last entry "
    "may lack it and holds for the rest.",
    examples=[[{"before": "2017-01-01", "org": "STAR"}, {"org": "OSPO"}]],
)
When = Annotated[
    list[dict[str, Any]],
    *form(lambda value: _when(value), {
        "type": "array", "minItems": 1,
        "items": {"type": "object", "additionalProperties": {"type": ["string", "number"]}, "minProperties": 1},
    }),
]  # fmt: skip


class ListValues(Section):
    """Values one by one: ``[t2m, sst]`` or ``{values: [..], when: [..]}``."""

    values: list[Scalar] = Field(min_length=1, description="Whole numbers, text or dates as text, in order.")
    when: When = _WHEN


class RangeValues(Section):
    """Whole numbers from ``start`` to ``end``, both included."""

    start: int = Field(description="First number.", examples=[1958])
    end: int = Field(description="Last number, included; the steps must arrive at it.", examples=[2020])
    step: int = Field(1, ge=1, description="Distance of two numbers.")
    exclude: list[int] = Field(default_factory=list, description="Numbers to leave out.")
    when: When = _WHEN


class DateValues(Section):
    """Dates from ``start`` to ``end``, both included. Dates stay text as written; the pattern parses them."""

    start: str = Field(description="First date (ISO 8601, UTC).", examples=["1981-09-01"])
    end: str = Field(
        description="Last date, included; the steps must arrive at it. `latest`: up to the date of the run.",
        examples=["latest"],
    )
    step: Step = Field(description="Distance of two dates.", examples=["1D"])
    calendar: Literal[
        "standard", "gregorian", "proleptic_gregorian", "noleap", "365_day", "all_leap", "366_day", "360_day", "julian"
    ] = Field("standard", description="CF calendar in which the dates are counted.")
    exclude: list[str] = Field(default_factory=list, description="Dates to leave out because no input exists.")
    restart: Literal["yearly"] | None = Field(
        None, description="yearly: begin the steps anew on each 1 January, as 8-day products do."
    )
    when: When = _WHEN

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """Check dates in the calendar that is named; a bare year may be a number."""
        calendar = data.get("calendar")
        calendar = calendar if isinstance(calendar, str) and calendar in CALENDARS else "standard"
        made, wrong = dict(data), []
        places = [((k,), data[k]) for k in ("start", "end") if k in data]
        exclude = data.get("exclude")
        places += [(("exclude", i), v) for i, v in enumerate(exclude)] if isinstance(exclude, list) else []  # type: ignore[misc]
        for place, value in places:
            try:
                text = check_date(value, words=("latest",) if place == ("end",) else (), calendar=calendar)
            except Exception as error:  # noqa: BLE001 - PydanticCustomError, which has no narrower base that mypy knows
                wrong.append((place, error))
                continue
            if len(place) == 1:
                made[place[0]] = text
        if isinstance(exclude, list):
            made["exclude"] = [str(v) for v in exclude]
        step = made.get("step")
        if isinstance(step, int) and not isinstance(step, bool):
            wrong.append(
                (("step",), problem("R012", f"{step} is not a step of dates", f"write {step}D, {step}MS or {step}YS"))
            )
            made["step"] = "1D"
        if wrong:
            raise several(wrong)  # type: ignore[arg-type]
        start, end = (date_parts(str(made.get(k))) for k in ("start", "end"))
        if start and end and end < start:
            raise at(problem("R016", f"{made['end']} is before the start {made['start']}", "swap them"), "end")
        return made


class TableValues(Section):
    """A look-up table: each value with fields that the template uses as ``{key.field}``."""

    rows: dict[str | int, dict[str, str]] = Field(description="value: {field: text}")
    when: When = _WHEN


class EmptyValues(Section):
    """``{}``: as many positions as the source lists files."""

    when: When = _WHEN


Values = ListValues | RangeValues | DateValues | TableValues | EmptyValues


def written(values: Values) -> Any:
    """VALUES as plain data, in the long form that a recipe could hold: what the pattern is built from."""
    data = values.model_dump(exclude_defaults=True)
    return data | data.pop("rows") if isinstance(values, TableValues) else data


_RANGE_KEYS = ("start", "end", "step", "calendar", "exclude", "restart", "when")


def read_values(data: Any) -> Values:
    """Dispatch on the form in which VALUES is written."""
    if isinstance(data, Section):
        return data  # type: ignore[return-value]
    if isinstance(data, list):
        return _list(data)
    if not isinstance(data, dict):
        hint = "write a list, {start, end, step}, a table {value: {field: text}}, or {}"
        raise problem("R035", f"{shown(data)} is not a list or range of values", hint)
    if any(k in data and not isinstance(data[k], dict) for k in ("start", "end", "step")):
        return _range(data)
    if not set(data) - {"when"}:
        return EmptyValues.model_validate(data)
    if "values" in data and not isinstance(data["values"], dict):
        if not isinstance(data["values"], list):
            raise at(problem("R013", f"should be a list, not {shown(data['values'])}", "write [a, b]"), "values")
        return ListValues.model_validate(data)
    return _table(data)


def _list(values: list[Any]) -> ListValues:
    if not values:
        raise problem("R015", "is an empty list", "give values, or {} when the files listed decide")
    wrong = []
    for i, value in enumerate(values):
        if value is None or isinstance(value, (dict, list, bool)):
            wrong.append(((i,), problem("R013", f"should be a number or text, not {shown(value)}", "put it in quotes")))
        elif value in values[:i] if len(values) < 2000 else False:
            wrong.append(((i,), problem("R015", f"{shown(value)} is listed twice", "remove one")))
    if wrong:
        raise several(wrong)
    return ListValues(values=values)


def _range(data: dict[Any, Any]) -> Values:
    step, start, end = data.get("step"), data.get("start"), data.get("end")
    dated = any(isinstance(v, str) for v in (start, end)) or isinstance(step, str) or "calendar" in data
    if not dated:
        made = RangeValues.model_validate(data)
        if made.end < made.start:
            raise at(problem("R016", f"{made.end} is before the start {made.start}", "swap them"), "end")
        return made
    if "step" not in data and isinstance(start, int) and end == "latest":
        raise at(
            problem(
                "R017", "'latest' is for dates, and the start is a number", "add `step: 1YS`, or end with a number"
            ),
            "end",
        )
    return DateValues.model_validate(data)


def _table(data: dict[Any, Any]) -> TableValues:
    rows = {k: v for k, v in data.items() if k != "when"}
    fields: set[str] = set()
    wrong: list[tuple[tuple[str | int, ...], Any]] = []
    if not any(isinstance(v, dict) for v in rows.values()):
        for key in rows:
            hint = suggestion(key, [*_RANGE_KEYS, "values", "dim"])
            wrong.append(((key,), problem("R010", f"unknown key {key!r}", hint)))
        raise several(wrong)
    for key, row in rows.items():
        if not isinstance(row, dict):
            hint = "write value: {field: text}"
            wrong.append(((key,), problem("R035", f"should be a mapping of fields, not {shown(row)}", hint)))
            continue
        fields |= {str(f) for f in row}
        for name, text in row.items():
            if not isinstance(text, (str, int, float)) or isinstance(text, bool):
                wrong.append(((key, name), problem("R013", f"should be text, not {shown(text)}", "put it in quotes")))
    for key, row in rows.items():
        lacking = sorted(fields - {str(f) for f in row}) if isinstance(row, dict) else []
        if lacking:
            wrong.append(
                ((key,), problem("R039", f"the row lacks field {lacking[0]!r}", "give every row the same fields"))
            )
    if wrong:
        raise several(wrong)
    texts = {k: {str(f): str(t) for f, t in row.items()} for k, row in rows.items()}
    return TableValues.model_validate({"rows": texts, **({"when": data["when"]} if "when" in data else {})})


def _when(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise problem(
            "R013",
            f"should be a list of mappings, not {shown(value)}",
            "write [{before: DATE, field: text}, {field: text}]",
        )
    wrong: list[tuple[tuple[str | int, ...], Any]] = []
    fields = {str(k) for entry in value if isinstance(entry, dict) for k in entry if k not in BOUNDS}
    for i, entry in enumerate(value):
        if not isinstance(entry, dict):
            wrong.append(
                ((i,), problem("R013", f"should be a mapping, not {shown(entry)}", "write {before: DATE, field: text}"))
            )
            continue
        last = i == len(value) - 1
        bounds = {k: v for k, v in entry.items() if k in BOUNDS}
        if not bounds and not last:
            wrong.append(
                (
                    (i,),
                    problem(
                        "R039", "only the last entry may lack a condition", "add `before: DATE` or move it to the end"
                    ),
                )
            )
        for name, bound in bounds.items():
            if isinstance(bound, (dict, list, bool)) or bound is None:
                wrong.append(
                    ((i, name), problem("R017", f"{shown(bound)} is not a date or number", "write YYYY-MM-DD"))
                )
        lacking = sorted(fields - {str(k) for k in entry})
        if lacking or not fields:
            what = f"the entry lacks field {lacking[0]!r}" if lacking else "the entry gives no field"
            wrong.append(((i,), problem("R039", what, "give every entry the same fields")))
    if wrong:
        raise several(wrong)
    return value


_SCHEMA_WHEN = {
    "type": "array", "minItems": 1, "description": "Fields that switch with the value; the first entry that fits wins.",
    "items": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
}  # fmt: skip
_SCHEMA_LIST = {
    "type": "array",
    "minItems": 1,
    "items": {"type": ["string", "number"]},
    "description": "Values one by one.",
}
_SCHEMA_RANGE = {
    "type": "object", "additionalProperties": False, "required": ["start", "end"],
    "description": "Numbers or dates from start to end, both included.",
    "properties": {
        "start": {"type": ["integer", "string"], "description": "First number or date.", "examples": ["1981-09-01"]},
        "end": {"type": ["integer", "string"], "description": "Last number or date; `latest`: up to "
            "the date of the run."},
        "step": {
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^([1-9][0-9]*)(s|min|h|D|W|MS|YS)$"}],
            "description": "Whole number, or for dates 1D, 8D, 6h, 30min, 1MS (month), 1YS (year).",
        },
        "calendar": {"enum": list(CALENDARS), "description": "CF calendar in which the dates are counted."},
        "exclude": {"type": "array", "items": {"type": ["integer", "string"]}, "description": "Values to leave out."},
        "restart": {"const": "yearly", "description": "Begin the steps anew on each 1 January, as 8-day products do."},
        "when": _SCHEMA_WHEN,
    },
}  # fmt: skip
_SCHEMA_TABLE = {
    "type": "object", "minProperties": 1, "description": "Look-up table, value: {field: text}.",
    "properties": {"when": _SCHEMA_WHEN},
    "additionalProperties": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
}  # fmt: skip
_SCHEMA_EMPTY = {
    "type": "object", "maxProperties": 1, "properties": {"when": _SCHEMA_WHEN}, "additionalProperties": False,
    "description": "As many positions as the source lists files.",
}  # fmt: skip
_SCHEMA_LIST_WHEN = {
    "type": "object", "additionalProperties": False, "required": ["values"],
    "properties": {"values": _SCHEMA_LIST, "when": _SCHEMA_WHEN},
}  # fmt: skip
SCHEMA = {"anyOf": [_SCHEMA_LIST, _SCHEMA_RANGE, _SCHEMA_EMPTY, _SCHEMA_LIST_WHEN, _SCHEMA_TABLE]}
"""JSON Schema of VALUES as written."""
