"""The ``checks`` of a recipe, run on the decoded dataset that a reader of the store would see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.pattern.dates import add
from pangeo_forge.pattern.steps import parse_step
from pangeo_forge.verify.result import CheckResult

BLOCK_ELEMENTS = 4_000_000
"""Elements of a variable that are in memory at once while its range is checked."""


def run_checks(ds: xr.Dataset, checks: Sequence[Mapping[str, Any]]) -> list[CheckResult]:
    """Run a recipe's checks (mappings as in the recipe format; ``sample`` is not run here, see ``verify.sample``)."""
    results: list[CheckResult] = []
    for check in checks:
        given = {k: v for k, v in check.items() if v is not None}
        if "variable" in given:
            results.extend(_check_variable(ds, given))
        elif "dim" in given:
            results.extend(_check_dim(ds, given))
        elif "attrs" in given:
            results.extend(_check_attrs(ds, given["attrs"]))
        elif "variables" in given:
            missing = sorted(set(given["variables"]) - set(ds.variables))
            results.append(
                CheckResult("variables present", not missing, f"absent: {', '.join(missing)}" if missing else "")
            )
    return results


def _check_variable(ds: xr.Dataset, check: Mapping[str, Any]) -> Iterator[CheckResult]:
    name = check["variable"]
    if name not in ds.variables:
        yield CheckResult(f"{name} is there", False, f"the store has {', '.join(map(str, ds.variables))}")
        return
    low, high, missing, count = _statistics(ds[name])
    figures = {"min": low, "max": high, "missing": missing / count if count else 0.0}
    share = figures["missing"] or 0.0
    if "min" in check:
        yield CheckResult(
            f"{name} >= {check['min']}", low is None or low >= check["min"], f"smallest is {low}", figures
        )
    if "max" in check:
        yield CheckResult(
            f"{name} <= {check['max']}", high is None or high <= check["max"], f"largest is {high}", figures
        )
    if "max_missing" in check:
        limit = check["max_missing"]
        yield CheckResult(
            f"{name} missing <= {limit:g}", share <= limit, f"{share:.1%} of the values are missing", figures
        )
    if low is None and count and ("min" in check or "max" in check):
        yield CheckResult(f"{name} has values", False, "every value is missing")


def _statistics(array: xr.DataArray) -> tuple[float | None, float | None, int, int]:
    """Smallest, largest, number of missing and of all elements, in bounded memory."""
    low: float | None = None
    high: float | None = None
    missing = count = 0
    for block in _blocks(array):
        values = np.asarray(block.values)
        count += values.size
        present = values[~np.asarray(block.isnull().values)]
        missing += values.size - present.size
        if present.size and present.dtype.kind in "iufb":
            low = float(present.min()) if low is None else min(low, float(present.min()))
            high = float(present.max()) if high is None else max(high, float(present.max()))
    return low, high, missing, count


def _blocks(array: xr.DataArray) -> Iterator[xr.DataArray]:
    """Slabs of whole chunks along the first dimension."""
    if array.ndim == 0 or array.size <= BLOCK_ELEMENTS:
        yield array
        return
    length = array.sizes[array.dims[0]]
    chunks = array.encoding.get("chunks") or (1,)
    step = max(1, BLOCK_ELEMENTS * length // array.size)
    step = max(chunks[0], step // chunks[0] * chunks[0])
    for start in range(0, length, step):
        yield array.isel({array.dims[0]: slice(start, start + step)})


def _check_dim(ds: xr.Dataset, check: Mapping[str, Any]) -> Iterator[CheckResult]:
    dim = check["dim"]
    if dim not in ds.dims or dim not in ds.coords:
        yield CheckResult(f"{dim} is a dimension with coordinates", False, f"dimensions are {dict(ds.sizes)}")
        return
    index = ds.indexes[dim]
    if "monotonic" in check:
        wanted = check["monotonic"]
        good = index.is_unique and (
            index.is_monotonic_increasing if wanted == "increasing" else index.is_monotonic_decreasing
        )
        detail = "" if good else _first_break(index, wanted)
        yield CheckResult(f"{dim} strictly {wanted}", bool(good), detail)
    if "regular" in check:
        yield _check_regular(dim, list(index), str(check["regular"]))


def _check_regular(dim: str, values: list[Any], step: str) -> CheckResult:
    """Each value is the one before plus ``step`` (a step of time, or a number)."""
    name = f"{dim} regular, step {step}"
    follows, values = _rule(step, values)
    for i in range(1, len(values)):
        expected = follows(values[i - 1])
        near = np.isclose(values[i], expected) if isinstance(expected, float) else values[i] == expected
        if not near:
            return CheckResult(name, False, f"position {i}: {values[i - 1]} is followed by {values[i]}, not {expected}")
    return CheckResult(name, True)


def _rule(step: str, values: list[Any]) -> tuple[Callable[[Any], Any], list[Any]]:
    """What should follow a value, and the values in a form that it takes."""
    try:
        distance = float(step)
    except ValueError:
        parsed = parse_step(step)
        dates = [v.to_pydatetime() if hasattr(v, "to_pydatetime") else v for v in values]
        return lambda a: add(a, parsed), dates
    return lambda a: a + distance, values


def _first_break(index: Any, wanted: str) -> str:
    for i in range(1, len(index)):
        rising = index[i] > index[i - 1]
        if rising != (wanted == "increasing") or index[i] == index[i - 1]:
            return f"{index[i - 1]} is followed by {index[i]} at position {i}"
    return "values repeat"


def _check_attrs(ds: xr.Dataset, wanted: Mapping[str, Any]) -> Iterator[CheckResult]:
    for name, value in wanted.items():
        found = ds.attrs.get(name)
        yield CheckResult(f"attribute {name}", found == value, f"is {found!r}, not {value!r}")
