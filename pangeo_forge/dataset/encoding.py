"""The encoding of each array of the target: dtype, fill value and CF attributes, such that xarray reads what it should.

What ``xr.open_zarr`` gives equals the inputs, decoded one by one with xarray and concatenated:

- Inputs that agree are passed through, packed numbers and attributes as they are. JSON has no float32, so packing
  attributes of that type are written as the float64 of the same value; xarray then decodes to float64, equal to the
  float32 of the inputs to its precision.
- Inputs whose packing differs are written as the floats that xarray decodes them to, with NaN as the fill value.
- ``missing_value`` without ``_FillValue`` is written as both: it decodes alike, and absent chunks read as missing.
- Character arrays become fixed-length bytes of the longest length, strings stay strings.
- A recipe's declared encoding (``target.variables``) is taken as it stands; values that it cannot hold are an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pangeo_forge.dataset import time
from pangeo_forge.dataset.members import Member
from pangeo_forge.dataset.model import Packing, TimeUnits
from pangeo_forge.dataset.packing import decoded_dtype, packing_of
from pangeo_forge.dataset.timecoding import TimeCoding
from pangeo_forge.errors import CombineError

NO_FILL = "C044"
_DECLARE = "declare one: target: {{variables: {{{name}: {{fill_value: ...}}}}}}"


def raise_without_fill(refused: Mapping[str, CombineError]) -> None:
    """One error for all variables that need a value for what is missing, and have none.

    Raises
    ------
    CombineError: C044.
    """
    if len(refused) < 2:
        for error in refused.values():
            raise error
        return
    rows = "\n".join(f"  {error.message}" for error in refused.values())
    hints = list(dict.fromkeys(str(error.hint) for error in refused.values()))
    declared = [h for h in hints if h.startswith("declare")]
    entries = ", ".join(f"{name}: {{fill_value: ...}}" for name, e in refused.items() if e.hint in declared)
    advice = [h for h in hints if h not in declared]
    if declared:
        advice.insert(0, f"declare them (a name may be a glob): target: {{variables: {{{entries}}}}}")
    raise CombineError(
        f"{len(refused)} variables have no value for what is missing:\n{rows}\n", code=NO_FILL, hint="; ".join(advice)
    )


@dataclass(frozen=True)
class ArrayCoding:
    """How one array is stored in the target."""

    dtype: str
    packing: Packing
    time: TimeUnits | None
    attrs: dict[str, Any]
    recode: bool

    @property
    def missing_time(self) -> int | None:
        """The number that stands for "not a time"."""
        fill = self.packing.fill_value
        return fill if isinstance(fill, int) else time.NAT


def choose_coding(
    name: str,
    found: Sequence[Member],
    attrs: Mapping[str, Any],
    moment: TimeCoding | None,
    declared: Mapping[str, Any],
    *,
    needs_fill: bool,
) -> ArrayCoding:
    """The coding of one array.

    Parameters
    ----------
    found: the inputs that hold it.
    attrs: the merged attributes, without packing and time.
    moment: the coding of a time variable, else None.
    declared: dtype, scale_factor, add_offset, fill_value that the recipe wants.
    needs_fill: some places of it have no input (``variables: union``, ``on_missing``).

    Raises
    ------
    CombineError: C044 when it needs a fill value and has none.
    """
    layouts = list({id(m.layout): m.layout for m in found}.values())
    first = layouts[0]
    passes = len({(x.dtype, repr(x.packing)) for x in layouts}) == 1
    if moment is not None:
        return _of_time(name, first.packing, attrs, moment, needs_fill)
    if declared and np.dtype("S1" if first.dtype == "str" else first.dtype).kind in "iufb":
        return _declared(first.dtype, first.packing, attrs, declared, passes)
    if first.dtype == "str" or first.dtype.startswith("|S"):
        dtype = (
            "str"
            if any(x.dtype == "str" for x in layouts)
            else max((x.dtype for x in layouts), key=lambda d: int(d[2:]))
        )
        return ArrayCoding(dtype, first.packing, None, dict(attrs), any(x.dtype != dtype for x in layouts))
    if passes:
        packing = _with_fill(first.dtype, first.packing)
        if needs_fill and packing.fill_value is None:
            packing = replace(packing, fill_value=_default_fill(name, first.dtype))
        return ArrayCoding(first.dtype, packing, None, {**attrs, **_packing_attrs(packing)}, False)
    floats = np.result_type(*(decoded_dtype(x.dtype, x.packing) for x in layouts)).newbyteorder("<")
    packing = Packing(fill_value=float("nan")) if floats.kind == "f" else Packing()
    return ArrayCoding(floats.str, packing, None, dict(attrs), True)


def _of_time(
    name: str, packing: Packing, attrs: Mapping[str, Any], moment: TimeCoding, needs_fill: bool
) -> ArrayCoding:
    units = moment.units
    written = {**attrs}
    if not units.inherited:
        written["units"] = units.units
        if units.spelling is not None:
            written["calendar"] = units.spelling
    packing = _with_fill(moment.dtype, packing) if moment.passes else Packing()
    if needs_fill and packing.fill_value is None:
        if units.calendar not in time.REAL_CALENDARS:
            # xarray decodes such a calendar with cftime, to which NaN is the reference date, and int64's least an error.
            raise CombineError(
                f"{name!r} is absent from some inputs, and xarray cannot read missing dates of the calendar {units.calendar}",
                code=NO_FILL,
                hint=f"leave it out: transforms: [drop: [{name}]]",
            )
        # Not an integer that means "no time": where dates are decoded as cftime, that fails in the first or last place.
        dtype = moment.dtype if np.dtype(moment.dtype).kind == "f" else "<f8"
        packing = replace(packing, fill_value=float("nan"))
        return ArrayCoding(dtype, packing, units, written, not (moment.passes and dtype == moment.dtype))
    attributes = {**written, **_packing_attrs(packing)} if moment.passes else written
    return ArrayCoding(moment.dtype, packing, units, attributes, not moment.passes)


def _with_fill(dtype: str, packing: Packing) -> Packing:
    """The same packing; one ``missing_value`` without a ``_FillValue`` becomes both."""
    if packing.fill_value is not None or len(packing.missing_value) != 1:
        return packing
    cast = packing_of({"_FillValue": packing.missing_value[0]}, np.dtype(dtype)).fill_value
    exact = cast is not None and (cast == packing.missing_value[0] or cast != cast)
    return replace(packing, fill_value=cast) if exact else packing


def _default_fill(name: str, dtype: str) -> float:
    if np.dtype(dtype).kind == "f":
        return float("nan")
    raise CombineError(
        f"{name!r} is absent from some inputs, and its dtype {np.dtype(dtype)} has no value for what is missing",
        code=NO_FILL,
        hint=_DECLARE.format(name=name),
    )


def _packing_attrs(packing: Packing) -> dict[str, Any]:
    """Packing as attributes; ``_FillValue`` is the array's own."""
    attrs: dict[str, Any] = {}
    if packing.scale_factor is not None:
        attrs["scale_factor"] = packing.scale_factor
    if packing.add_offset is not None:
        attrs["add_offset"] = packing.add_offset
    if packing.missing_value:
        attrs["missing_value"] = (
            packing.missing_value[0] if len(packing.missing_value) == 1 else list(packing.missing_value)
        )
    if packing.unsigned is not None:
        attrs["_Unsigned"] = "true" if packing.unsigned else "false"
    return attrs


