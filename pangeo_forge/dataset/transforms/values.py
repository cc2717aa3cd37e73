"""Transforms of values: mask, scale, cast, fill_value, decode. All are mapped over what is read, when it is read.

Values are decoded first (CF masks and packing). The former packing stays in ``encoding``, so that the combine stage can
store the values as they were stored before, and refuses to when that would lose anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.dataset.roles import auxiliary_names, bounds_parents, coordinate_names
from pangeo_forge.dataset.transforms.context import Context
from pangeo_forge.dataset.transforms.decoding import decoded, decoded_times, is_time
from pangeo_forge.dataset.transforms.names import as_mapping, matching, only_keys
from pangeo_forge.dataset.transforms.views import mapped, rebuild, replace_variable, variables_of

_FILLS = ("_FillValue", "missing_value")
_PACKING = ("scale_factor", "add_offset", "_Unsigned", "dtype")
_STORED_RANGES = ("valid_min", "valid_max", "valid_range")


def _each(
    ds: xr.Dataset,
    written: Any,
    context: Context,
    if_present: bool,
    change: Callable[[str, xr.Variable, Any], xr.Variable],
) -> xr.Dataset:
    """Apply ``change(name, variable, argument)`` to each variable named; "*": all numeric data variables."""
    variables = variables_of(ds)
    out: dict[str, xr.Variable] = {}
    for name, argument in as_mapping(written, context).items():
        found = _data_variables(ds) if name == "*" else matching([name], variables, "variable", context, if_present)
        for hit in found:
            variable = out.get(hit, variables[hit])
            if variable.dtype.kind not in "iufb":
                raise context.error(
                    "R207", f"{hit!r} holds {variable.dtype}, not numbers", f"name other variables than {hit}"
                )
            out[hit] = change(hit, variable, argument)
    return replace_variable(ds, out)


def _data_variables(ds: xr.Dataset) -> list[str]:
    others = coordinate_names(ds) | auxiliary_names(ds)
    return [n for n, v in variables_of(ds).items() if n not in others and v.dtype.kind in "iuf" and not is_time(v)]


def mask(ds: xr.Dataset, limits: dict[str, Any], *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Make values missing where a comparison is true: ``mask: {sst: {above: 45}}``, ``below``, ``equal``.

    Limits are compared with the decoded values; a limit may be a list. ``"*"`` stands for all
    data variables.
    An unpacked integer variable without fill value takes the masked number (``equal``) as its fill value.

    Raises
    ------
    RecipeError: R201 absent, R203 not a comparison, R207 not numeric, or integers too large for
        a float.
    """

    def change(name: str, variable: xr.Variable, written: Any) -> xr.Variable:
        if not isinstance(written, dict) or not written:
            raise context.error("R203", f"mask of {name!r} needs above, below or equal, not {written!r}")
        only_keys(written, ["above", "below", "equal"], context)
        tests = [(how, v) for how, vs in written.items() for v in (vs if isinstance(vs, list) else [vs])]
        for _, value in tests:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise context.error("R203", f"the limits of {name!r} are numbers, not {value!r}")
        values = decoded(variable)
        dtype = _missing_dtype(values.dtype)
        out = mapped(values, partial(_masked, tests=tests, dtype=dtype, name=name, context=context), dtype)
        if values.dtype.kind in "iub" and not any(k in out.encoding for k in _FILLS):
            equal = [v for how, v in tests if how == "equal" and _fits(v, values.dtype)]
            if equal and len(tests) == 1:
                out.encoding |= {"_FillValue": values.dtype.type(equal[0]), "dtype": values.dtype}
        if not any(k in out.encoding for k in _FILLS):
            # Packed without a number that means missing: there is no integer to store NaN as.
            out.encoding = {k: v for k, v in out.encoding.items() if k not in _PACKING}
        return out

    return _each(ds, limits, context, if_present, change)


def _masked(
    values: np.ndarray, tests: list[tuple[str, float]], dtype: np.dtype[Any], name: str, context: Context
) -> np.ndarray:
    missing = np.zeros(values.shape, bool)
    for how, limit in tests:
        if values.dtype.kind == "f":
            limit = values.dtype.type(limit)
        missing |= values > limit if how == "above" else values < limit if how == "below" else values == limit
    out = values.astype(dtype)
    if (
        values.dtype.kind in "iu"
        and values.dtype.itemsize == 8
        and (out.astype(values.dtype) != values)[~missing].any()
    ):
        raise context.error("R207", f"{name!r} holds integers that float64 cannot, and integers cannot be missing")
    out[missing] = np.nan
    return out


def _missing_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that also holds NaN, by xarray's rule."""
    if dtype.kind == "f":
        return dtype
    return np.dtype("f4") if dtype.itemsize <= 2 else np.dtype("f8")


