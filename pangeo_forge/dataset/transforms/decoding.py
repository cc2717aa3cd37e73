"""Decoding a stored variable (CF mask and scale, times) the way xarray does, lazily."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.dataset.packing import PACKING_ATTRS, decode, decoded_dtype, packing_of
from pangeo_forge.dataset.time import is_time_units
from pangeo_forge.dataset.transforms.context import Context
from pangeo_forge.dataset.transforms.views import mapped


def is_time(variable: xr.Variable) -> bool:
    """Whether the variable holds dates, or numbers that mean dates."""
    if variable.dtype.kind == "M":
        return True
    if variable.dtype.kind == "O":
        import cftime

        first = np.asarray(variable[(slice(0, 1),) * variable.ndim].values).reshape(-1)
        return bool(first.size) and isinstance(first[0], cftime.datetime)
    return variable.dtype.kind in "iuf" and is_time_units(variable.attrs.get("units"))


def decoded(variable: xr.Variable) -> xr.Variable:
    """The values that the stored numbers mean (missing ones NaN), with the former packing in ``encoding``.

    A variable without packing is returned as it is, and so are strings.
    """
    packing_attrs = {k: v for k, v in variable.attrs.items() if k in PACKING_ATTRS}
    if variable.dtype.kind not in "iuf" or not packing_attrs:
        return variable
    packing = packing_of(packing_attrs, variable.dtype)
    values = mapped(variable, partial(decode, packing=packing), decoded_dtype(variable.dtype, packing))
    values.attrs = {k: v for k, v in variable.attrs.items() if k not in packing_attrs}
    values.encoding = variable.encoding | packing_attrs | {"dtype": variable.dtype}
    return values


def decoded_times(name: str, variable: xr.Variable, context: Context, use_cftime: bool | None = None) -> xr.Variable:
    """Dates of numbers with units: ``datetime64``, or cftime for other calendars and for years that it cannot hold.

    Times are read at once: which of the two it is depends on the values.

    Raises
    ------
    RecipeError: R211 for units or a calendar that cannot be read.
    """
    if variable.dtype.kind in "MO":
        return variable
    loaded = xr.Variable(variable.dims, np.asarray(variable.values), variable.attrs, variable.encoding)
    coder = xr.coders.CFDatetimeCoder(use_cftime=use_cftime, time_unit="us")
    try:
        with warnings.catch_warnings():
            # That dates are cftime where datetime64 cannot hold them is what we ask for.
            warnings.simplefilter("ignore", xr.SerializationWarning)
            out = xr.conventions.decode_cf_variable(name, loaded, decode_times=coder, decode_timedelta=False)
            values = np.asarray(out.values)
    except (ValueError, OverflowError, TypeError) as error:
        units, calendar = variable.attrs.get("units"), variable.attrs.get("calendar", "standard")
        raise context.error(
            "R211",
            f"times of {name!r} cannot be decoded ({units!r}, calendar {calendar!r}): {str(error).splitlines()[0]}",
            f"mend them first: attrs: {{variables: {{{name}: {{set: {{units: ..., calendar: ...}}}}}}}}",
        ) from error
    return xr.Variable(variable.dims, values, out.attrs, out.encoding)


def coordinate_values(name: str, variable: xr.Variable, context: Context) -> np.ndarray:
    """What a coordinate means, read: floats, integers, strings, or cftime dates (exact to the microsecond).

    Raises
    ------
    RecipeError: R205 when it is not 1-D.
    """
    if variable.ndim != 1:
        raise context.error(
            "R205",
            f"{name!r} has the dimensions {variable.dims}; one dimension is needed",
            "use isel on its dimensions",
        )
    if is_time(variable):
        values: Any = variable
        if variable.dtype.kind == "M":
            return np.asarray(variable.values)
        return np.asarray(decoded_times(name, values, context, use_cftime=True).values)
    return np.asarray(decoded(variable).values)
