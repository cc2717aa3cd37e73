"""Selecting by label and sorting. Coordinates are decoded and read; the data stay views wherever a slice can say it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.dataset.transforms.context import Context
from pangeo_forge.dataset.transforms.decoding import coordinate_values, is_time
from pangeo_forge.dataset.transforms.names import as_list, as_mapping, only_keys, require
from pangeo_forge.dataset.transforms.views import as_slice, take, variables_of
from pangeo_forge.errors import PlanError


def select(ds: xr.Dataset, ranges: dict[str, Any], *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Take what lies between labels, both included, whichever way the axis runs.

    ``select: {lat: {min: 22, max: 31}}``. ``min`` or ``max`` may be left out; a list takes exactly those labels and a
    single label takes one and removes the dimension. Labels are compared with what the stored numbers mean (packing and
    time units are honoured); dates are text, and ``max: 2020-05`` means to the end of May. Longitudes are taken as they
    are: nothing is wrapped.

    Raises
    ------
    RecipeError: R201 absent, R203 not a range, R204 nothing selected, R205 the coordinate is not 1-D.
    """
    for name, wanted in as_mapping(ranges, context).items():
        if not require(name, ds.variables, "coordinate", context, if_present):
            continue
        variable = variables_of(ds)[name]
        values = coordinate_values(name, variable, context)
        dim = str(variable.dims[0])
        if isinstance(wanted, dict):
            only_keys(wanted, ["min", "max"], context)
            ds = take(ds, dim, as_slice(_between(name, values, wanted, is_time(variable), context)))
        elif isinstance(wanted, (list, tuple)):
            ds = take(ds, dim, as_slice(np.array([_position(name, values, w, variable, context) for w in wanted], int)))
            if not len(wanted):
                raise context.error("R204", f"an empty list selects nothing of {name!r}")
        else:
            ds = take(ds, dim, _position(name, values, wanted, variable, context))
    return ds


def _between(name: str, values: np.ndarray, wanted: dict[str, Any], times: bool, context: Context) -> np.ndarray:
    if wanted.get("min") is None and wanted.get("max") is None:
        raise context.error("R203", f"the range of {name!r} needs min or max")
    inside = ~_missing(values)
    if wanted.get("min") is not None:
        low, _ = _bound(name, wanted["min"], values, times, context)
        inside &= _compare(values, low, ">=", inside)
    if wanted.get("max") is not None:
        high, beyond = _bound(name, wanted["max"], values, times, context)
        inside &= _compare(values, high if beyond is None else beyond, "<=" if beyond is None else "<", inside)
    if not inside.any():
        text = ", ".join(f"{k}: {v}" for k, v in wanted.items())
        raise context.error("R204", f"{{{text}}} selects nothing of {name!r}, which {_extent(values)}")
    return np.flatnonzero(inside)


def _missing(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "O":
        return np.array([v is None or v != v for v in values], bool)
    return (
        np.asarray(np.isnan(values) if values.dtype.kind == "f" else np.isnat(values))
        if values.dtype.kind in "fMm"
        else np.zeros(len(values), bool)
    )


def _compare(values: np.ndarray, bound: Any, how: str, valid: np.ndarray) -> np.ndarray:
    out = np.zeros(len(values), bool)
    some = values[valid]
    out[valid] = some >= bound if how == ">=" else some <= bound if how == "<=" else some < bound
    return out


def _extent(values: np.ndarray) -> str:
    valid = values[~_missing(values)]
    return f"runs from {min(valid)} to {max(valid)}" if len(valid) else "has no value"


def _bound(name: str, written: Any, values: np.ndarray, times: bool, context: Context) -> tuple[Any, Any]:
    """The label, and for a date that names a period (year, month, day) the first moment after it."""
    if times:
        return _date(name, written, values, context)
    text = values.dtype.kind in "OUST"
    if text != isinstance(written, str):
        raise context.error("R203", f"{written!r} cannot be compared with {name!r}, which {_extent(values)}")
    if values.dtype.kind == "f":
        # A float32 coordinate 0.1 is meant by the label 0.1.
        return values.dtype.type(written), None
    return written, None


def _date(name: str, written: Any, values: np.ndarray, context: Context) -> tuple[Any, Any]:
    from pangeo_forge.pattern.dates import add, normal_calendar, parse_date, precision
    from pangeo_forge.pattern.steps import parse_step

    sample = next((v for v in values if v == v), None) if values.dtype.kind == "O" else None
    calendar = "proleptic_gregorian" if sample is None else normal_calendar(sample.calendar)
    text = written.isoformat() if isinstance(written, dt.date) else str(written)
    try:
        low = parse_date(text, calendar)
        exact = precision(text)
        high = None if exact == "time" else add(low, parse_step({"year": "1YS", "month": "1MS", "day": "1D"}[exact]))
    except PlanError as error:
        raise context.error("R203", f"{name!r} is a time, and {error.message}", error.hint) from error
    return tuple(None if d is None else _like(d, sample) for d in (low, high))  # type: ignore[return-value]


def _like(date: Any, sample: Any) -> Any:
    if sample is None:
        return np.datetime64(date)
    import cftime

    parts = (date.year, date.month, date.day, date.hour, date.minute, date.second, date.microsecond)
    return cftime.datetime(*parts, calendar=sample.calendar, has_year_zero=sample.has_year_zero)


def _position(name: str, values: np.ndarray, written: Any, variable: xr.Variable, context: Context) -> int:
    label, beyond = _bound(name, written, values, is_time(variable), context)
    valid = ~_missing(values)
    if beyond is None:
        inside = _compare(values, label, ">=", valid) & _compare(values, label, "<=", valid)
    else:
        inside = _compare(values, label, ">=", valid) & _compare(values, beyond, "<", valid)
    found = np.flatnonzero(inside)
    if len(found) == 0:
        raise context.error(
            "R204", f"{name!r} has no label {written}; it {_extent(values)}", "a range finds what is near"
        )
    if len(found) > 1:
        raise context.error("R204", f"{name!r} has the label {written} {len(found)} times", "give a range: {min, max}")
    return int(found[0])


def sort(ds: xr.Dataset, names: Any, *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Make coordinates increase: ``sort: time``. A reversed axis becomes a view with a negative step.

    Raises
    ------
    RecipeError: R201 absent, R205 not 1-D or with missing values.
    """
    for name in as_list(names, context):
        if not require(name, ds.variables, "coordinate", context, if_present):
            continue
        variable = variables_of(ds)[name]
        values = coordinate_values(name, variable, context)
        if _missing(values).any():
            raise context.error(
                "R205", f"{name!r} has missing values and cannot be sorted", "drop it, or assign it anew"
            )
        if len(values) < 2 or bool(np.all(values[1:] >= values[:-1])):
            continue
        dim = str(variable.dims[0])
        falling = bool(np.all(values[1:] < values[:-1]))
        ds = take(ds, dim, slice(None, None, -1) if falling else np.argsort(values, kind="stable"))
    return ds
