"""The chunk reader gives what h5py gives, bit by bit, or a clear error."""

from __future__ import annotations

import ctypes
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pangeo_forge.errors import InputError
from pangeo_forge.inputs import hdf5_filters, hdf5_layout
from pangeo_forge.inputs.hdf5_chunks import Hdf5Array, layout, read_layout
from pangeo_forge.inputs.lazy import ArraySource, InPlaceSource, LazyArray, Locator

Everything = tuple[slice, ...]


def everything(array: Any) -> Everything:
    return (slice(None),) * len(array.shape)


def native(values: np.ndarray) -> np.ndarray:
    return values.astype(values.dtype.newbyteorder("="))


def make(path: Path, data: np.ndarray, **options: Any) -> str:
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=data, **options)
    return str(path)


DTYPES = ["<i2", ">i2", "<f4", ">f4", "<f8", ">f8", "i1", "u1", "<u2", "<i4", ">i8", "<u8", "<f2", "?", "S3"]
FILTERS: list[dict[str, Any]] = [
    {},
    {"compression": "gzip"},
    {"compression": "gzip", "shuffle": True},
    {"compression": "gzip", "shuffle": True, "fletcher32": True},
    {"shuffle": True, "fletcher32": True},
    {"compression": "lzf", "shuffle": True},
]


