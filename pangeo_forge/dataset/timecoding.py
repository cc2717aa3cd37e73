"""The one exact encoding of each time variable: the inputs' own where they agree, else one that holds all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pangeo_forge.dataset import time
from pangeo_forge.dataset.conflicts import conflict, raise_for
from pangeo_forge.dataset.members import CALENDAR_HINT, Member
from pangeo_forge.dataset.model import TimeUnits
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.dataset.values import ticks_of
from pangeo_forge.errors import CombineError

SECOND = 1_000_000_000
"""In nanoseconds."""


@dataclass(frozen=True)
class TimeCoding:
    """Units, calendar and dtype of a time variable (and of its bounds) in the target."""

    units: TimeUnits
    dtype: str
    passes: bool
    """Stored numbers of all inputs go through as they are."""


def choose_coding(families: Sequence[list[Member]], settings: CombineSettings, *, is_axis: bool) -> TimeCoding:
    """The coding of a time variable and of those that share its units.

    Parameters
    ----------
    families: members of the variable, then of its bounds.
    is_axis: the coordinate of a concat dim, to which ``combine.time`` applies even when inputs agree.

    Raises
    ------
    CombineError: C020 times that the declared units cannot hold exactly, C022 calendars that differ.
    """
    members = [m for family in families for m in family]
    first = families[0][0].layout
    assert first.time is not None
    declared = bool(is_axis and (settings.time_units or settings.time_calendar))
    if not declared and _is_readable(first.time.units) and _agree(families):
        return TimeCoding(first.time, first.dtype, True)
    ticks = _known_ticks(members)
    calendar = _calendar(families[0], ticks, settings if is_axis else None)
    if ticks is None:
        return _unseen(families, calendar)
    spelling = settings.time_calendar if is_axis and settings.time_calendar else first.time.spelling
    for units, dtype in _candidates(first.time, first.dtype, ticks, calendar, settings if is_axis else None):
        try:
            time.encode(ticks, units, calendar, dtype, missing=time.NAT)
        except CombineError as error:
            problem = error
            continue
        return TimeCoding(TimeUnits(units, calendar, spelling or calendar), dtype, False)
    raise problem


def _is_readable(units: str) -> bool:
    """Whether readers decode these units: months and years have no fixed length, and xarray refuses them."""
    return bool(units) and not re.match(r"\s*(common_)?(month|year|yr)s?\b", units, re.I)


def _known_ticks(members: Sequence[Member]) -> np.ndarray | None:
    parts = []
    for m in {id(m.content): m for m in members}.values():
        if m.content is None or m.content.values is None or m.layout.time is None:
            return None
        parts.append(ticks_of(m.content.values, m.layout.packing, m.layout.time).reshape(-1))
    calendar = members[0].layout.time.calendar if members[0].layout.time else "standard"
    return np.unique(np.concatenate(time.unify(parts, calendar)))


def _agree(families: Sequence[list[Member]]) -> bool:
    """Whether all inputs mean the same by a stored number, and store it alike."""
    for family in families:
        layouts = {id(m.layout): m.layout for m in family}.values()
        if len({(x.dtype, repr(x.packing)) for x in layouts}) > 1:
            return False
    times = {m.layout.time for family in families for m in family}
    if any(t is not None and t.decoded for t in times):
        return False
    if any(t is None or not t.units for t in times):
        return len(times) == 1
    return len({(time.axis(t.units, t.calendar)[:2], t.calendar) for t in times if t is not None}) == 1


def _calendar(found: Sequence[Member], ticks: np.ndarray | None, settings: CombineSettings | None) -> str:
    """The calendar of the target, normalised; others are a conflict unless their dates are the same."""
    said = [(m.layout.time.calendar, m.label) for m in found if m.layout.time is not None]
    calendars = list(dict.fromkeys(c for c, _ in said))
    chosen = time.normal_calendar(settings.time_calendar) if settings and settings.time_calendar else calendars[0]
    if any(not time.same_axis(a, b, ticks) for a in calendars for b in calendars):
        problem = conflict("C022", found[0].layout.name, "calendar", said, CALENDAR_HINT)
        raise_for([problem] if problem else [])
    if not time.same_axis(calendars[0], chosen, ticks):
        raise CombineError(
            f"the times of {found[0].layout.name!r} are {calendars[0]!r} dates and cannot be written in {chosen!r}",
            code="C022",
            where=found[0].label,
            hint="leave combine.time.calendar out",
        )
    return chosen


def _candidates(
    first: TimeUnits, dtype: str, ticks: np.ndarray, calendar: str, settings: CombineSettings | None
) -> list[tuple[str, str]]:
    """Units and dtypes to try, best first."""
    integer = dtype if np.dtype(dtype).kind in "iu" else "<i8"
    if settings and settings.time_units:
        return [(settings.time_units, "<i8"), (settings.time_units, "<f8")]
    coarse = (time.coarsest(ticks, calendar).units, "<i8")
    if not _is_readable(first.units):
        return [coarse]
    if np.isnat(ticks).any():
        # No integer says "no time" to every reader; NaN does.
        floating = dtype if np.dtype(dtype).kind == "f" else "<f8"
        return [(first.units, floating), (first.units, "<f8"), (coarse[0], "<f8"), (first.units, "<i8"), coarse]
    return [(first.units, dtype), (first.units, integer), (first.units, "<i8"), coarse]


def _unseen(families: Sequence[list[Member]], calendar: str) -> TimeCoding:
    """For times that the scan did not read: a unit that divides all units, from the first reference, in int64."""
    layouts = list({id(m.layout): m.layout for family in families for m in family}.values())
    axes = [time.axis(x.time.units, x.time.calendar) for x in layouts if x.time is not None and x.time.units]
    first = layouts[0].time
    assert first is not None
    fine = 1 if calendar in time.REAL_CALENDARS else 1000
    if axes and all(np.dtype(x.dtype).kind in "iu" and not x.packing.is_scaled for x in layouts):
        fine = int(
            np.gcd.reduce(
                np.array([n for reference, unit, _ in axes for n in (unit, reference - axes[0][0])], dtype=object)
            )
        )
    since = _plain_reference(first.units, calendar) if first.units else "1970-01-01"
    lengths = {unit for _, unit, _ in axes}
    if (
        len(lengths) == 1
        and max(lengths) <= SECOND
        and all(np.dtype(x.dtype).kind == "f" and not x.packing.is_scaled for x in layouts)
    ):
        # Seconds in floats keep their unit and are moved to the first reference; in days, fractions would lose their last digits.
        return TimeCoding(
            TimeUnits(f"{first.units.split()[0]} since {since}", calendar, first.spelling or calendar), "<f8", False
        )
    name = time.unit_name(fine)
    return TimeCoding(TimeUnits(f"{name} since {since}", calendar, first.spelling or calendar), "<i8", False)


def _plain_reference(units: str, calendar: str) -> str:
    """The reference date of units in a form that every reader knows: without zones, which some write as " 0:00"."""
    reference, _, _ = time.axis(units, calendar)
    return time.format_tick(np.timedelta64(reference // 1000, "us"), calendar)
