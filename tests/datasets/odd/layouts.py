"""Types and layouts of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import xarray as xr

from .archive import each, odd, plain, save


@odd()
def big_endian(folder: Path) -> None:
    save(folder, [plain(i, v=(("time", "x"), np.arange(6).reshape(2, 3).astype(">i4"))) for i in range(2)])


@odd()
def big_endian_in_one_file(folder: Path) -> None:
    save(folder, [plain(i, v=(("time", "x"), np.arange(6).reshape(2, 3).astype((">f8", "<f8")[i]))) for i in range(2)])


@odd()
def half_floats(folder: Path) -> None:
    each(folder, lambda f, i: _add(f, "half", np.arange(6, dtype="f2").reshape(2, 3) / 3))


def _add(file: h5py.File, name: str, values: Any, dims: tuple[str, ...] = ("time", "x"), **more: Any) -> h5py.Dataset:
    made = file.create_dataset(name, data=values, **more)
    for axis, dim in enumerate(dims):
        made.dims[axis].attach_scale(file[dim])
    return made


@odd()
def unlimited_and_partly_written(folder: Path) -> None:
    for i in range(2):
        with netCDF4.Dataset(folder / f"{i}.nc", "w") as file:
            file.createDimension("time", None)
            file.createDimension("x", 3)
            time = file.createVariable("time", "f8", ("time",))
            time.units = "days since 2001-01-01"
            v = file.createVariable("v", "i2", ("time", "x"), fill_value=-5)
            late = file.createVariable("late", "f4", ("time", "x"))
            time[:] = [3 * i, 3 * i + 1, 3 * i + 2]
            v[:2] = np.arange(6).reshape(2, 3)
            late[0] = [1, 2, 3]


@odd(differs={"ragged": "lists of varying length have no place in an array"})
def variable_length_lists(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        made = file.create_dataset("ragged", (2,), h5py.vlen_dtype(np.int32))
        made[0], made[1] = [1, 2], [3]
        made.dims[0].attach_scale(file["time"])

    each(folder, write)


@odd(differs={"kind": "xarray keeps names of values, which Zarr has no place for"})
def enumerations(folder: Path) -> None:
    kinds = h5py.enum_dtype({"clear": 0, "cloudy": 1}, basetype="i1")
    each(folder, lambda f, i: _add(f, "kind", np.array([[0, 1, 0], [1, 1, 0]], "i1"), dtype=kinds))


@odd()
def booleans(folder: Path) -> None:
    save(
        folder, [plain(i, v=(("time", "x"), np.array([[True, False, True], [False, False, i == 1]]))) for i in range(2)]
    )


@odd(differs={"wave": "a table becomes a variable for each field", "wave.r": "a field", "wave.i": "a field"})
def complex_numbers(folder: Path) -> None:
    each(folder, lambda f, i: _add(f, "wave", np.arange(6).reshape(2, 3) * (1 + 2j)))


@odd(differs={"pointer": "an address within a file means nothing outside"})
def object_references(folder: Path) -> None:
    each(folder, lambda f, i: _add(f, "pointer", [f["x"].ref, f["v"].ref], ("time",), dtype=h5py.ref_dtype))


@odd()
def soft_links(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        file["hidden/deep"] = file["v"][...] * 2
        for axis, dim in enumerate(("time", "x")):
            file["hidden/deep"].dims[axis].attach_scale(file[dim])
        file["linked"] = h5py.SoftLink("/hidden/deep")

    each(folder, write)


@odd(differs={"gone": "the link leads nowhere"})
def soft_links_to_nothing(folder: Path) -> None:
    each(folder, lambda f, i: f.__setitem__("gone", h5py.SoftLink("/nowhere")))


@odd("I114")
def external_links(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        with h5py.File(folder / f"beside{i}.h5", "w") as other:
            other["far"] = np.arange(2)
        file["far"] = h5py.ExternalLink(f"beside{i}.h5", "far")

    each(folder, write)


@odd()
def char_arrays(folder: Path) -> None:
    for i in range(2):
        with netCDF4.Dataset(folder / f"{i}.nc", "w", format="NETCDF3_CLASSIC") as file:
            file.createDimension("time", None)
            file.createDimension("letters", 5)
            file.createVariable("time", "i4", ("time",)).units = "days since 2001-01-01"
            name = file.createVariable("name", "S1", ("time", "letters"))
            name._Encoding = "utf-8"
            file["time"][:] = [i]
            name[0] = np.array(["ab", "cdeé"][i])


@odd()
def fixed_and_variable_strings(folder: Path) -> None:
    for i in range(2):
        kind = object if i else "S4"
        save_one = plain(i, name=("time", np.array(["a", "bcd"], dtype=kind)))
        save_one.to_netcdf(folder / f"{i}.nc", engine="h5netcdf")


@odd()
def empty_strings_and_line_breaks(folder: Path) -> None:
    save(folder, [plain(i, name=("time", np.array(["", "a\nb\tc ü"], object))) for i in range(2)])


@odd()
def scalars_only(folder: Path) -> None:
    made = [
        xr.Dataset({"v": ((), np.float32(i)), "time": ((), i, {"units": "days since 2001-01-01"})}) for i in range(3)
    ]
    save(folder, made)


@odd(recipe="open: {dims: {/v: [time, x]}}")
def plain_hdf5_without_scales(folder: Path) -> None:
    for i in range(2):
        with h5py.File(folder / f"{i}.nc", "w") as file:
            file["v"] = np.arange(6).reshape(2, 3) + i


@odd()
def char_arrays_with_a_fill_value(folder: Path) -> None:
    for i in range(2):
        with netCDF4.Dataset(folder / f"{i}.nc", "w") as file:
            file.createDimension("time", 2)
            file.createDimension("letters", 3)
            file.createVariable("time", "i4", ("time",)).units = "days since 2001-01-01"
            file["time"][:] = [2 * i, 2 * i + 1]
            for name, fill in (("dashed", b"-"), ("spaced", b" "), ("ended", b"\0")):
                made = file.createVariable(name, "S1", ("time", "letters"), fill_value=fill)
                made[:] = np.array([["a", "-", "c"], ["x", " ", "z"]], "S1")


def _with_missing_text(folder: Path, values: np.ndarray, fill: Any, **more: Any) -> None:
    def write(file: h5py.File, i: int) -> None:
        _add(file, "name", values, ("time",), **more).attrs["_FillValue"] = fill

    each(folder, write)


@odd(differs={"name": "xarray compares text with bytes; see test_fixed_strings_that_are_missing"})
def fixed_strings_with_a_fill_value(folder: Path) -> None:
    _with_missing_text(folder, np.array([b"ab", b"n/a"]), np.array([b"n/a"]))


@odd()
def strings_with_a_fill_value(folder: Path) -> None:
    _with_missing_text(folder, np.array(["ab", "n/a"], object), "n/a", dtype=h5py.string_dtype())