@st.composite
def slices(draw: st.DrawFn, size: int) -> slice:
    start = draw(st.integers(0, size))
    return slice(start, draw(st.integers(start, size)), draw(st.integers(1, 4)))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_values_are_those_of_h5py(tmp_path: Path, draw: st.DataObject) -> None:
    shape = tuple(draw.draw(st.lists(st.integers(0, 9), min_size=1, max_size=3), label="shape"))
    chunks = draw.draw(st.none() | st.tuples(*(st.integers(1, max(1, min(5, n))) for n in shape)), label="chunks")
    dtype = np.dtype(draw.draw(st.sampled_from(DTYPES), label="dtype"))
    options = draw.draw(st.sampled_from(FILTERS if chunks else FILTERS[:1]), label="filters")
    fill = draw.draw(st.none() | st.integers(0, 100), label="fill")
    fill_time = draw.draw(st.sampled_from(["ifset", "never", "alloc"]), label="fill_time")
    written = tuple(draw.draw(slices(n), label="written") for n in shape)
    region = tuple(draw.draw(slices(n), label="region") for n in shape)
    threads = draw.draw(st.integers(1, 3), label="threads")
    path = str(tmp_path / "x.h5")
    values = np.random.default_rng(0).integers(0, 256, (*shape, dtype.itemsize), np.uint8)
    with h5py.File(path, "w") as file:
        extra = (
            {}
            if fill is None or dtype.kind == "S"
            else {"fillvalue": min(fill, 1) if dtype.kind == "b" else fill, "fill_time": fill_time}
        )
        maxshape = tuple(max(1, n) for n in shape) if chunks else None
        array = file.create_dataset("x", shape, dtype, chunks=chunks, maxshape=maxshape, **options, **extra)
        data = (values[..., 0] > 99) if dtype.kind == "b" else values.view(dtype)[..., 0]
        if data[written].size:
            array[written] = data[written]
    with h5py.File(path) as file:
        expected = native(file["x"][region])
    source = Hdf5Array(path, "x", threads=threads)
    assert source.layout.storage in ("chunked", "contiguous", "library")
    found = source.read(region)
    assert found.dtype == source.dtype == expected.dtype
    assert (found.shape, found.tobytes()) == (expected.shape, expected.tobytes())
    strided = np.zeros(tuple(2 * n for n in found.shape), source.dtype)[
        tuple(slice(None, None, 2) for _ in found.shape)
    ]
    assert source.read(region, out=strided) is strided
    assert strided.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("create", "reason"),
    [
        (lambda f: f.create_dataset("x", data=["a", "bc"], dtype=h5py.string_dtype()), "dtype object"),
        (lambda f: f.create_dataset("x", data=np.ones(3, [("a", "i4"), ("b", "f8")])), "dtype"),
        (lambda f: f.create_dataset("x", data=np.arange(3, dtype=">c8")), "dtype >c8"),
        (lambda f: f.create_dataset("x", data=np.arange(40.0), chunks=(7,), compression="lzf"), "filter 32000"),
        (lambda f: f.create_dataset("x", data=np.arange(40), chunks=(7,), scaleoffset=0), "filter 6"),
        (lambda f: f.create_dataset("x", data=np.array([b"ab", b"b"], "S4")), None),
        (lambda f: f.create_dataset("x", data=np.arange(4), external="raw.bin"), "external files"),
    ],
)
def test_what_is_unknown_is_read_by_h5py(tmp_path: Path, create: Callable[[Any], Any], reason: str | None) -> None:
    path = str(tmp_path / "x.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        with h5py.File(path, "w") as file:
            create(file)
        with h5py.File(path) as file:
            expected = file["x"][...]
            part = file["x"][1:2]
        source = Hdf5Array(path, "x")
        assert reason is None or (source.layout.storage, source.layout.reason[: len(reason)]) == ("library", reason)
        assert source.dtype.isnative
        again = pickle.loads(pickle.dumps(source))
        assert again.read((slice(None),)).tolist() == expected.tolist()
        assert source.read((slice(1, 2),)).tolist() == part.tolist()


def test_virtual_arrays_user_blocks_and_enumerations_are_read_by_h5py(tmp_path: Path) -> None:
    make(tmp_path / "part.h5", np.arange(6))
    virtual = h5py.VirtualLayout((6,), "i8")
    virtual[:] = h5py.VirtualSource(str(tmp_path / "part.h5"), "x", (6,))
    with h5py.File(tmp_path / "v.h5", "w", libver="latest") as file:
        file.create_virtual_dataset("x", virtual)
    with h5py.File(tmp_path / "u.h5", "w", userblock_size=512) as file:
        file["x"] = np.arange(6)
    for name in ("v.h5", "u.h5"):
        source = Hdf5Array(str(tmp_path / name), "x")
        assert source.layout.storage == "library"
        assert source.read((slice(1, 6, 2),)).tolist() == [1, 3, 5]


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("unlimited", [False, True])
def test_every_kind_of_chunk_index(tmp_path: Path, libver: str, unlimited: bool) -> None:
    data = np.arange(300, dtype="i4").reshape(20, 15)
    for chunks in ((20, 15), (7, 4), (1, 15)):
        with h5py.File(tmp_path / "x.h5", "w", libver=libver) as file:
            maxshape = (None, None) if unlimited else None
            file.create_dataset("x", data=data, chunks=chunks, maxshape=maxshape, compression="gzip")
            file.create_dataset("y", data=data, chunks=chunks, maxshape=maxshape)
        for known in layout(str(tmp_path / "x.h5"), ["x", "y"]).values():
            assert known.storage == "chunked"
            assert (
                read_layout(str(tmp_path / "x.h5"), known, (slice(3, 19, 5), slice(None))).tolist()
                == data[3:19:5].tolist()
            )


def test_scalars_compact_and_nested_arrays(tmp_path: Path) -> None:
    path = str(tmp_path / "x.h5")
    with h5py.File(path, "w") as file:
        file["scalar"] = np.float32(1.5)
        file["group/deep"] = np.arange(3, dtype=">i4")
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(file.id, b"compact", h5py.h5t.STD_I16BE, space, plist).write(
            h5py.h5s.ALL, h5py.h5s.ALL, np.array([5, 6, 7], "i2")
        )
        file["null"] = h5py.Empty("f4")
    found = layout(path, ["scalar", "group/deep", "compact"])
    assert read_layout(path, found["scalar"], ()).item() == 1.5
    assert read_layout(path, found["group/deep"], (slice(1, 3),)).tolist() == [1, 2]
    assert found["compact"].storage == "inline"
    assert read_layout(path, found["compact"], (slice(0, 3, 2),)).tolist() == [5, 7]
    with pytest.raises(InputError, match="I208"):
        layout(path, ["null"])


def test_filters_that_a_chunk_skipped(tmp_path: Path) -> None:
    path = str(tmp_path / "x.h5")
    data = np.arange(20, dtype="<i4")
    with h5py.File(path, "w") as file:
        array = file.create_dataset("x", (20,), "<i4", chunks=(10,), compression="gzip", shuffle=True)
        array[:10] = data[:10]
        array.id.write_direct_chunk((10,), data[10:].tobytes(), filter_mask=0b11)
    known = layout(path, ["x"])["x"]
    assert known.masks is not None
    assert known.masks.tolist() == [0, 3]
    assert read_layout(path, known, (slice(None),)).tolist() == data.tolist()


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"fletcher32": True}])
def test_edge_chunks_that_were_left_unfiltered(tmp_path: Path, options: dict[str, Any]) -> None:
    path, data = str(tmp_path / "x.h5"), np.arange(25, dtype="i4")
    libraries = [*Path(h5py.__file__).parents[1].glob("h5py.libs/libhdf5-*"), None]
    set_chunk_opts = getattr(ctypes.CDLL(str(libraries[0]) if libraries[0] else None), "H5Pset_chunk_opts", None)
    if set_chunk_opts is None:
        pytest.skip("the HDF5 library's own functions are out of reach")
    with h5py.File(path, "w", libver="latest") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((10,))
        plist.set_shuffle()
        if "compression" in options:
            plist.set_deflate(4)
        if "fletcher32" in options:
            plist.set_fletcher32()
        set_chunk_opts.argtypes = [ctypes.c_int64, ctypes.c_uint]
        assert set_chunk_opts(plist.id, 2) >= 0
        space = h5py.h5s.create_simple((25,))
        array = h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_INT32, space, plist)
        array.write(h5py.h5s.ALL, h5py.h5s.ALL, data)
    source = Hdf5Array(path, "x")
    assert source.layout.storage == "library"
    assert source.read((slice(None),)).tolist() == data.tolist()