def _declared(
    dtype: str, packing: Packing, attrs: Mapping[str, Any], declared: Mapping[str, Any], passes: bool
) -> ArrayCoding:
    """The encoding that the recipe declares; what it leaves out is as in the inputs."""
    scaled = "scale_factor" in declared or "add_offset" in declared
    target = np.dtype(declared.get("dtype", dtype)).newbyteorder("<")
    wanted: dict[str, Any] = {k: float(declared[k]) for k in ("scale_factor", "add_offset") if k in declared}
    same_kind = target.str == dtype and not scaled
    if same_kind:
        wanted = _packing_attrs(packing)
    fill = declared.get("fill_value", packing.fill_value if same_kind else None)
    if fill is None and target.kind == "f" and not packing.is_none:
        fill = float("nan")
    if fill is not None:
        wanted["_FillValue"] = float(fill) if isinstance(fill, str) else fill
    chosen = packing_of(wanted, target)
    if fill is not None and chosen.fill_value is None and target.kind != "f":
        raise CombineError(
            f"the fill_value {fill!r} is none of {target}", code="C044", hint="write a number that the dtype holds"
        )
    same = passes and target.str == dtype and repr(chosen) == repr(packing)
    return ArrayCoding(target.str, chosen, None, {**attrs, **_packing_attrs(chosen)}, not same)
