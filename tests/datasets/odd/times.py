"""Times, calendars and bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .archive import odd, plain, save


def dated(i: int, numbers: Any, units: str, calendar: str | None = "standard", **more: Any) -> xr.Dataset:
    attrs = {"units": units, **({"calendar": calendar} if calendar else {})}
    return plain(i, time=("time", np.asarray(numbers), attrs), **more)


@odd()
def bounds_in_units_of_their_own(folder: Path) -> None:
    for_bounds = {"units": "hours since 2001-01-01", "calendar": "standard"}
    parts = []
    for i in range(2):
        edges = (np.array([[0, 24], [24, 48]]) + 48 * i, for_bounds)
        ds = dated(i, [0.5 + 2 * i, 1.5 + 2 * i], "days since 2001-01-01", bnds=(("time", "nv"), *edges))
        ds.time.attrs["bounds"] = "bnds"
        parts.append(ds)
    save(folder, parts)


@odd()
def bounds_move_with_their_time(folder: Path) -> None:
    parts = []
    for i in range(2):
        ds = dated(
            i, [0.5, 1.5], f"days since 2001-01-{1 + 2 * i:02d}", bnds=(("time", "nv"), np.array([[0.0, 1], [1, 2]]))
        )
        ds.time.attrs["bounds"] = "bnds"
        parts.append(ds)
    save(folder, parts)


@odd()
def climatology_bounds(folder: Path) -> None:
    parts = []
    for i in range(2):
        ds = dated(
            i,
            [15.0 + 60 * i, 45.0 + 60 * i],
            "days since 1960-01-01",
            clim=(("time", "nv"), np.array([[0.0, 10988], [31, 11016]]) + 60 * i),
        )
        ds.time.attrs["climatology"] = "clim"
        parts.append(ds)
    save(folder, parts)


@odd()
def a_calendar_without_leap_days(folder: Path) -> None:
    save(folder, [dated(i, [58 + 2 * i, 59 + 2 * i], "days since 2000-01-01", "noleap") for i in range(2)])


@odd()
def the_thirtieth_of_february(folder: Path) -> None:
    save(folder, [dated(i, [58 + 2 * i, 59 + 2 * i], "days since 2001-01-01", "360_day") for i in range(2)])


@odd("C022")
def calendars_that_differ(folder: Path) -> None:
    save(folder, [dated(i, [2 * i, 2 * i + 1], "days since 2001-01-01", ("standard", "noleap")[i]) for i in range(2)])


@odd()
def two_names_of_one_calendar(folder: Path) -> None:
    save(folder, [dated(i, [2 * i, 2 * i + 1], "days since 2001-01-01", ("gregorian", None)[i]) for i in range(2)])


@odd("C031")
def time_that_decreases_in_a_file(folder: Path) -> None:
    save(folder, [dated(i, [2 * i + 1, 2 * i] if i else [0, 1], "days since 2001-01-01") for i in range(2)])


@odd()
def time_that_decreases_throughout(folder: Path) -> None:
    save(folder, [dated(i, [-2 * i, -2 * i - 1], "days since 2001-01-01") for i in range(2)])


@odd("C030")
def a_day_that_is_in_two_files(folder: Path) -> None:
    save(folder, [dated(i, [i, i + 1], "days since 2001-01-01") for i in range(2)])


@odd()
def units_that_differ(folder: Path) -> None:
    save(folder, [dated(i, [0, 24], f"hours since 2001-01-{1 + 2 * i:02d} 06:00") for i in range(2)])


@odd()
def thirds_of_a_day(folder: Path) -> None:
    save(folder, [dated(i, np.array([1 / 3, 2 / 3]) + i, "days since 2001-01-01") for i in range(2)])


@odd()
def short_floats(folder: Path) -> None:
    save(folder, [dated(i, np.array([0.1, 0.7], "f4") + i, "days since 2001-01-01") for i in range(2)])


@odd()
def nanoseconds_without_rounding(folder: Path) -> None:
    save(
        folder,
        [
            dated(
                i,
                np.array([1_600_000_000_000_000_001, 1_600_000_000_000_000_003]) + 4 * i,
                "nanoseconds since 1970-01-01",
            )
            for i in range(2)
        ],
    )


@odd()
def years_before_pandas(folder: Path) -> None:
    save(folder, [dated(i, [2 * i, 2 * i + 1], "days since 0850-01-01", "proleptic_gregorian") for i in range(2)])


@odd()
def years_after_pandas_in_other_units(folder: Path) -> None:
    save(folder, [dated(i, [0, 1], f"days since 2300-01-{1 + 2 * i:02d}", "standard") for i in range(2)])


@odd()
def the_days_that_never_were(folder: Path) -> None:
    save(folder, [dated(i, [2 * i, 2 * i + 1], "days since 1582-10-03", "standard") for i in range(2)])


@odd("C012")
def months_since(folder: Path) -> None:
    save(folder, [dated(i, [2 * i, 2 * i + 1], "months since 2001-01-01") for i in range(2)])


@odd("C012")
def units_of_a_day_that_is_not(folder: Path) -> None:
    save(folder, [dated(i, [2 * i, 2 * i + 1], "days since 2001-02-30") for i in range(2)])


@odd()
def odd_spellings_of_units(folder: Path) -> None:
    save(
        folder,
        [dated(i, [2 * i, 2 * i + 1], ("Days Since 2001-1-1", "day since 2001-01-01T00:00:00Z")[i]) for i in range(2)],
    )


@odd()
def packed_time(folder: Path) -> None:
    parts = [dated(i, np.array([0, 10], "i2") + 20 * i, "days since 2001-01-01") for i in range(2)]
    for ds in parts:
        ds.time.attrs["scale_factor"] = 0.1
    save(folder, parts)


@odd()
def a_date_that_is_missing_in_a_variable(folder: Path) -> None:
    seen = [
        ("time", np.array([5 + i, -9], "i4"), {"units": "days since 2001-01-01", "_FillValue": np.int32(-9)})
        for i in range(2)
    ]
    save(folder, [plain(i, seen=seen[i]) for i in range(2)])


@odd()
def durations(folder: Path) -> None:
    save(folder, [plain(i, lead=("time", np.array([1.5, 2]) + i, {"units": "hours"})) for i in range(2)])


@odd()
def an_empty_file_between(folder: Path) -> None:
    save(
        folder,
        [
            dated(0, [0, 1], "days since 2001-01-01"),
            dated(1, [2, 3], "days since 2001-01-01").isel(time=slice(0, 0)),
            dated(2, [4, 5], "days since 2001-01-01"),
        ],
    )


@odd()
def nothing_but_empty_files(folder: Path) -> None:
    save(folder, [dated(i, [2 * i, 2 * i + 1], "days since 2001-01-01").isel(time=slice(0, 0)) for i in range(2)])


@odd()
def bounds_of_one_time_without_a_dimension(folder: Path) -> None:
    parts = []
    for i in range(2):
        edges = ("nv", np.array([0.0, 1.0]) + i)
        ds = dated(0, [0.5, 1.5], "days since 2001-01-01", bnds=edges).isel(time=i)
        ds.time.attrs["bounds"] = "bnds"
        parts.append(ds)
    save(folder, parts)
