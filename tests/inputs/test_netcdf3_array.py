"""NetCDF classic files are read as scipy and netCDF4 read them; cut and broken ones are refused."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.io import netcdf_file

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.lazy import ArraySource, InPlaceSource, Locator
from pangeo_forge.inputs.netcdf3_array import Netcdf3Array, open_netcdf3_arrays
from pangeo_forge.inputs.netcdf3_header import read_header

TYPES = ["i1", "S1", ">i2", ">i4", ">f4", ">f8"]


def everything(array: Any) -> tuple[slice, ...]:
    return (slice(None),) * len(array.shape)


def code_of(read: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.where
    assert caught.value.hint
    return caught.value.code


@st.composite
def slices(draw: st.DrawFn, size: int) -> slice:
    start = draw(st.integers(0, size))
    return slice(start, draw(st.integers(start, size)), draw(st.integers(1, 4)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_values_are_those_of_scipy(tmp_path: Path, draw: st.DataObject) -> None:
    path = str(tmp_path / "x.nc")
    sizes = {"time": draw.draw(st.integers(0, 4)), "a": draw.draw(st.integers(1, 5)), "b": draw.draw(st.integers(1, 5))}
    dims = st.sampled_from([(), ("a",), ("b", "a"), ("time",), ("time", "a"), ("time", "b", "a")])
    described = draw.draw(st.lists(st.tuples(st.sampled_from(TYPES), dims), min_size=1, max_size=4))
    # scipy writes scalars among the records: such files are wrong, and refused.
    assume(not any(d == () for _, d in described) or not any("time" in d for _, d in described))
    version = draw.draw(st.sampled_from([1, 2]))
    rng = np.random.default_rng(0)
    expected: dict[str, np.ndarray] = {}
    with netcdf_file(path, "w", version=version) as file:
        file.title = "a title"
        for name, size in sizes.items():
            file.createDimension(name, None if name == "time" else size)
        for i, (dtype, names) in enumerate(described):
            shape = tuple(sizes[n] for n in names)
            values = (
                rng.integers(65, 90, shape).astype("u1").view("S1") if dtype == "S1" else rng.integers(-99, 99, shape)
            )
            expected[f"v{i}"] = np.asarray(values, np.dtype(dtype).newbyteorder("="))
            variable = file.createVariable(f"v{i}", dtype, names)
            variable.units = "m"
            if shape:
                if 0 not in shape:
                    variable[:] = values
            else:
                variable.data[...] = values
    for name, values in expected.items():
        if "time" in read_header(path).variables[name].dims:
            values = values[: read_header(path).dims["time"]]
        region = tuple(draw.draw(slices(n)) for n in values.shape)
        source = Netcdf3Array(path, name)
        found = source.read(region)
        assert source.dtype == found.dtype == values.dtype
        assert source.shape == values.shape
        assert (found.shape, found.tobytes()) == (values[region].shape, values[region].tobytes())
        out = np.zeros((*found.shape, 2), found.dtype)[..., 1]
        assert source.read(region, out=out) is out
        assert out.tobytes() == found.tobytes()


@pytest.mark.parametrize("format", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
def test_what_the_c_library_writes(tmp_path: Path, format: str) -> None:
    netcdf4 = pytest.importorskip("netCDF4")
    path = str(tmp_path / "x.nc")
    wide = format.endswith("DATA")
    types = ["i1", "i2", "i4", "f4", "f8", "S1"] + (["u1", "u2", "u4", "i8", "u8"] if wide else [])
    with netcdf4.Dataset(path, "w", format=format) as file:
        file.setncattr("numbers", np.array([1.5, 2.5]))
        file.createDimension("x", 3)
        file.createDimension("time", None)
        for i, dtype in enumerate(types):
            variable = file.createVariable(f"v_{dtype}", dtype, ("time", "x") if i % 2 else ("x",))
            variable.set_auto_maskandscale(False)
            data = np.arange(65, 65 + (6 if i % 2 else 3)).reshape((2, 3) if i % 2 else (3,))
            variable[:] = data.astype("u1").view("S1") if dtype == "S1" else data
    header = read_header(path)
    assert header.version == {"CLASSIC": 1, "OFFSET": 2, "DATA": 5}[format.split("_")[-1].removeprefix("64BIT_")]
    assert header.dims == {"x": 3, "time": 2}
    assert header.record_dim == "time"
    numbers = header.attrs["numbers"]
    assert isinstance(numbers, np.ndarray)
    assert numbers.tolist() == [1.5, 2.5]
    with netcdf4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        for name, source in open_netcdf3_arrays(path, list(file.variables)).items():
            expected = np.asarray(file[name][...])
            assert source.dtype == expected.dtype
            assert source.read(everything(source)).tobytes() == expected.tobytes()


def record_file(path: Path, variables: int, records: int = 3) -> str:
    with netcdf_file(path, "w") as file:
        file.createDimension("time", None)
        file.createDimension("x", 3)
        for i in range(variables):
            file.createVariable(f"v{i}", "i2", ("time", "x"))[:] = np.arange(3 * records).reshape(records, 3) + 100 * i
    return str(path)


def overwrite(path: str, at: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def test_a_single_record_variable_is_not_padded(tmp_path: Path) -> None:
    alone, both = record_file(tmp_path / "1.nc", 1), record_file(tmp_path / "2.nc", 2)
    assert read_header(alone).variables["v0"].storage.strides == (6, 2)
    assert read_header(both).variables["v0"].storage.strides == (16, 2)
    for path in (alone, both):
        assert Netcdf3Array(path, "v0").read((slice(1, 3), slice(None))).tolist() == [[3, 4, 5], [6, 7, 8]]
    assert Netcdf3Array(both, "v1").chunks == (1, 3)


@pytest.mark.parametrize("variables", [1, 2])
def test_a_streamed_number_of_records_follows_from_the_size(tmp_path: Path, variables: int) -> None:
    path = record_file(tmp_path / "x.nc", variables)
    overwrite(path, 4, b"\xff" * 4)
    assert Netcdf3Array(path, "v0").shape == (3, 3)
    if variables == 2:
        # The last record's padding may be absent.
        os.truncate(path, os.path.getsize(path) - 2)
        assert Netcdf3Array(path, "v1").read((slice(2, 3), slice(None))).tolist() == [[106, 107, 108]]
    os.truncate(path, os.path.getsize(path) - 1)
    assert code_of(lambda: read_header(path)) == "I211"


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    path = record_file(tmp_path / "x.nc", 2)
    last = max(v.storage.end for v in read_header(path).variables.values())
    data = Path(path).read_bytes()
    for length in range(last):
        Path(path).write_bytes(data[:length])
        assert code_of(lambda: read_header(path)) in ("I210", "I211")
    with pytest.raises(InputError, match=r"x\.nc: the NetCDF-3 file is truncated: variable 'v1' ends 1 bytes"):
        read_header(path)


@given(at=st.integers(0, 150), byte=st.integers(0, 255))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_broken_header_is_an_input_error_or_harmless(tmp_path: Path, at: int, byte: int) -> None:
    path = record_file(tmp_path / "x.nc", 2)
    overwrite(path, at, bytes([byte]))
    try:
        header = read_header(path)
        for name in header.variables:
            array = Netcdf3Array(path, name, header=header)
            assert array.read(tuple(slice(0, min(2, n)) for n in array.shape)).ndim == len(array.shape)
    except InputError as error:
        if error.code not in ("I210", "I211"):
            raise


def test_other_files_and_names(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"CDF\x03" + bytes(100))
    (tmp_path / "empty").write_bytes(b"")
    path = record_file(tmp_path / "x.nc", 1)
    assert code_of(lambda: read_header(str(tmp_path / "text"))) == "I210"
    assert code_of(lambda: read_header(str(tmp_path / "empty"))) == "I211"
    assert code_of(lambda: read_header(str(tmp_path / "absent"))) == "I200"
    assert code_of(lambda: Netcdf3Array(path, "other")) == "I212"
    source = Netcdf3Array(path, "v0")
    os.truncate(path, os.path.getsize(path) - 1)
    assert code_of(lambda: source.read(everything(source))) == "I206"


def test_headers_longer_than_one_read(tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    with netcdf_file(path, "w") as file:
        file.history = "x" * 200_000
        file.createDimension("x", 2)
        file.createVariable("v", "f4", ("x",))[:] = [1, 2]
    assert Netcdf3Array(str(path), "v").read((slice(None),)).tolist() == [1, 2]
    assert read_header(str(path)).attrs["history"] == b"x" * 200_000


def test_it_is_a_source_and_safe_between_threads(tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    data = np.random.default_rng(0).normal(size=(6, 80, 90)).astype("f4")
    with netcdf_file(path, "w") as file:
        for name, size in zip("tyx", (None, 80, 90), strict=True):
            file.createDimension(name, size)
        file.createVariable("v", "f4", tuple("tyx"))[:] = data
        file.createVariable("w", "i2", ("t",))[:] = range(6)
    source = pickle.loads(pickle.dumps(Netcdf3Array(str(path), "v")))
    assert isinstance(source, ArraySource)
    assert isinstance(source, InPlaceSource)
    assert source.locator == Locator("netcdf3", "v")
    before = len(os.listdir("/proc/self/fd"))
    starts = np.random.default_rng(1).integers(0, 60, (60, 2))

    def read(start: np.ndarray) -> bool:
        region = (slice(0, 6, 2), slice(int(start[0]), 80), slice(int(start[1]), 90, 3))
        return source.read(region).tobytes() == data[region].tobytes() and (source.read(everything(data)) == data).all()

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, starts))
    assert len(os.listdir("/proc/self/fd")) == before


def test_lengths_that_do_not_fit_the_file_are_refused(tmp_path: Path) -> None:
    path = record_file(tmp_path / "x.nc", 1)
    data = bytearray(Path(path).read_bytes())
    data[4:8] = struct.pack(">i", 2_000_000_000)
    Path(path).write_bytes(data)
    assert code_of(lambda: read_header(path)) == "I211"


def test_scalars_among_records_are_refused(tmp_path: Path) -> None:
    # As scipy writes them; netCDF-C says "unknown file format", and the values of both would be wrong.
    ds = xr.Dataset({"v": ("time", np.arange(3.0)), "w": ("time", np.arange(3.0)), "height": ((), np.float32(2))})
    ds.to_netcdf(tmp_path / "a.nc", engine="scipy", unlimited_dims=["time"])
    with pytest.raises(InputError, match=r"'height' lies among the records") as caught:
        read_header(str(tmp_path / "a.nc"))
    assert caught.value.code == "I210"