REGISTERED_FILTERS = """
import sys, h5py, hdf5plugin as plugins, numpy as np
from pangeo_forge.inputs.hdf5_chunks import layout, read_layout
path = sys.argv[1]
data = np.arange(4000, dtype="<f4").reshape(40, 100)
options = {
    "zstd": plugins.Zstd(clevel=3),
    "blosc": plugins.Blosc(cname="zstd", clevel=5, shuffle=plugins.Blosc.BITSHUFFLE),
    "lz4": plugins.LZ4(nbytes=512),
    "bzip2": plugins.BZip2(),
    "bitshuffle": plugins.Bitshuffle(),
}
written = []
with h5py.File(path, "w") as file:
    for name, option in options.items():
        try:
            file.create_dataset(name, data=data, chunks=(7, 100), shuffle=name == "zstd", **option)
        except ValueError:
            # Plugins find the HDF5 that was loaded first, which may be another than h5py's: then they cannot write.
            continue
        written.append(name)
found = layout(path, written)
assert {n: k.storage for n, k in found.items()} == {n: "library" if n == "bitshuffle" else "chunked" for n in written}
print(*written)
for known in found.values():
    assert read_layout(path, known, (slice(None), slice(None)), threads=2).tobytes() == data.tobytes()
"""


def test_registered_filters(tmp_path: Path) -> None:
    pytest.importorskip("hdf5plugin")
    # In a process of its own: HDF5 takes plugins at its start, and other tests have started it without them.
    command = [sys.executable, "-c", REGISTERED_FILTERS, str(tmp_path / "x.h5")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    if not done.stdout.split():
        pytest.skip("these builds of h5py and hdf5plugin do not work together")


def test_netcdf4_files_with_an_unlimited_dimension_and_text(tmp_path: Path) -> None:
    netcdf4 = pytest.importorskip("netCDF4")
    path = str(tmp_path / "x.nc")
    with netcdf4.Dataset(path, "w") as file:
        file.createDimension("time", None)
        file.createDimension("n", 4)
        values = file.createVariable("v", "i2", ("time", "n"), zlib=True, shuffle=True, fletcher32=True, fill_value=-9)
        values[0:3] = np.arange(12).reshape(3, 4)
        values[5] = 1
        late = file.createVariable("late", "f8", ("time",), fill_value=1e20)
        late[1] = 2.0
        text = file.createVariable("text", "S1", ("time", "n"))
        text[0] = np.array(list("abcd"), "S1")
    with h5py.File(path) as file:
        for name, known in layout(
            path, ["v", "late", "text", "time"] if "time" in file else ["v", "late", "text"]
        ).items():
            region = everything(known)
            assert read_layout(path, known, region).tobytes() == file[name][...].tobytes()


# -- many chunks, threads, buffers -----------------------------------------------------------------------------------


def test_chunks_of_large_arrays_are_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, data = str(tmp_path / "x.h5"), np.arange(60, dtype="i4").reshape(6, 10)
    with h5py.File(path, "w") as file:
        array = file.create_dataset("x", (6, 10), "i4", chunks=(2, 3), compression="gzip", fillvalue=-7)
        array[:4] = data[:4]
    monkeypatch.setattr(hdf5_layout, "MAX_CHUNKS", 5)
    source = Hdf5Array(path, "x", threads=2)
    assert (source.layout.storage, source.layout.offsets) == ("lookup", None)
    assert source.read((slice(1, 6), slice(0, 10, 2))).tolist() == [*data[1:4, ::2].tolist(), [-7] * 5, [-7] * 5]


def test_a_whole_chunk_is_decoded_into_the_buffer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.arange(24, dtype=">i2").reshape(4, 6)
    path = make(tmp_path / "x.h5", data, chunks=(2, 6), shuffle=True, compression="gzip")
    buffer = np.zeros((8, 6), "i2")
    seen: list[np.ndarray | None] = []
    inner = hdf5_filters.decode

    def spy(*args: Any) -> Any:
        seen.append(args[4])
        return inner(*args)

    monkeypatch.setattr(hdf5_filters, "decode", spy)
    Hdf5Array(path, "x").read((slice(0, 4), slice(None)), out=buffer[2:6])
    assert all(part is not None and np.shares_memory(part, buffer) for part in seen)
    assert buffer[2:6].tolist() == data.tolist()
    assert not buffer[:2].any()
    assert not buffer[6:].any()


def test_a_buffer_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    source = Hdf5Array(make(tmp_path / "x.h5", np.arange(4, dtype="i2")), "x")
    for out in (np.zeros(3, "i2"), np.zeros(4, "i4"), np.zeros(4, ">i2")):
        with pytest.raises(ValueError, match="the region needs"):
            source.read((slice(None),), out=out)


def test_many_threads_read_one_array_and_leave_no_file_open(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 9, (40, 50), "i4")
    path = make(tmp_path / "x.h5", data, chunks=(8, 9), shuffle=True, compression="gzip")
    source = Hdf5Array(path, "x", threads=3)
    starts = np.random.default_rng(1).integers(0, 30, (120, 2))
    before = len(os.listdir("/proc/self/fd"))

    def read(start: np.ndarray) -> bool:
        region = tuple(slice(int(s), int(s) + 10) for s in start)
        return bool((source.read(region) == data[region]).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, starts))
    assert len(os.listdir("/proc/self/fd")) <= before  # what other tests left may be closed meanwhile


