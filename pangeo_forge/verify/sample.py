"""Compare random regions of what was written with the inputs, read along another code path.

The store is opened with plain ``xarray.open_zarr``. The inputs are opened by xarray's own engine for their format where
there is one (not by our chunk readers), transformed as the recipe says, and decoded by xarray. What then differs was
changed on its way through scan, combine, plan, read or write.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.dataset.model import ArrayTemplate, Index, Template
from pangeo_forge.dataset.time import clear_units, is_time_units
from pangeo_forge.verify.result import CheckResult

SAMPLE_ELEMENTS = 500_000
"""Elements that one comparison reads at most."""

OpenInput = Callable[[Index], AbstractContextManager[xr.Dataset]]
"""Opens the input at a position, transformed, as stored (CF attributes not applied), by another path than the writer's."""


@dataclass(frozen=True)
class _Piece:
    """A region of one array that one input holds."""

    array: ArrayTemplate
    in_input: dict[str, slice]
    in_store: dict[str, slice]


def compare_samples(
    store: xr.Dataset,
    template: Template,
    open_input: OpenInput,
    *,
    count: int = 8,
    seed: int = 0,
    label: Callable[[Index], str] = str,
) -> list[CheckResult]:
    """Compare ``count`` random inputs (always the first and the last among them) with the store.

    Parameters
    ----------
    store: the written dataset, decoded.
    template: what was to be written.
    seed: makes the choice repeatable; the run record keeps it.
    label: names an input for the report.
    """
    results = []
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    chosen = _choose(template.positions, count, rng)
    for index, names in _shares(template, chosen):
        with open_input(index) as raw:
            decoded = _decode(raw)
            for piece in _pieces(template, index, rng):
                if piece.array.name not in names:
                    continue
                problem = _compare(store, raw, decoded, piece)
                name = f"sample of {piece.array.name}"
                region = ", ".join(f"{d}={s.start}:{s.stop}" for d, s in piece.in_store.items())
                results.append(CheckResult(name, problem is None, f"{label(index)} [{region}]: {problem or 'equal'}"))
    return results


def _shares(template: Template, chosen: Sequence[Index]) -> Iterator[tuple[Index, set[str]]]:
    """Which arrays to compare with which input: small ones with all, the large ones in turn, each at least once.

    Comparing every large array with every input would decode the same chunks of the store over and over.
    """
    lead = len(template.concat_dims)
    shares: dict[Index, set[str]] = {index: set() for index in chosen}
    for number, array in enumerate(template.arrays):
        holders = [i for i in chosen if array.merge is None or tuple(i[lead:]) in array.merge]
        if not holders:
            holders = [next(p for p in template.positions if tuple(p[lead:]) in (array.merge or ()))]
        holders = list(dict.fromkeys(_source(template, array, i) for i in holders))
        for index in holders:
            shares.setdefault(index, set())
        small = int(np.prod(array.shape, dtype=np.int64)) <= SAMPLE_ELEMENTS
        mine = holders if small else [h for k, h in enumerate(holders) if k % 4 == number % min(4, len(holders))]
        for index in mine:
            shares[index].add(array.name)
    yield from shares.items()


def _source(template: Template, array: ArrayTemplate, index: Index) -> Index:
    """The first input that holds the same part of an array: where inputs may differ (``coords: first``), its is written."""
    own = [i for i, d in enumerate(template.concat_dims) if d in array.dims]
    lead = len(template.concat_dims)
    if len(own) == lead:
        return index
    return next(
        p
        for p in template.positions
        if all(p[i] == index[i] for i in own) and (array.merge is None or tuple(p[lead:]) in array.merge)
    )


def _choose(positions: Sequence[Index], count: int, rng: random.Random) -> list[Index]:
    if len(positions) <= count:
        return list(positions)
    middle = rng.sample(range(1, len(positions) - 1), max(0, count - 2))
    return [positions[i] for i in sorted({0, len(positions) - 1, *middle})]


