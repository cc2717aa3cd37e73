"""Places of absent inputs (``on_missing: fill``): how long they are, and the values of the coordinate there.

Data there are the fill value. A coordinate may not be missing, so its values are made: in all inputs that are present
the coordinate must be the input's key plus one constant offset for each item; then it is so in the absent ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pangeo_forge.dataset import time
from pangeo_forge.dataset.model import Index
from pangeo_forge.errors import CombineError

KeyOf = Callable[[str, int], Any]
"""Value of the key of a concat dim at a position (date, number, text); None when inputs are listed, not named by keys."""


@dataclass(frozen=True)
class Absent:
    """Inputs that do not exist and whose places are kept."""

    labels: Mapping[Index, str]
    """By position: key and URL, for messages."""
    key_of: KeyOf


def length_of(dim: str, held: Mapping[int, tuple[int, str]], declared: int | None) -> int:
    """Length of an absent input along ``dim``: as declared, else that of all others.

    Raises
    ------
    CombineError: C036 when others differ.
    """
    lengths = {n for n, _ in held.values()}
    if declared is None and len(lengths) != 1:
        raise CombineError(
            f"how long absent inputs are along {dim!r} is not known: others hold {sorted(lengths)}",
            code="C036",
            hint=f"declare it, inputs: {{items_per_file: {{{dim}: N}}}}, or say on_missing: skip",
        )
    return declared if declared is not None else lengths.pop()


def coordinate_values(
    dim: str,
    present: Mapping[int, tuple[np.ndarray, str]],
    absent: Sequence[int],
    length: int,
    calendar: str | None,
    key_of: KeyOf,
    along: str | None = None,
) -> dict[int, np.ndarray]:
    """Values of the coordinate ``dim`` (or of bounds ``along`` another dim, which comes first) at the positions ``absent``.

    Parameters
    ----------
    present: by position, the coordinate (ticks, numbers or strings) and a label.
    length: of each absent input.
    calendar: set when values are ticks.

    Raises
    ------
    CombineError: C036 when the coordinate does not follow from the keys.
    """
    keyed = along or dim
    whole = {p: found for p, found in present.items() if len(found[0]) == length}
    if not whole:
        raise _unknown(dim, f"no input that is present holds {length} of them")
    offset, said = None, ""
    for position, (values, label) in whole.items():
        own = _offset(dim, values, key_of(keyed, position), calendar, label)
        if offset is None:
            offset, said = own, label
        elif not _equal(offset, own, values):
            raise _unknown(dim, f"it is the key plus {_shown(offset)} in {said}, plus {_shown(own)} in {label}")
    values, label = next(iter(whole.values()))
    return {p: _plus(_key(dim, key_of(keyed, p), values, calendar, label), offset, values.dtype) for p in absent}


def _offset(dim: str, values: np.ndarray, value: Any, calendar: str | None, label: str) -> np.ndarray | None:
    key = _key(dim, value, values, calendar, label)
    if values.dtype.kind != "O":
        return np.asarray(values - key)
    if [str(v) for v in values] != [str(key)]:
        raise _unknown(dim, f"it is {[str(v) for v in values]} where the key is {key!r}, in {label}")
    return None


def _plus(key: Any, offset: np.ndarray | None, dtype: np.dtype[Any]) -> np.ndarray:
    if offset is None:
        return np.array([str(key)], dtype=object)
    return np.asarray(key + offset).astype(dtype)


def _key(dim: str, value: Any, values: np.ndarray, calendar: str | None, label: str) -> Any:
    """The key as that which the coordinate holds: ticks, a number, or text."""
    if value is None:
        raise _unknown(dim, "inputs are listed, so absent ones have no key")
    if values.dtype.kind == "O":
        return str(value)
    if calendar is not None and hasattr(value, "isoformat"):
        return _ticks(dim, value, values.dtype, calendar)
    if calendar is None and isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return np.asarray(value).astype(values.dtype) if values.dtype.kind == "f" else int(value)
    raise _unknown(dim, f"the key {value!r} and the coordinate of {label} are not of one kind")


def _ticks(dim: str, value: Any, dtype: np.dtype[Any], calendar: str) -> Any:
    import cftime

    parts = (value.year, value.month, value.day, *(getattr(value, n, 0) for n in ("hour", "minute", "second")))
    try:
        date = cftime.datetime(*parts, microsecond=getattr(value, "microsecond", 0), calendar=calendar)
    except ValueError as error:
        raise _unknown(dim, f"{value.isoformat()} is no date of the calendar {calendar}") from error
    ticks = time.from_cftime(np.array([date], dtype=object))[0]
    cast = ticks.astype(dtype)
    if cast.astype(ticks.dtype)[0] != ticks[0]:
        raise _unknown(dim, f"{value.isoformat()} is out of the range of the other times")
    return cast[0]


def _equal(one: np.ndarray | None, two: np.ndarray | None, values: np.ndarray) -> bool:
    if one is None or two is None:
        return one is two
    if values.dtype.kind == "f":
        return bool(np.allclose(one, two, rtol=0, atol=1e-9 * max(1.0, float(np.abs(values).max()))))
    return bool(np.array_equal(one, two))


def _shown(offset: np.ndarray | None) -> str:
    if offset is None or not offset.size:
        return "nothing"
    first = offset.reshape(-1)[0]
    return str(first.astype("m8[s]")) if offset.dtype.kind == "m" else str(first)


def _unknown(dim: str, reason: str) -> CombineError:
    return CombineError(
        f"the coordinate {dim!r} of absent inputs cannot be told from their keys: {reason}",
        code="C036",
        hint=f"make it from the key, transforms: [assign_coords: {{{dim}: key}}] (with expand_dims for a new "
        "dimension), or say inputs: {on_missing: skip}",
    )