def test_layouts_need_no_hdf5_and_travel(tmp_path: Path) -> None:
    data = np.arange(100, dtype="i2")
    path = make(tmp_path / "x.h5", data, chunks=(30,), shuffle=True, compression="gzip", fletcher32=True)
    (tmp_path / "layout").write_bytes(pickle.dumps(layout(path, ["x"])["x"]))
    code = (
        "import sys, pickle; sys.modules['h5py'] = None\n"
        "from pangeo_forge.inputs.hdf5_chunks import read_layout\n"
        "known = pickle.load(open(sys.argv[2], 'rb'))\n"
        "print(read_layout(sys.argv[1], known, (slice(None),)).sum())"
    )
    done = subprocess.run([sys.executable, "-c", code, path, str(tmp_path / "layout")], capture_output=True, text=True)
    assert done.stdout.strip() == str(data.sum()), done.stderr


def test_it_is_a_source_that_reads_in_place(tmp_path: Path) -> None:
    data = np.arange(24, dtype="i2").reshape(2, 3, 4)
    source = Hdf5Array(make(tmp_path / "x.h5", data, chunks=(1, 2, 3)), "x")
    assert isinstance(source, ArraySource)
    assert isinstance(source, InPlaceSource)
    assert source.locator == Locator("hdf5", "x")
    assert source.chunks == (1, 2, 3)
    assert pickle.loads(pickle.dumps(source)).read(everything(data)).tolist() == data.tolist()


