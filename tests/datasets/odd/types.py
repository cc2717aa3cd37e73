"""Types, shapes and names that HDF5 allows and arrays of numbers do not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np

from .archive import each, odd, plain, save


def _add(file: h5py.File, name: str, values: Any, dims: tuple[str, ...] = ("time", "x"), **more: Any) -> h5py.Dataset:
    made = file.create_dataset(name, data=values, **more)
    for axis, dim in enumerate(dims):
        made.dims[axis].attach_scale(file[dim])
    return made


@odd(differs={"flags": "bits have no type in an array"})
def bit_fields(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        space = h5py.h5s.create_simple((2,))
        h5py.h5d.create(file.id, b"flags", h5py.h5t.STD_B8LE, space)

    each(folder, write)


@odd(differs={"blob": "bytes without a meaning"})
def opaque_bytes(folder: Path) -> None:
    each(folder, lambda f, i: _add(f, "blob", np.array([b"ab", b"cd"], "V2"), ("time",)))


@odd(differs={"part": "an address within a file means nothing outside"})
def region_references(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        made = file.create_dataset("part", (2,), h5py.regionref_dtype)
        made[0] = file["v"].regionref[0:1]

    each(folder, write)


@odd(differs={"nested.a": "a field", "nested.b": "a field", "nested": "a table"})
def nested_tables(folder: Path) -> None:
    kind = np.dtype([("a", "i4"), ("b", [("c", "f8"), ("d", "S3")])])
    each(folder, lambda f, i: _add(f, "nested", np.zeros(2, kind), ("time",)))


@odd(differs={"lists": "arrays within a value"})
def arrays_within_values(folder: Path) -> None:
    each(folder, lambda f, i: f.create_dataset("lists", (2,), np.dtype(("i4", (3,)))))


@odd("C003")
def long_doubles(folder: Path) -> None:
    each(folder, lambda f, i: _add(f, "quad", np.arange(6, dtype=np.longdouble).reshape(2, 3)))


@odd()
def empty_data_spaces(folder: Path) -> None:
    each(folder, lambda f, i: f.attrs.__setitem__("nothing", h5py.Empty("f4")))


@odd(differs={"nothing": "no value at all"})
def variables_without_a_value(folder: Path) -> None:
    each(folder, lambda f, i: f.create_dataset("nothing", data=h5py.Empty("f4")))


@odd()
def dimensions_of_length_zero(folder: Path) -> None:
    save(folder, [plain(i, none=(("time", "z"), np.zeros((2, 0), "f4")), z=("z", np.zeros(0))) for i in range(2)])


@odd(differs={"cov": "xarray cannot join it; see test_a_dimension_twice"})
def a_dimension_twice(folder: Path) -> None:
    for i in range(2):
        with netCDF4.Dataset(folder / f"{i}.nc", "w") as file:
            file.createDimension("time", 2)
            file.createDimension("x", 2)
            file.createVariable("time", "i4", ("time",)).units = "days since 2001-01-01"
            file["time"][:] = [2 * i, 2 * i + 1]
            file.createVariable("cov", "f4", ("time", "x", "x"))[:] = np.arange(8).reshape(2, 2, 2)


@odd()
def chunks_larger_than_the_array(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        _add(file, "big", np.arange(6).reshape(2, 3), chunks=(64, 128), maxshape=(None, None), compression="gzip")

    each(folder, write)


@odd()
def unwritten_chunks(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        made = file.create_dataset("holes", (2, 3), "i4", chunks=(1, 2), fillvalue=7)
        for axis, dim in enumerate(("time", "x")):
            made.dims[axis].attach_scale(file[dim])
        made[0, 0] = 1

    each(folder, write)


@odd()
def scale_offset_and_lzf_filters(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        values = np.arange(6, dtype="i4").reshape(2, 3)
        _add(file, "so", values, chunks=(1, 3), scaleoffset=4)
        _add(file, "lzf", values, chunks=(1, 3), compression="lzf", shuffle=True)

    each(folder, write)


@odd("I207")
def a_filter_that_nobody_has(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((2, 3))
        creation.set_filter(30111, h5py.h5z.FLAG_OPTIONAL, (1,))
        made = h5py.h5d.create(file.id, b"odd", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((2, 3)), creation)
        # A chunk that says the filter was used.
        made.write_direct_chunk((0, 0), bytes(24), 0)
        for axis, dim in enumerate(("time", "x")):
            file["odd"].dims[axis].attach_scale(file[dim])

    each(folder, write)


@odd()
def names_of_every_kind(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        for name in ("été", "with space", "dot.ted", "UPPER", "9lives", "日本", "per%cent", "plus+", "under_", "-dash"):
            _add(file, name, np.arange(6).reshape(2, 3) + i)

    each(folder, write)


@odd(differs={"v@complex": "JSON has none", "v@matrix": "attributes are lists in netCDF"})
def attributes_of_every_type(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        attrs = file["v"].attrs
        attrs["f2"] = np.float16(1.5)
        attrs["matrix"] = np.arange(4).reshape(2, 2)
        attrs["texts"] = np.array(["a", "bé"], dtype=h5py.string_dtype())
        attrs["big"] = np.uint64(2**64 - 1)
        attrs["bool"] = np.True_
        attrs["bytes"] = np.bytes_(b"abc")
        attrs["enum"] = np.int8(1)
        attrs["nan"] = np.nan
        attrs["inf"] = np.array([np.inf, -np.inf])
        attrs["empty"] = np.zeros(0, "i4")
        attrs["complex"] = np.complex64(1 + 2j)

    each(folder, write)


@odd("C012")
def the_year_zero_of_nothing(folder: Path) -> None:
    for i in range(2):
        ds = plain(i)
        ds.time.attrs["units"] = "days since 0000-00-00"
        ds.to_netcdf(folder / f"{i}.nc", engine="h5netcdf")


@odd()
def the_year_zero(folder: Path) -> None:
    for i in range(2):
        ds = plain(i)
        ds.time.attrs.update(units="days since 0000-01-01", calendar="noleap")
        ds.to_netcdf(folder / f"{i}.nc", engine="h5netcdf")


@odd()
def times_that_are_text(folder: Path) -> None:
    for i in range(2):
        texts = np.array([f"2001-01-0{2 * i + 1}", f"2001-01-0{2 * i + 2}"], object)
        plain(i, time=("time", texts)).to_netcdf(folder / f"{i}.nc", engine="h5netcdf")


@odd("C013")
def times_that_are_infinite(folder: Path) -> None:
    for i in range(2):
        ds = plain(i)
        ds["time"] = ("time", np.array([0.0, np.inf]) + i, {"units": "days since 2001-01-01"})
        ds.to_netcdf(folder / f"{i}.nc", engine="h5netcdf")


@odd("C034")
def times_that_are_missing(folder: Path) -> None:
    for i in range(2):
        ds = plain(i)
        ds["time"] = ("time", np.array([2.0 * i, np.nan]), {"units": "days since 2001-01-01"})
        ds.to_netcdf(folder / f"{i}.nc", engine="h5netcdf")


@odd()
def groups_beside(folder: Path) -> None:
    each(folder, lambda f, i: f.create_group("time_of_day").create_dataset("v", data=np.arange(3)))


@odd()
def an_attribute_that_points_to_another_variable(folder: Path) -> None:
    def write(file: h5py.File, i: int) -> None:
        made = file.create_group("aside").create_dataset("v", data=np.arange(3))
        made.attrs["ref"] = file["x"].ref

    each(folder, write)


@odd(recipe="transforms: [cast: {quad: float64}]", differs={"quad": "xarray keeps it in 80 bits"})
def long_doubles_cast(folder: Path) -> None:
    each(folder, lambda f, i: _add(f, "quad", np.arange(6, dtype=np.longdouble).reshape(2, 3)))