def _pieces(template: Template, index: Index, rng: random.Random) -> Iterator[_Piece]:
    lead = len(template.concat_dims)
    for array in template.arrays:
        if array.merge is not None and tuple(index[lead:]) not in array.merge:
            continue
        in_input: dict[str, slice] = {}
        in_store: dict[str, slice] = {}
        budget = SAMPLE_ELEMENTS
        for dim, size in zip(array.dims, array.shape, strict=True):
            start, offset, length = 0, 0, size
            if dim in template.concat_dims:
                position = index[template.concat_dims.index(dim)]
                offset, stop = template.trims.get(dim, {}).get(position, (0, int(template.lengths[dim][position])))
                start, length = int(template.starts[dim][position]), stop - offset
            taken = max(1, min(length, budget))
            first = rng.randint(0, length - taken) if length > taken else 0
            budget = max(1, budget // max(1, min(taken, length)))
            stop_at = min(length, first + taken)
            in_input[dim] = slice(offset + first, offset + stop_at)
            in_store[dim] = slice(start + first, start + stop_at)
        if all(s.stop > s.start for s in in_store.values()):
            yield _Piece(array, in_input, in_store)


def _decode(raw: xr.Dataset) -> xr.Dataset:
    for variable in raw.variables.values():
        if is_time_units(units := variable.attrs.get("units")):
            variable.attrs = {**variable.attrs, "units": clear_units(str(units))}
    try:
        return xr.decode_cf(raw, decode_times=xr.coders.CFDatetimeCoder(use_cftime=True), decode_timedelta=False)
    except ValueError:
        # Integer times that begin or end with their fill value: xarray decodes them with pandas, but not with cftime.
        return xr.decode_cf(raw, decode_timedelta=False)


def _compare(store: xr.Dataset, raw: xr.Dataset, decoded: xr.Dataset, piece: _Piece) -> str | None:
    """What differs, or None."""
    name = piece.array.name
    if name not in store.variables:
        return "the store does not hold it"
    if name not in decoded.variables:
        # A concat dim that the files do not name gets its coordinate from the keys; the combine stage checks those.
        return None if name in piece.in_store else _not_missing(store, piece)
    expected = np.asarray(_region(decoded.variables[name], piece).values)
    written = np.asarray(store.variables[name].isel(piece.in_store).values)
    if piece.array.time is not None and expected.shape == written.shape:
        # Of missing dates nothing can be told: xarray's cftime decoding makes NaN the reference date.
        known = ~_missing_dates(name, raw.variables[name], piece)
        expected, written = (expected, written) if known.all() else (expected[known], written[known])
    return difference(expected, written, offset=_offset(raw.variables[name], piece.array))


def _offset(raw: xr.Variable, array: ArrayTemplate) -> float:
    """The largest ``add_offset`` of packed numbers: sums with it are only as exact as it is itself."""
    said = (raw.attrs.get("add_offset"), array.packing.add_offset)
    return max(
        (abs(float(x)) for x in said if x is not None and np.size(x) == 1 and np.asarray(x).dtype.kind in "iuf"),
        default=0.0,
    )


def _region(variable: xr.Variable, piece: _Piece) -> xr.Variable:
    """The piece of an input's variable, in the dims of the array."""
    added = [d for d in piece.array.dims if d not in variable.dims]
    part = variable.isel({d: s for d, s in piece.in_input.items() if d in variable.dims})
    whole: xr.Variable = part.set_dims([*added, *part.dims])
    return whole.transpose(*piece.array.dims)


def _missing_dates(name: str, raw: xr.Variable, piece: _Piece) -> np.ndarray:
    numbers = xr.conventions.decode_cf_variable(name, raw, decode_times=False, decode_timedelta=False)
    values = np.asarray(_region(numbers, piece).values)
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)


def _not_missing(store: xr.Dataset, piece: _Piece) -> str | None:
    """What is wrong where the input does not hold the array (``variables: union``): all values are missing there."""
    if not piece.array.concat_dims or piece.array.time is not None:
        # Of dates nothing can be told: xarray's cftime decoding makes NaN the reference date.
        return None
    written = store.variables[piece.array.name].isel(piece.in_store)
    if bool(written.isnull().all()):
        return None
    if written.dtype.kind in "iub" and bool(np.all(written.values == piece.array.fill_value)):
        return None
    if written.dtype.kind in "OSUT" and not any(str(v).strip("b'") for v in written.values.reshape(-1)):
        return None
    return "the input does not hold it, yet the store has values there"


def difference(expected: np.ndarray, written: np.ndarray, *, offset: float = 0.0) -> str | None:
    """What differs between two arrays of decoded values, in words, or None when they are equal (missing equals missing).

    Parameters
    ----------
    offset: the ``add_offset`` that both were unpacked with. Where float32 and float64 are compared, values near zero are
        off by the rounding of the offset: xarray unpacks with float32 attributes in float32, and those of Zarr are float64.
    """
    if expected.shape != written.shape:
        return f"shape {written.shape} in the store, {expected.shape} in the input"
    expected, written = _plain(expected), _plain(written)
    equal = expected == written
    if expected.dtype.kind == "f" and written.dtype.kind == "f":
        equal |= np.isnan(expected) & np.isnan(written)
        if expected.dtype != written.dtype:
            equal |= np.isclose(expected, written, rtol=1e-6, atol=1e-6 * offset, equal_nan=True)
    if np.all(equal):
        return None
    where = tuple(int(i) for i in np.argwhere(~np.asarray(equal))[0]) if np.ndim(equal) else ()
    count = int(np.size(equal) - np.count_nonzero(equal))
    return f"{count} of {expected.size} values differ, first at {where}: {written[where]!r} in the store, {expected[where]!r} in the input"


def _plain(values: np.ndarray) -> np.ndarray:
    """Times as text to the microsecond, bytes as text, so that different decoders can be compared."""
    if values.dtype.kind == "M":
        return values.astype("M8[us]").astype("U26")
    if values.dtype.kind == "O" and values.size and hasattr(values.flat[0], "isoformat"):
        return np.array([_iso(v) for v in values.flat]).reshape(values.shape)
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind in "OT":
        return values.astype(object).astype(str)
    return values


def _iso(value: Any) -> str:
    if not hasattr(value, "isoformat"):
        return "NaT"
    parts = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
    return "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}.{:06d}".format(*parts)
