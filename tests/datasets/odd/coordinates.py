"""Coordinates that nearly agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .archive import odd, plain, save


@odd("C009")
def float_jitter_in_coordinates(folder: Path) -> None:
    save(folder, [plain(i, x=("x", np.array([0.5, 1.5, 2.5]) + i * 1e-9)) for i in range(2)])


@odd(recipe="combine: {tolerance: 1e-6}", oracle={"first_x": True})
def float_jitter_within_the_tolerance(folder: Path) -> None:
    save(folder, [plain(i, x=("x", np.array([0.5, 1.5, 2.5]) + i * 1e-9)) for i in range(2)])


@odd("C009")
def longitudes_of_two_conventions(folder: Path) -> None:
    save(folder, [plain(i, x=("x", np.array([[0.0, 120, 240], [-120.0, 0, 120]][i]))) for i in range(2)])


@odd("C009")
def one_file_with_the_axis_flipped(folder: Path) -> None:
    save(folder, [plain(i).isel(x=slice(None, None, 1 - 2 * i)) for i in range(2)])


@odd(recipe="transforms: [sort: x]")
def one_file_with_the_axis_flipped_and_sorted(folder: Path) -> None:
    save(folder, [plain(i).isel(x=slice(None, None, 1 - 2 * i)) for i in range(2)])


@odd("C004")
def dimensions_in_another_order(folder: Path) -> None:
    save(folder, [plain(i).transpose(*(("time", "x"), ("x", "time"))[i]) for i in range(2)])


@odd("C006")
def other_lengths(folder: Path) -> None:
    save(folder, [plain(i).isel(x=slice(0, 3 - i)) for i in range(2)])


@odd()
def missing_coordinates(folder: Path) -> None:
    save(folder, [plain(i, x=("x", np.array([0.5, np.nan, 2.5]))) for i in range(2)])


@odd()
def packed_coordinates(folder: Path) -> None:
    save(
        folder,
        [plain(i, x=("x", np.array([5, 15, 25], "i2"), {"scale_factor": 0.1, "add_offset": 1.0})) for i in range(2)],
    )


@odd()
def coordinates_packed_otherwise(folder: Path) -> None:
    given = [(np.array([5, 15, 25], "i2"), 0.5), (np.array([10, 30, 50], "i2"), 0.25)]
    save(folder, [plain(i, x=("x", given[i][0], {"scale_factor": given[i][1]})) for i in range(2)])


@odd()
def coordinates_attribute_that_names_nothing(folder: Path) -> None:
    area = ("x", np.array([1.0, 2, 3]))
    save(folder, [plain(i, attrs={"coordinates": "area nowhere"}, area=area) for i in range(2)])


@odd("C010")
def a_variable_that_one_file_lacks(folder: Path) -> None:
    save(folder, [plain(0), plain(1, more=("x", np.arange(3)))])