@given(draw=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_views_read_into_a_buffer_what_they_read(tmp_path: Path, draw: st.DataObject) -> None:
    path = tmp_path / "v.h5"
    if not path.exists():
        make(path, np.arange(60, dtype="i2").reshape(3, 4, 5), chunks=(2, 3, 5), compression="gzip", shuffle=True)
    view = LazyArray(Hdf5Array(str(path), "x"))
    picks = st.sampled_from([slice(None), slice(None, None, -1), slice(1, None), slice(1, 3), 1, slice(2, 2)])
    keys: list[Any] = [draw.draw(picks) for _ in range(3)]
    keys.insert(draw.draw(st.integers(0, 3)), None)
    view = view[tuple(keys)]
    view = view.transpose(*draw.draw(st.permutations(range(view.ndim))))
    if draw.draw(st.booleans()):
        view = view.map(lambda a: a + 1, "i2")
    out = np.full(view.shape, -1, "i2")
    assert view.read(out=out) is out
    assert out.tolist() == view.read().tolist()


# -- damage ----------------------------------------------------------------------------------------------------------


def code_of(read: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.where
    assert caught.value.hint
    return caught.value.code


def place_of(path: str) -> tuple[int, int]:
    known = layout(path, ["x"])["x"]
    assert known.offsets is not None
    assert known.sizes is not None
    return int(known.offsets[-1]), int(known.sizes[-1])


def overwrite(path: str, at: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def test_damage_in_a_chunk_names_the_chunk(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 99, 1000, "i4")
    path = make(tmp_path / "x.h5", data, chunks=(500,), compression="gzip", shuffle=True)
    offset, size = place_of(path)
    overwrite(path, offset + size // 2, bytes(40))
    source = Hdf5Array(path, "x")
    assert source.read((slice(0, 500),)).tolist() == data[:500].tolist()
    with pytest.raises(
        InputError, match=rf"x\.h5: x: chunk \(500,\) \({size} bytes at byte {offset}\) is corrupt.*I203"
    ):
        source.read((slice(None),))
    with pytest.raises(InputError, match="I203"):
        Hdf5Array(path, "x", threads=2).read((slice(None),))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_a_flipped_bit_is_never_a_wrong_value(tmp_path: Path, draw: st.DataObject) -> None:
    options = draw.draw(
        st.sampled_from([{"compression": "gzip"}, {"fletcher32": True}, {"compression": "gzip", "shuffle": True}])
    )
    data = np.random.default_rng(0).integers(0, 9, 200, "i2")
    path = make(tmp_path / "x.h5", data, chunks=(200,), **options)
    offset, size = place_of(path)
    known = layout(path, ["x"])["x"]
    at, bit = draw.draw(st.integers(0, size - 1)), draw.draw(st.integers(0, 7))
    with open(path, "rb") as file:
        file.seek(offset + at)
        overwrite(path, offset + at, bytes([file.read(1)[0] ^ 1 << bit]))
    try:
        found = read_layout(path, known, (slice(None),))
    except InputError as error:
        if error.code not in ("I203", "I205"):
            raise
    else:
        assert found.tolist() == data.tolist()


def test_a_checksum_that_does_not_fit(tmp_path: Path) -> None:
    path = make(tmp_path / "x.h5", np.arange(100), chunks=(100,), fletcher32=True)
    overwrite(path, place_of(path)[0], b"\x01")
    assert code_of(lambda: Hdf5Array(path, "x").read((slice(None),))) == "I205"


def test_a_stream_of_another_length_is_no_chunk(tmp_path: Path) -> None:
    import zlib

    path = str(tmp_path / "x.h5")
    for length in (9, 11):
        with h5py.File(path, "w") as file:
            array = file.create_dataset("x", (10,), "u1", chunks=(10,), compression="gzip")
            array.id.write_direct_chunk((0,), zlib.compress(bytes(length)))
        assert code_of(lambda: Hdf5Array(path, "x").read((slice(None),))) == "I203"


def test_cut_files(tmp_path: Path) -> None:
    for options in ({}, {"chunks": (50,), "compression": "gzip"}):
        path = make(tmp_path / "x.h5", np.arange(1000), **options)
        known = layout(path, ["x"])["x"]
        os.truncate(path, os.path.getsize(path) - 1)
        assert code_of(lambda path=path: Hdf5Array(path, "x")) == "I201"
        assert code_of(lambda path=path, known=known: read_layout(path, known, (slice(None),))) == "I206"


def test_a_layout_that_points_behind_the_end(tmp_path: Path) -> None:
    from dataclasses import replace

    for options in ({}, {"chunks": (1000,), "compression": "gzip"}):
        path = make(tmp_path / "x.h5", np.arange(1000), **options)
        known = layout(path, ["x"])["x"]
        assert known.offsets is not None
        broken = replace(known, offsets=known.offsets + known.file_size)
        assert code_of(lambda path=path, broken=broken: read_layout(path, broken, (slice(None),))) == "I204"
        assert code_of(lambda path=path, broken=broken: read_layout(path, broken, (slice(0, 999, 2),))) == "I204"


def test_files_that_are_absent_or_something_else(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    path = make(tmp_path / "x.h5", np.arange(3))
    known = layout(path, ["x"])["x"]
    assert code_of(lambda: Hdf5Array(str(tmp_path / "absent"), "x")) == "I201"
    assert code_of(lambda: Hdf5Array(str(tmp_path / "text"), "x")) == "I201"
    assert code_of(lambda: Hdf5Array(path, "y")) == "I202"
    os.remove(path)
    assert code_of(lambda: read_layout(path, known, (slice(None),))) == "I200"


def test_what_h5py_cannot_read_either(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 1000, 4000)
    path = make(tmp_path / "x.h5", data, chunks=(4000,), compression="lzf")
    with h5py.File(path) as file:
        place = file["x"].id.get_chunk_info(0)
    overwrite(path, place.byte_offset, b"\xff" * place.size)
    assert code_of(lambda: Hdf5Array(path, "x").read((slice(None),))) == "I207"


@pytest.mark.parametrize("locking", [None, True, False])
def test_a_file_that_this_process_has_open_already(tmp_path: Path, locking: bool | None) -> None:
    path = make(tmp_path / "x.h5", np.arange(4))
    with h5py.File(path, locking=locking) as other:
        assert Hdf5Array(path, "x").read((slice(None),)).tolist() == [0, 1, 2, 3]
        assert other["x"][1] == 1


def test_the_same_array_with_more_threads(tmp_path: Path) -> None:
    data = np.arange(60, dtype="i4").reshape(6, 10)
    one = Hdf5Array(make(tmp_path / "x.h5", data, chunks=(2, 3), compression="gzip"), "x")
    two = one.with_threads(2)
    assert (one.threads, two.threads, two.layout) == (1, 2, one.layout)
    np.testing.assert_array_equal(two.read((slice(1, 6), slice(None))), data[1:])
