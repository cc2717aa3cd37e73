"""Do new inputs go into a store that exists? Their values in the store's own encoding, or an error that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pangeo_forge.dataset import packing as cf
from pangeo_forge.dataset import time
from pangeo_forge.dataset.model import ArrayTemplate, Template, TimeUnits
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.dataset.slabs import Slab, make_axis
from pangeo_forge.dataset.values import meaning, same
from pangeo_forge.errors import CombineError, TargetError
from pangeo_forge.plan.compact import plain
from pangeo_forge.plan.plan import ArrayPlan
from pangeo_forge.runs.ledger import Ledger

CODING = ("scale_factor", "add_offset", "missing_value", "_Unsigned", "units", "calendar")
"""Attributes that say what stored numbers mean. ``units`` and ``calendar`` count where the array holds times."""

REBUILD = "build it anew with --rebuild"


def adapted(template: Template, ledger: Ledger) -> Template:
    """``template`` of the new inputs, with every array in the encoding that the store has.

    Raises
    ------
    TargetError: T056 when arrays, dims or lengths differ from the store's.
    CombineError: when a value has no exact form in the store's encoding.
    """
    names, known = {a.name for a in template.arrays}, {a.name for a in ledger.arrays}
    if names != known:
        odd = [f"{n} is new" for n in sorted(names - known)] + [f"{n} is absent" for n in sorted(known - names)]
        raise _other(f"the new inputs do not hold the variables of the store: {', '.join(odd)}")
    stored = {a.name: a for a in ledger.arrays}
    arrays = tuple(_adapted(a, stored, ledger.dim) for a in template.arrays)
    return replace(template, arrays=arrays)


def _adapted(array: ArrayTemplate, stored: Mapping[str, ArrayPlan], dim: str | None) -> ArrayTemplate:
    there = stored[array.name]
    lengths = dict(zip(there.dims, there.shape, strict=True))
    differs = [d for d, n in zip(array.dims, array.shape, strict=True) if d != dim and lengths.get(d) != n]
    if array.dims != there.dims or differs:
        have = ", ".join(f"{d}: {n}" for d, n in zip(array.dims, array.shape, strict=True))
        want = ", ".join(f"{d}: {n}" for d, n in lengths.items())
        raise _other(f"{array.name} has dims ({have}) in the new inputs, ({want}) in the store")
    if _coding(array.dtype, array.attrs, array.fill_value, array.time) == _coding(
        there.dtype, there.attrs, there.fill_value, array.time
    ):
        return array
    return _recoded(array, there, _time_of(array, there, stored))


def _coding(dtype: str, attrs: Mapping[str, Any], fill: Any, moment: TimeUnits | None) -> str:
    kind = dtype if dtype == "str" else np.dtype(dtype).newbyteorder("<").str
    names = CODING if moment is not None and not moment.inherited else CODING[:4]
    said = {k: v for k, v in plain(dict(attrs)).items() if k in names}
    return repr((kind, sorted(said.items()), plain(fill)))


def _time_of(array: ArrayTemplate, there: ArrayPlan, stored: Mapping[str, ArrayPlan]) -> TimeUnits | None:
    if array.time is None:
        return None
    parents = [a for a in stored.values() if array.name in (a.attrs.get("bounds"), a.attrs.get("climatology"))]
    attrs = parents[0].attrs if parents and "units" not in there.attrs else there.attrs
    calendar = attrs.get("calendar")
    return replace(array.time, units=str(attrs["units"]), calendar=time.normal_calendar(calendar), spelling=calendar)


def _recoded(array: ArrayTemplate, there: ArrayPlan, moment: TimeUnits | None) -> ArrayTemplate:
    """The array in the store's encoding, with values that are known already recoded."""
    if "str" in (array.dtype, there.dtype) or np.dtype(there.dtype).kind not in "iufb":
        raise _other(f"{array.name} is {array.dtype} in the new inputs, {there.dtype} in the store")
    packing = cf.packing_of({**there.attrs, "_FillValue": there.fill_value}, np.dtype(there.dtype))
    values = None
    if array.values is not None:
        meant = meaning(array.values, array.packing, array.time)
        if moment is None:
            values = cf.encode(meant, packing, there.dtype, array.name)
        else:
            missing = packing.fill_value if isinstance(packing.fill_value, int) else time.NAT
            values = time.encode(meant, moment.units, moment.calendar, there.dtype, missing)
    return replace(
        array,
        dtype=there.dtype,
        attrs={**array.attrs, **{k: v for k, v in there.attrs.items() if k in CODING}},
        fill_value=there.fill_value,
        values=values,
        recode=True,
        accesses=(),
        access_of=None,
        packing=packing,
        time=moment,
    )


