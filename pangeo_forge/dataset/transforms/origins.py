"""Where the values of a new coordinate come from: the FROM of ``expand_dims`` and ``assign_coords``."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import xarray as xr

from pangeo_forge.dataset.transforms.context import Context
from pangeo_forge.dataset.transforms.decoding import decoded
from pangeo_forge.dataset.transforms.names import only_keys, require
from pangeo_forge.dataset.transforms.views import variables_of
from pangeo_forge.errors import PlanError

FORMS = ("key", "coord", "attr", "filename", "value", "from_components")
_COMPONENTS = ("ymd", "year", "month", "day", "hour", "minute", "second")
_MICROSECONDS = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}
_GREGORIAN_START = np.datetime64("1582-10-15", "us")


def made_from(ds: xr.Dataset, name: str, origin: Any, context: Context) -> xr.Variable:
    """The variable that FROM describes: a scalar, or for components (and ``coord``) of the dimensions that those have.

    Raises
    ------
    RecipeError: R201 absent coordinate, attribute or component; R203 not a FROM; R206 no such key, or a text that is
        not what ``format`` or the regular expression say; R211 components that are no date.
    """
    if origin == "key":
        origin = {"key": name}
    elif origin == "coord":
        origin = {"coord": name}
    if not isinstance(origin, dict) or sum(f in origin for f in FORMS) != 1:
        raise context.error("R203", f"{origin!r} does not say where {name!r} comes from", f"one of {', '.join(FORMS)}")
    form = next(f for f in FORMS if f in origin)
    return _MAKERS[form](ds, name, origin, context)


def _from_key(ds: xr.Dataset, name: str, origin: dict[str, Any], context: Context) -> xr.Variable:
    only_keys(origin, ["key", "offset"], context)
    key, *path = str(origin["key"]).split(".")
    if key not in context.key:
        keys = ", ".join(context.key) or "none"
        raise context.error(
            "R206", f"the input has no key {key!r}", f"keys of the input: {keys}; name one: {{key: NAME}}"
        )
    found = context.key[key]
    for part in path:
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise context.error("R206", f"the key {key!r} has no field {part!r}", str(error)) from error
    value = getattr(found, "value", found)
    return _scalar(_moved(value, origin, context))


def _moved(value: Any, origin: dict[str, Any], context: Context) -> Any:
    """The value moved by the ``offset`` of FROM, if it has one."""
    offset = origin.get("offset")
    if offset is None:
        return value
    text = str(offset).strip()
    sign, text = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if not hasattr(value, "second"):
        if isinstance(value, int) and text.isdigit():
            return value + sign * int(text)
        raise context.error("R206", f"offset {offset!r} cannot be added to {value!r}", "dates take 7D, integers take 7")
    from pangeo_forge.pattern.dates import add
    from pangeo_forge.pattern.steps import parse_step

    try:
        return add(value, parse_step(text.strip()), sign)
    except (PlanError, ValueError, OverflowError) as error:
        raise context.error(
            "R206", f"offset {offset!r}: {getattr(error, 'message', error)}", getattr(error, "hint", None)
        ) from error


def _from_coord(ds: xr.Dataset, name: str, origin: dict[str, Any], context: Context) -> xr.Variable:
    only_keys(origin, ["coord"], context)
    source = str(origin["coord"])
    require(source, ds.variables, "coordinate", context)
    return variables_of(ds)[source]


def _from_attr(ds: xr.Dataset, name: str, origin: dict[str, Any], context: Context) -> xr.Variable:
    only_keys(origin, ["attr", "format", "calendar", "offset"], context)
    attribute = str(origin["attr"])
    require(attribute, ds.attrs, "attribute", context)
    value = ds.attrs[attribute]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, (np.generic, np.ndarray)):
        value = np.asarray(value).reshape(-1)[0].item() if np.size(value) == 1 else value
    if isinstance(value, str):
        return _parsed(value.strip(), f"attribute {attribute!r}", origin, context)
    if origin.get("format") is not None:
        return _parsed(str(value), f"attribute {attribute!r}", origin, context)
    if not isinstance(value, (int, float)):
        raise context.error("R206", f"attribute {attribute!r} is not one value: {value!r}")
    return _scalar(_moved(value, origin, context))


def _from_filename(ds: xr.Dataset, name: str, origin: dict[str, Any], context: Context) -> xr.Variable:
    only_keys(origin, ["filename", "format", "calendar", "offset"], context)
    file = unquote(urlsplit(context.url).path.rstrip("/").rsplit("/", 1)[-1])
    try:
        pattern = re.compile(str(origin["filename"]))
    except re.error as error:
        raise context.error("R203", f"{origin['filename']!r} is not a regular expression: {error}") from error
    if pattern.groups != 1:
        raise context.error(
            "R203", f"{origin['filename']!r} has {pattern.groups} groups, one is needed", "write (...) once"
        )
    match = pattern.search(file)
    if match is None or match[1] is None:
        raise context.error("R206", f"{origin['filename']!r} does not match the file name {file!r}")
    return _parsed(match[1], f"file name {file!r}", origin, context)


def _parsed(text: str, what: str, origin: dict[str, Any], context: Context) -> xr.Variable:
    """A date by ``format`` (or ISO 8601), else a whole number, else the text."""
    from pangeo_forge.pattern.dates import is_date, normal_calendar, parse_date

    format_, calendar = origin.get("format"), str(origin.get("calendar", "standard"))
    try:
        calendar = normal_calendar(calendar)
        if format_ is not None:
            value = _strptime(text, str(format_), calendar)
        elif is_date(text) or "calendar" in origin:
            value = parse_date(text, calendar)
        else:
            value = int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else text
    except (PlanError, ValueError) as error:
        wanted = f" with the format {format_!r}" if format_ is not None else ""
        message = f"{what}: {text!r} is not a date of the {calendar} calendar{wanted}"
        raise context.error("R206", message, 'such as format: "%Y-%m-%d"') from error
    return _scalar(_moved(value, origin, context))


def _strptime(text: str, format_: str, calendar: str) -> Any:
    if calendar in ("standard", "proleptic_gregorian"):
        date = dt.datetime.strptime(text, format_)
        if date.tzinfo is not None:
            date = date.astimezone(dt.UTC).replace(tzinfo=None)
        if calendar == "standard" and np.datetime64(date, "us") < _GREGORIAN_START:
            raise ValueError("before 1582-10-15 the standard calendar is mixed")
        return date
    import cftime

    return cftime.datetime.strptime(text, format_, calendar=calendar)


def _from_value(ds: xr.Dataset, name: str, origin: dict[str, Any], context: Context) -> xr.Variable:
    only_keys(origin, ["value", "attrs"], context)
    value = origin["value"]
    if isinstance(value, (list, tuple, dict)) or value is None:
        raise context.error("R203", f"value of {name!r} is one number, text or date, not {value!r}")
    out = _scalar(context.render(value) if isinstance(value, str) else value)
    out.attrs.update(origin.get("attrs") or {})
    return out


def _scalar(value: Any) -> xr.Variable:
    """A 0-d variable; dates are exact (microseconds, or cftime for other calendars)."""
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return xr.Variable((), np.array(np.datetime64(value, "us")))
    if isinstance(value, dt.date):
        return xr.Variable((), np.array(np.datetime64(value.isoformat(), "us")))
    if hasattr(value, "calendar") and hasattr(value, "second"):
        holder = np.empty((), object)
        holder[()] = value
        return xr.Variable((), holder, encoding={"calendar": value.calendar})
    return xr.Variable((), np.asarray(value))


def _from_components(ds: xr.Dataset, name: str, origin: dict[str, Any], context: Context) -> xr.Variable:
    only_keys(origin, ["from_components", "calendar"], context)
    parts = origin["from_components"]
    if not isinstance(parts, dict) or not ("year" in parts or "ymd" in parts):
        raise context.error("R203", "from_components needs at least year (or ymd, for numbers such as 20010131)")
    only_keys(parts, _COMPONENTS, context)
    arrays: dict[str, np.ndarray] = {}
    dims: tuple[Any, ...] = ()
    for part, source in parts.items():
        if isinstance(source, (int, float)):
            arrays[part] = np.asarray(source)
            continue
        require(str(source), ds.variables, "variable", context)
        variable = decoded(variables_of(ds)[str(source)])
        if variable.dtype.kind not in "iuf":
            raise context.error("R211", f"{source!r} holds {variable.dtype}, not numbers")
        if dims and variable.dims and variable.dims != dims:
            raise context.error("R205", f"the components have the dimensions {dims} and {variable.dims}")
        dims = variable.dims or dims
        arrays[part] = np.asarray(variable.values)
    from pangeo_forge.pattern.dates import normal_calendar

    try:
        calendar = normal_calendar(str(origin.get("calendar", "standard")))
    except PlanError as error:
        raise context.error("R203", error.message, error.hint) from error
    shape = np.broadcast_shapes(*(a.shape for a in arrays.values()))
    flat = {k: np.broadcast_to(a, shape).reshape(-1) for k, a in arrays.items()}
    dates = [_composed({k: a[i] for k, a in flat.items()}, calendar, context) for i in range(int(np.prod(shape)))]
    return xr.Variable(dims, _date_array(dates, calendar).reshape(shape), encoding={"calendar": calendar})


def _composed(parts: dict[str, Any], calendar: str, context: Context) -> Any:
    import cftime

    whole = {k: _whole(k, v, context) for k, v in parts.items() if k in ("ymd", "year", "month", "day")}
    if "ymd" in whole:
        ymd = whole["ymd"]
        sign = -1 if ymd < 0 else 1
        whole = {"year": sign * (abs(ymd) // 10000), "month": abs(ymd) // 100 % 100, "day": abs(ymd) % 100}
    micros = 0
    for part, length in _MICROSECONDS.items():
        if part in parts:
            value = parts[part]
            if not np.isfinite(value):
                raise context.error("R211", f"a {part} is missing")
            micros += int(value) * length + round((float(value) - int(value)) * length)
    try:
        if whole["year"] == 0 and calendar in ("standard", "julian"):
            raise ValueError("it has no year 0")
        date = cftime.datetime(whole["year"], whole.get("month", 1), whole.get("day", 1), calendar=calendar)
        return date + dt.timedelta(microseconds=micros)
    except (ValueError, OverflowError) as error:
        text = ", ".join(f"{k} {v}" for k, v in whole.items())
        hint = (
            "calendar: proleptic_gregorian has a year 0"
            if whole["year"] == 0
            else "name the calendar: 360_day, noleap ..."
        )
        raise context.error("R211", f"{text} is not a date of the {calendar} calendar: {error}", hint) from error


def _whole(part: str, value: Any, context: Context) -> int:
    if not np.isfinite(value) or int(value) != value:
        raise context.error("R211", f"a {part} is {value}, which is not a whole number")
    return int(value)


def _date_array(dates: list[Any], calendar: str) -> np.ndarray:
    """``datetime64[us]`` where that is the same calendar, else cftime."""
    real = calendar in ("standard", "proleptic_gregorian")
    iso = [
        f"{d.year:05d}-{d.month:02d}-{d.day:02d}T{d.hour:02d}:{d.minute:02d}:{d.second:02d}.{d.microsecond:06d}"
        for d in dates
    ]
    if real:
        found = np.array([np.datetime64(_plain_year(t), "us") for t in iso], "M8[us]")
        if calendar == "proleptic_gregorian" or (found >= _GREGORIAN_START).all():
            return found
    out = np.empty(len(dates), object)
    out[:] = dates
    return out


def _plain_year(text: str) -> str:
    """numpy reads years of four digits, or more with a sign."""
    return text[1:] if text[0] == "0" else text if text[0] == "-" else f"+{text}"


_MAKERS = {
    "key": _from_key,
    "coord": _from_coord,
    "attr": _from_attr,
    "filename": _from_filename,
    "value": _from_value,
    "from_components": _from_components,
}
