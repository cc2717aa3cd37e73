"""CF packing: stored numbers and the values that they mean (netCDF CF conventions, sections 2.5.1 and 8.1).

:func:`decode` gives what ``xarray.decode_cf`` gives, to the bit and in the same dtype: users read the target with
xarray, so its choice of float32 or float64 is part of the meaning. :func:`encode` is its inverse, and refuses what it
could not give back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pangeo_forge.dataset.model import Packing
from pangeo_forge.errors import CombineError

PACKING_ATTRS = ("scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")


def packing_of(attrs: Mapping[str, Any], dtype: np.dtype[Any], name: str = "") -> Packing:
    """The packing that attributes (or the ``encoding`` of a decoded variable) describe.

    A ``_FillValue`` of another dtype than the variable's is cast to it when that keeps its value. NaN as the fill value
    of integers is dropped, as xarray drops it; other fill values that the dtype cannot hold are kept among the missing
    values, where they mask nothing but still make xarray decode to floats.

    Raises
    ------
    CombineError: C017 for text in the place of a number, as some OPeNDAP servers give it, several numbers where one is
        meant, and an ``_Unsigned`` that is neither true nor false; ``name`` is for the message.
    """
    if dtype.kind in "iuf":
        _refuse_odd(attrs, name)
    scale, offset = _scalar(attrs.get("scale_factor")), _scalar(attrs.get("add_offset"))
    # Of several fill values, against the conventions, the others are missing values.
    others = np.ravel(np.asarray(attrs.get("_FillValue", ())))[1:].tolist()
    missing = (*_missing(attrs.get("missing_value"), dtype), *_missing(others or None, dtype))
    fill = _scalar(attrs.get("_FillValue"))
    unsigned = attrs.get("_Unsigned")
    if fill is not None:
        if dtype.kind in "iu" and _is_nan(fill):
            fill = None
        elif not _holds(dtype, fill, unsigned is not None):
            missing, fill = (*missing, _plain(fill)), None
        else:
            fill = _cast(fill, dtype)
    return Packing(
        scale_factor=_plain(scale),
        add_offset=_plain(offset),
        fill_value=fill,
        missing_value=missing,
        unsigned=None if unsigned is None else str(unsigned).strip().lower() == "true",
        scale_dtype=None if scale is None else np.asarray(scale).dtype.newbyteorder("<").str,
        offset_dtype=None if offset is None else np.asarray(offset).dtype.newbyteorder("<").str,
    )


def _refuse_odd(attrs: Mapping[str, Any], name: str) -> None:
    for key in ("scale_factor", "add_offset", "_FillValue", "missing_value"):
        value = np.asarray(attrs.get(key, 0))
        if value.dtype.kind in "SUT":
            raise _no_number(key, name, f"is the text {_plain(_scalar(attrs[key]))!r}, not a number")
        if value.size > 1 and key in ("scale_factor", "add_offset"):
            raise _no_number(key, name, f"holds {value.size} numbers, {value.tolist()}, and not one")
    unsigned = attrs.get("_Unsigned", "true")
    if str(unsigned).strip().lower() not in ("true", "false"):
        raise _no_number("_Unsigned", name, f"is {unsigned!r}, neither true nor false")


def _no_number(key: str, name: str, why: str) -> CombineError:
    variable = name or "VARIABLE"
    return CombineError(
        f"the attribute {key} of {variable!r} {why}",
        code="C017",
        hint=f"give what is meant: transforms: [attrs: {{variables: {{{variable}: {{set: {{{key}: ...}}}}}}}}]",
    )


def _scalar(value: Any) -> Any:
    """One-element arrays, as some readers give attributes, are their element."""
    if isinstance(value, (np.ndarray, list, tuple)):
        array = np.asarray(value)
        return array.reshape(-1)[0] if array.size else None
    return value


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_nan(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _missing(value: Any, dtype: np.dtype[Any]) -> tuple[Any, ...]:
    if value is None:
        return ()
    values = [_plain(v) for v in np.ravel(np.asarray(value))]
    return tuple(v for v in values if not (dtype.kind in "iu" and _is_nan(v)))


def _holds(dtype: np.dtype[Any], value: Any, either_sign: bool) -> bool:
    """Whether the dtype can hold the value; floats hold any number, to their precision."""
    if dtype.kind == "f":
        return isinstance(value, (int, float, np.number))
    if dtype.kind in "iu" and isinstance(value, (int, float, np.number)):
        number = float(value)
        return number.is_integer() and _in_range(dtype, int(value), either_sign)
    return dtype.kind not in "iub"


def _in_range(dtype: np.dtype[Any], value: int, either_sign: bool) -> bool:
    """In the dtype's range, or (``_Unsigned``) in that of the same bits read with or without sign."""
    bits = dtype.itemsize * 8
    if not either_sign:
        info = np.iinfo(dtype)
        return int(info.min) <= value <= int(info.max)
    return bool(-(2 ** (bits - 1)) <= value < 2**bits)