def check_continuation(
    template: Template, dim: str, before: np.ndarray | None, labels: Mapping[int, str], settings: CombineSettings
) -> None:
    """The new inputs' coordinate goes on where the store's ends: by the same rules as between inputs.

    Parameters
    ----------
    before: the store's coordinate along ``dim``, as stored; None: it has none.
    labels: of the inputs at each position along ``dim``.

    Raises
    ------
    TargetError: T057 when it repeats, precedes or leaves a gap that the recipe forbids.
    """
    array = next((a for a in template.arrays if a.name == dim), None)
    if array is None or array.values is None or before is None or not len(before):
        return
    moments = [_meant(v, array) for v in (before, array.values)]
    if array.time is not None:
        moments = time.unify(moments, array.time.calendar)
    order = sorted(np.flatnonzero(template.lengths[dim]), key=lambda p: int(template.starts[dim][p]))
    slabs = [Slab(0, "the store", len(before), moments[0])]
    for number, p in enumerate(order, 1):
        start, length = int(template.starts[dim][p]), int(template.lengths[dim][p])
        slabs.append(Slab(number, labels.get(int(p), str(p)), length, moments[1][start : start + length]))
    strict = replace(settings, duplicates="fail", order="check", items_per_file={})
    try:
        make_axis(dim, slabs, len(slabs), strict, array.time.calendar if array.time else None)
    except CombineError as error:
        raise TargetError(
            f"the new inputs do not continue the store: {error.message}",
            code="T057",
            where=error.where,
            hint=f"exclude or mend them, or {REBUILD}",
        ) from error


def _meant(values: np.ndarray, array: ArrayTemplate) -> np.ndarray:
    if values.dtype.kind in "OUST":
        return values
    return meaning(values, array.packing, array.time)


def check_constant(array: ArrayTemplate, there: np.ndarray, settings: CombineSettings) -> None:
    """An array that no input divides must be in the new inputs as it is in the store (``coords: match``).

    Raises
    ------
    TargetError: T056.
    """
    if settings.coords == "first" or array.values is None:
        return
    here = np.asarray(array.values).reshape(there.shape)
    if same(_meant(here, array), _meant(there, array), settings.tolerance):
        return
    raise _other(f"the values of {array.name} in the new inputs are not those in the store")


def check_digest(name: str, here: str | None, there: str | None, settings: CombineSettings) -> None:
    """The same for arrays whose values were not kept, by digest.

    Raises
    ------
    TargetError: T056.
    """
    if settings.coords != "first" and here is not None and there is not None and here != there:
        raise _other(f"the values of {name} in the new inputs are not those in the store")


def kept_attrs(stored: Mapping[str, Any], new: Mapping[str, Any], policy: str, owner: str) -> dict[str, Any]:
    """The store's attributes without those that the new inputs contradict.

    None is added: what an earlier conflict has removed would come back.

    Raises
    ------
    TargetError: T056 when they must match and do not.
    """
    fresh = plain(dict(new))
    conflicts = [k for k, v in stored.items() if k in fresh and k not in CODING and repr(fresh[k]) != repr(v)]
    if conflicts and policy == "match":
        raise _other(f"attributes of {owner} differ from the store's: {', '.join(conflicts)}")
    dropped = set(conflicts) if policy == "drop_conflicts" else set()
    return {k: v for k, v in stored.items() if k not in dropped}


def _other(why: str) -> TargetError:
    return TargetError(why, code="T056", hint=f"if the archive has changed for good, {REBUILD}")