def _fits(value: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind not in "iu" or not float(value).is_integer():
        return False
    info = np.iinfo(dtype)
    return int(info.min) <= int(value) <= int(info.max)


def scale(ds: xr.Dataset, factors: dict[str, Any], *, context: Context, if_present: bool = False) -> xr.Dataset:
    """``value * factor + offset``, and other units: ``scale: {tp: {factor: 1000, offset: 0, units: mm}}``.

    Packed integers are not touched: ``scale_factor`` and ``add_offset`` are changed instead, which means the same and
    keeps the stored numbers bit-exact. Other variables are computed in their decoded dtype (integers in float64).
    ``actual_range``, and for unpacked variables ``valid_min``, ``valid_max`` and ``valid_range``, are scaled too.

    Raises
    ------
    RecipeError: R201 absent, R203 factor is 0 or not a number, R207 not numeric.
    """

    def change(name: str, variable: xr.Variable, written: Any) -> xr.Variable:
        if not isinstance(written, dict):
            raise context.error("R203", f"scale of {name!r} needs factor, offset or units, not {written!r}")
        only_keys(written, ["factor", "offset", "units"], context)
        factor, offset = _number(written, "factor", 1.0, context), _number(written, "offset", 0.0, context)
        if factor == 0 or not np.isfinite([factor, offset]).all():
            raise context.error("R203", f"the factor of {name!r} must not be 0, and both must be finite")
        packed = variable.dtype.kind in "iu" and ("scale_factor" in variable.attrs or "add_offset" in variable.attrs)
        if packed:
            out = variable.copy(deep=False)
            out.attrs = _repacked(dict(variable.attrs), factor, offset)
            ranges: tuple[str, ...] = ("actual_range",)
        else:
            out, ranges = _scaled_values(variable, factor, offset), ("actual_range", *_STORED_RANGES)
        for key in ranges:
            if key in out.attrs and np.asarray(out.attrs[key]).dtype.kind in "iuf":
                scaled = np.asarray(out.attrs[key]) * factor + offset
                # Where the factor is negative, the smallest value was the largest.
                out.attrs[key] = np.sort(scaled) if scaled.ndim else scaled[()]
        if factor < 0 and not packed:
            _swap(out.attrs, "valid_min", "valid_max")
        if written.get("units") is not None:
            out.attrs["units"] = context.render(str(written["units"]))
        return out

    return _each(ds, factors, context, if_present, change)


def _number(written: dict[str, Any], key: str, default: float, context: Context) -> float:
    value = written.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise context.error("R203", f"{key} is a number, not {value!r}")
    return float(value)


def _swap(attrs: dict[Any, Any], one: str, two: str) -> None:
    low, high = attrs.pop(one, None), attrs.pop(two, None)
    attrs |= {k: v for k, v in ((one, high), (two, low)) if v is not None}


def _repacked(packing: dict[Any, Any], factor: float, offset: float) -> dict[Any, Any]:
    """Packing whose numbers mean ``factor * value + offset``; its dtype, which the decoded values have, is kept."""
    old_scale, old_offset = (
        np.asarray(packing.get(k, d)).reshape(-1)[0] for k, d in (("scale_factor", 1.0), ("add_offset", 0.0))
    )
    kind = np.asarray(packing.get("scale_factor", packing.get("add_offset"))).dtype
    kind = kind if kind.kind == "f" else np.dtype("f8")
    new_offset = float(old_offset) * factor + offset
    packing["scale_factor"] = kind.type(float(old_scale) * factor)
    if new_offset != 0 or "add_offset" in packing:
        packing["add_offset"] = kind.type(new_offset)
    return packing


def _scaled_values(variable: xr.Variable, factor: float, offset: float) -> xr.Variable:
    values = decoded(variable)
    dtype = values.dtype if values.dtype.kind == "f" else np.dtype("f8")
    out = mapped(values, partial(_scaled, factor=factor, offset=offset, dtype=dtype), dtype)
    if "scale_factor" in out.encoding or "add_offset" in out.encoding:
        out.encoding = _repacked(out.encoding, factor, offset)
    elif np.dtype(out.encoding.get("dtype", dtype)).kind != "f":
        out.encoding = {k: v for k, v in out.encoding.items() if k not in (*_PACKING, *_FILLS)}
    return out


def _scaled(values: np.ndarray, factor: float, offset: float, dtype: np.dtype[Any]) -> np.ndarray:
    out: np.ndarray = values.astype(dtype) * dtype.type(factor) + dtype.type(offset)
    return out


def cast(ds: xr.Dataset, dtypes: dict[str, Any], *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Store decoded values as another dtype: ``cast: {ice: float32}``.

    Rounding to a shorter float is what was asked for; all else that would change a value is refused when it is read.

    Raises
    ------
    RecipeError: R201 absent, R203 not a dtype, R207 (when read) a value that the dtype cannot hold: NaN or a
        fraction as an integer, too large.
    """

    def change(name: str, variable: xr.Variable, written: Any) -> xr.Variable:
        dtype = _numeric_dtype(name, written, context)
        packing = {k for k in variable.attrs if k in ("scale_factor", "add_offset", "_Unsigned")}
        raw = is_time(variable) or (variable.dtype.kind in "iu" and dtype.kind in "iu" and not packing)
        values = variable if raw else decoded(variable)
        out = mapped(values, partial(_cast, dtype=dtype, name=name, context=context), dtype)
        for holder in (out.attrs, out.encoding):
            for key in _FILLS:
                if key in holder:
                    _cast_fill(holder, key, dtype)
        out.encoding = {k: v for k, v in out.encoding.items() if k not in _PACKING}
        return out

    return _each(ds, dtypes, context, if_present, change)


def _numeric_dtype(name: str, written: Any, context: Context) -> np.dtype[Any]:
    try:
        dtype = np.dtype(written) if isinstance(written, str) else None
    except TypeError:
        dtype = None
    if dtype is None or dtype.kind not in "iuf":
        raise context.error("R203", f"{written!r} is no numeric dtype for {name!r}", "such as float32, int16, uint8")
    return dtype


def _cast_fill(holder: dict[Any, Any], key: str, dtype: np.dtype[Any]) -> None:
    """The fill value in the new dtype; one that it cannot hold cannot occur in the values either, and goes."""
    kept = [v for v in np.asarray(holder[key]).reshape(-1) if dtype.kind == "f" or _fits(float(v), dtype)]
    if kept:
        holder[key] = np.asarray(kept).astype(dtype)[0 if len(kept) == 1 else slice(None)]
    else:
        del holder[key]


def _cast(values: np.ndarray, dtype: np.dtype[Any], name: str, context: Context) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        out = values.astype(dtype)
        if values.dtype.kind == "f" and dtype.kind == "f":
            wrong = np.isinf(out) & ~np.isinf(values)
        elif values.dtype.kind == "f":
            info = np.iinfo(dtype)
            # The upper limit is exclusive in float64, where 2**63 - 1 is 2**63.
            wrong = ~((values >= float(info.min)) & (values < float(info.max) + 1.0) & (values == np.trunc(values)))
        elif dtype.kind == "f":
            wrong = (
                np.array([int(a) != int(b) for a, b in zip(out.flat, values.flat, strict=True)], bool).reshape(
                    values.shape
                )
                if values.dtype.itemsize == 8
                else out.astype("f8") != values
            )
        else:
            info = np.iinfo(dtype)
            wrong = np.array([False]) if values.size == 0 else (values < info.min) | (values > info.max)
    if np.any(wrong):
        example = values[wrong].flat[0]
        hint = "mask or fill missing values first" if np.isnan(example) else "choose a wider dtype"
        raise context.error("R207", f"{name!r} holds {example}, which {dtype} cannot", hint)
    return out


def fill_value(ds: xr.Dataset, values: dict[str, Any], *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Say which number stands for missing values in storage: ``fill_value: {ice: -999}``.

    It does not make equal values missing (``mask: {ice: {equal: -999}}`` does): a value that would read as missing
    afterwards is refused when it is stored.

    Raises
    ------
    RecipeError: R201 absent, R203 not a number, R207 the stored dtype cannot hold it.
    """

    def change(name: str, variable: xr.Variable, written: Any) -> xr.Variable:
        if isinstance(written, str) and written.lower() in ("nan", ".nan"):
            written = float("nan")
        if isinstance(written, bool) or not isinstance(written, (int, float)):
            raise context.error("R203", f"the fill value of {name!r} is a number, not {written!r}")
        values = decoded(variable)
        stored = np.dtype(values.encoding.get("dtype", variable.dtype))
        if stored.kind in "iub" and not _fits(written, stored):
            raise context.error("R207", f"{name!r} is stored as {stored}, which cannot hold {written}", "cast it first")
        dtype = _missing_dtype(values.dtype)
        out = mapped(values, partial(_masked, tests=[], dtype=dtype, name=name, context=context), dtype)
        kept = {k: v for k, v in out.encoding.items() if k != "missing_value"}
        out.encoding = kept | {"_FillValue": stored.type(written), "dtype": stored}
        return out

    return _each(ds, values, context, if_present, change)


def decode(ds: xr.Dataset, wanted: Any = True, *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Decode everything by CF now, after attributes were mended: masks, packing, times, ``coordinates``.

    Masks and packing are mapped over what is read; times are read at once.

    Raises
    ------
    RecipeError: R203 not ``true``, R211 times that cannot be decoded.
    """
    if wanted is not True:
        raise context.error("R203", f"decode is true or left out, not {wanted!r}")
    parents = bounds_parents(ds)
    variables, coords = variables_of(ds), set(map(str, ds.coords))
    out = {}
    for name, variable in variables.items():
        timed = variable
        if name in parents and variable.dtype.kind in "iuf" and "units" not in variable.attrs:
            parent = variables[parents[name]]
            inherited = {k: v for k, v in (parent.attrs | parent.encoding).items() if k in ("units", "calendar")}
            timed = variable.copy(deep=False)
            timed.attrs = dict(variable.attrs) | inherited
        found = decoded_times(name, timed, context) if is_time(timed) else decoded(variable)
        text = found.attrs.get("coordinates")
        if isinstance(text, str) and all(n in variables for n in text.split()):
            found = found.copy(deep=False)
            found.encoding["coordinates"] = found.attrs.pop("coordinates")
            coords |= set(text.split())
        out[name] = found
    return rebuild(ds, out, coords)