def _cast(value: Any, dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "iu":
        return _wrap(int(value), dtype)
    if dtype.kind == "f":
        return float(np.asarray(value).astype(dtype))
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return _plain(value)


def _wrap(value: int, dtype: np.dtype[Any]) -> int:
    bits = dtype.itemsize * 8
    value %= 2**bits
    return value - 2**bits if dtype.kind == "i" and value >= 2 ** (bits - 1) else value


def decoded_dtype(dtype: str | np.dtype[Any], packing: Packing) -> np.dtype[Any]:
    """The dtype that :func:`decode` returns."""
    return decode(np.zeros(0, dtype), packing).dtype


def _float_dtype(dtype: np.dtype[Any], packing: Packing) -> np.dtype[Any]:
    """xarray's rule for packed data (its ``_choose_float_dtype``)."""
    scale = None if packing.scale_factor is None else np.dtype(packing.scale_dtype or "<f8")
    offset = None if packing.add_offset is None else np.dtype(packing.offset_dtype or "<f8")
    if scale is not None and scale == offset and scale in (np.dtype("f4"), np.dtype("f8")):
        return np.dtype("f8") if dtype.itemsize == 4 and dtype.kind in "iu" else scale
    if offset is not None or scale is None:
        return np.dtype("f8")
    return scale


def _masked_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that can also hold NaN."""
    if dtype.kind in "iu":
        return np.dtype("f4") if dtype.itemsize <= 2 else np.dtype("f8")
    return dtype


def masks(packing: Packing, dtype: np.dtype[Any]) -> list[Any]:
    """The distinct stored numbers that mean "missing" (NaN, which needs no mask, is left out)."""
    found: list[Any] = []
    if packing.fill_value is not None and not _is_nan(packing.fill_value):
        found.append(np.array(packing.fill_value).astype(dtype)[()])
    for value in packing.missing_value:
        if not _is_nan(value):
            found.append(np.array(value)[()])
    return found


def decode(values: np.ndarray, packing: Packing) -> np.ndarray:
    """What stored values mean: masked values are NaN, packed ones are scaled.

    Returns
    -------
    An array of the same shape, native byte order, in the dtype that xarray decodes to. Strings, booleans and dates are
    returned as they are.
    """
    if values.ndim == 0:
        return decode(values.reshape(1), packing).reshape(())
    data = values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
    if data.dtype.kind not in "iuf":
        return data
    stored = data.dtype
    fills = masks(packing, stored)
    if packing.unsigned is not None and stored.kind in "iu":
        data = data.view(f"{'u' if packing.unsigned else 'i'}{stored.itemsize}")
        if packing.fill_value is not None:
            fills[0] = fills[0].view(data.dtype)
    if fills:
        dtype = _float_dtype(data.dtype, packing) if packing.is_scaled else _masked_dtype(data.dtype)
        missing = np.zeros(data.shape, bool)
        for fill in fills:
            # Before the cast: in float32, 2**24 + 1 equals its neighbour (xarray compares after it).
            missing |= data == fill
        data = data.astype(dtype)
        data[missing] = np.nan
    if packing.is_scaled:
        masked = packing.fill_value is not None or bool(packing.missing_value)
        data = data.astype(data.dtype if masked else _float_dtype(data.dtype, packing))
        if packing.scale_factor is not None:
            data *= np.dtype(packing.scale_dtype or "<f8").type(packing.scale_factor)
        if packing.add_offset is not None:
            data += np.dtype(packing.offset_dtype or "<f8").type(packing.add_offset)
    return data


def encode(values: np.ndarray, packing: Packing, dtype: str | np.dtype[Any], name: str = "variable") -> np.ndarray:
    """Stored numbers of values; refuses what :func:`decode` would not give back.

    A value passes when it lies on the grid of the packing: within a millionth of a step, or two units in the last place
    of its own dtype (the noise of an earlier decoding).

    Raises
    ------
    CombineError: C040 off the grid, C041 out of the dtype's range, C042 NaN without a fill value, C043 a value that
        would read as missing.
    """
    if values.ndim == 0:
        return encode(values.reshape(1), packing, dtype, name).reshape(())
    target = np.dtype(dtype)
    if target.kind not in "iuf" or values.dtype.kind not in "iufb":
        if values.dtype != target and not np.array_equal(values.astype(target).astype(values.dtype), values):
            raise _refused("C040", name, f"hold values that {target} cannot", values, None)
        return values.astype(target)
    fill = packing.fill_value
    if fill is None:
        fill = next((m for m in packing.missing_value if not _is_nan(m)), None)
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)
    stored = _stored_numbers(values, missing, packing, target, name)
    if missing.any():
        if fill is None and target.kind != "f":
            raise CombineError(
                f"{name} has missing values, and its {target} encoding has no fill value",
                code="C042",
                hint=f"add fill_value to target: {{variables: {{{name}: ...}}}}",
            )
        stored[missing] = np.nan if fill is None else fill
    _check(values, stored, missing, packing, name)
    return stored


def _stored_numbers(
    values: np.ndarray, missing: np.ndarray, packing: Packing, target: np.dtype[Any], name: str
) -> np.ndarray:
    if not packing.is_scaled and values.dtype.kind in "iub" and target.kind in "iu":
        numbers = values
    else:
        numbers = values.astype(np.float64)
        if packing.add_offset is not None:
            numbers = numbers - packing.add_offset
        if packing.scale_factor is not None:
            numbers = numbers / packing.scale_factor
        # Only now: the range of the packing need not hold the number 0.
        numbers = np.where(missing, 0, numbers)
    if target.kind == "f":
        return numbers.astype(target)
    bits = target if packing.unsigned is None else np.dtype(f"{'u' if packing.unsigned else 'i'}{target.itemsize}")
    info = np.iinfo(bits)
    rounded = np.rint(numbers) if numbers.dtype.kind == "f" else numbers
    outside = (rounded < info.min) | (rounded > info.max)
    if bits.itemsize == 8 and rounded.dtype.kind == "f":
        outside |= np.abs(rounded) >= 2.0**63
    if outside.any():
        raise _refused("C041", name, f"hold values out of the range of {bits}", values, outside)
    return rounded.astype(bits).view(target)


def _check(values: np.ndarray, stored: np.ndarray, missing: np.ndarray, packing: Packing, name: str) -> None:
    back = decode(stored, packing)
    lost = np.isnan(back) & ~missing if back.dtype.kind == "f" else np.zeros(values.shape, bool)
    if lost.any():
        raise _refused("C043", name, "hold values that would read as missing", values, lost)
    if packing.is_scaled:
        noise = 2 * np.spacing(
            np.abs(np.where(missing, 0, values)).astype(values.dtype if values.dtype.kind == "f" else "f8")
        )
        step = 1e-6 * abs(packing.scale_factor or 1.0)
        wrong = np.abs(back.astype("f8") - values) > np.maximum(noise, np.maximum(step, 2 * np.spacing(np.abs(back))))
    else:
        wrong = _unequal(back, values)
    wrong &= ~missing
    if wrong.any():
        raise _refused("C040", name, "would lose precision", values, wrong)


def _unequal(back: np.ndarray, values: np.ndarray) -> Any:
    """Exact, also between int64 and float64, which numpy compares in float64."""
    if {back.dtype.kind, values.dtype.kind} <= set("iub") or back.dtype.kind == values.dtype.kind:
        return back != values
    if back.dtype.kind == "f":
        whole = np.where(np.isfinite(back) & (np.abs(back) < 2.0**63), back, 0)
        return (back != values) | (whole.astype(np.int64) != values.astype(np.int64))
    return values.astype("f8") != back.astype("f8")


def _refused(code: str, name: str, why: str, values: np.ndarray, where: np.ndarray | None) -> CombineError:
    example = f", for example {values[where].flat[0]!s}" if where is not None else ""
    return CombineError(
        f"{name} {why} in the encoding of the target{example}",
        code=code,
        hint="give a wider dtype, other scale_factor and add_offset, or another fill_value in target: {variables: ...}",
    )
