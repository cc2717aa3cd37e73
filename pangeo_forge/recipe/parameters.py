"""Parameters and matrix: from a recipe as written to recipes as resolved.

``{NAME}`` of a parameter or matrix key is replaced in every text of the recipe (keys of mappings included). A text
that is
nothing but ``"{NAME}"`` takes the value with its type, "
    "so ``start: "{first_year}"`` can be a number. A date may be formatted:
``{day:%Y%m%d}`` or moved ``{day - 1D:%Y%m%d}``; the default ``today`` is the date of the run in UTC. Matrix values may be mappings, used as
``{NAME.field}``.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from pangeo_forge.errors import RecipeError
from pangeo_forge.recipe.scalars import Scalar, date_parts
from pangeo_forge.recipe.section import Section, suggestion
from pangeo_forge.recipe.source import Source, format_path, parse_value

_PLACEHOLDER = re.compile(
    r"\{([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"(?:\s*([+-])\s*([1-9][0-9]{0,5})(s|min|h|D|W|MS|YS)\s*)?(?::(%[^{}]*))?\}"
)
_SECONDS = {"s": 1, "min": 60, "h": 3600, "D": 86400, "W": 7 * 86400}
MAX_COMBINATIONS = 10_000


class Parameter(Section):
    """A value that ``--param NAME=VALUE`` sets."""

    default: Scalar = Field(
        description="Value without --param; `today` is the date of the run (UTC).", examples=["2020"]
    )
    description: str = Field("", description="What it is for.")


def parameter_values(
    data: Mapping[str, Any], given: Mapping[str, str], source: Source, now: dt.date | None = None
) -> dict[str, Any]:
    """The value of each parameter of the recipe: as given, else its default. Given text is read as the default's
    type."""
    declared = data.get("parameters") or {}
    declared = declared if isinstance(declared, dict) else {}
    for name in given:
        if name not in declared:
            hint = suggestion(name, declared) or "declare it under parameters"
            raise RecipeError(
                f"parameters: the recipe has no parameter {name!r}",
                code="R070",
                where=source.locate(("parameters",)),
                hint=hint,
            )
    values = {}
    for name, entry in declared.items():
        if not isinstance(entry, dict) or "default" not in entry:
            continue
        default = entry["default"]
        value = given.get(name, default)
        if name in given and not isinstance(default, str):
            value = parse_value(given[name])
            if type(value) is not type(default) and not (isinstance(default, float) and isinstance(value, int)):
                what = (
                    f"parameters.{name}: {given[name]!r} is not a {type(default).__name__} like the default {default!r}"
                )
                raise RecipeError(what, code="R070", where="--param", hint="give a value of that type")
        values[name] = _today(now) if value == "today" else value
    return values


def _today(now: dt.date | None) -> str:
    day = now or dt.datetime.now(dt.UTC)
    return (day.date() if isinstance(day, dt.datetime) else day).isoformat()


def combinations(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One mapping NAME: value for each combination of the matrix; one empty mapping without a matrix."""
    matrix = data.get("matrix") or {}
    lists = {k: v for k, v in matrix.items() if isinstance(v, list)} if isinstance(matrix, dict) else {}
    for picked in itertools.islice(itertools.product(*lists.values()), MAX_COMBINATIONS):
        yield dict(zip(lists, picked, strict=True))


def substitute(value: Any, names: Mapping[str, Any], *, top: bool = True) -> Any:
    """``value`` with the placeholders of ``names`` replaced; others stay for the pattern. parameters and matrix
    stay."""
    if isinstance(value, dict):
        kept = ("parameters", "matrix") if top else ()
        return {
            (_text(k, names) if isinstance(k, str) else k): v if k in kept else substitute(v, names, top=False)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [substitute(v, names, top=False) for v in value]
    if not isinstance(value, str) or "{" not in value:
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole and whole[1] in names and not (whole[3] or whole[6]):
        return _found(whole, names)
    return _text(value, names)


def _text(text: str, names: Mapping[str, Any]) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1] not in names:
            return match[0]
        value = _found(match, names)
        if match[3] or match[6]:
            return _dated(str(value), match) or match[0]
        return match[0] if isinstance(value, (dict, list)) else str(value)

    return _PLACEHOLDER.sub(replace, text)


def _dated(value: str, match: re.Match[str]) -> str | None:
    """A date, moved and formatted as the placeholder says; None: the value is not a date, or arrives at none."""
    parts = date_parts(value)
    try:
        date = dt.datetime(*parts)  # type: ignore[misc]
        if match[3]:
            date = _moved(date, int(f"{match[3]}{match[4]}"), match[5])
    except (TypeError, ValueError, OverflowError):
        return None
    if match[6]:
        return date.strftime(match[6].replace("%Y", f"{date.year:04d}"))
    return date.date().isoformat() if date == dt.datetime.combine(date.date(), dt.time()) else date.isoformat()


def _moved(date: dt.datetime, count: int, unit: str) -> dt.datetime:
    if unit in _SECONDS:
        return date + dt.timedelta(seconds=count * _SECONDS[unit])
    months = date.year * 12 + date.month - 1 + count * (12 if unit == "YS" else 1)
    return date.replace(year=months // 12, month=months % 12 + 1)


def _found(match: re.Match[str], names: Mapping[str, Any]) -> Any:
    value = names[match[1]]
    for part in match[2].split(".")[1:]:
        if not isinstance(value, dict) or part not in value:
            return match[0]
        value = value[part]
    return value


def slug(text: str) -> str:
    """A text as part of an id: lower case, all but letters and digits become one dash."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def override(data: dict[str, Any], settings: Sequence[str], name: str) -> list[tuple[str | int, ...]]:
    """Apply ``a.b.c=VALUE`` settings to ``data`` in place; returns their paths. Values are YAML."""
    paths = []
    for setting in settings:
        written, equals, text = setting.partition("=")
        path = tuple(int(p) if p.isdigit() else p for p in re.split(r"[.\[]", written.replace("]", "")) if p)
        if not equals or not path:
            raise RecipeError(
                f"{setting!r} is not a setting", code="R071", where=f"{name}: --set", hint="write --set a.b.c=VALUE"
            )
        _put(data, path, parse_value(text), setting)
        paths.append(path)
    return paths


def _put(data: Any, path: tuple[str | int, ...], value: Any, setting: str) -> None:
    for i, part in enumerate(path):
        last = i == len(path) - 1
        if isinstance(data, list) and isinstance(part, int) and part < len(data):
            pass
        elif isinstance(data, dict):
            # A number in a path may be the text or the number that is a key of a look-up table.
            part = str(part) if part not in data and str(part) in data else part
            if part not in data and not last:
                data[part] = {}
        else:
            what = f"{format_path(path[:i])} has no {part!r}"
            raise RecipeError(
                what, code="R071", where=f"--set {setting.partition('=')[0]}", hint="check the path against the recipe"
            )
        if last:
            data[part] = value
        else:
            if data[part] is None:
                data[part] = {}
            data = data[part]
