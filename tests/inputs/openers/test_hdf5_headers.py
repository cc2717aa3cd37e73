"""What our reading of headers says of a file's attributes and dimensions is what the HDF5 library says, or it says nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pangeo_forge.inputs.hdf5_layout import opened
from pangeo_forge.inputs.isolation import IN_PROCESS
from pangeo_forge.inputs.openers.hdf5_group import GroupReader, group_names
from pangeo_forge.inputs.openers.hdf5_headers import UNKNOWN, Headers
from pangeo_forge.inputs.sniff import sniff

DATA = Path(__file__).parents[2] / "data"
FILES = sorted(p for p in DATA.rglob("*") if p.suffix in (".nc", ".nc4", ".h5", ".hdf5", ".HDF5") and p.is_file())
HDF5 = [p for p in FILES if sniff(str(p)) in ("netcdf4", "hdf5")]


def _read(path: Path, group: str, *, headers: bool) -> str:
    """All that a reader finds, as text: NaN is not equal to itself."""
    fd = os.open(path, os.O_RDONLY)
    try:
        with opened(str(path)) as file:
            found = GroupReader(file, str(path), group, {}, (), IN_PROCESS, Headers(fd) if headers else None).read()
    finally:
        os.close(fd)
    variables = {n: (v.dims, v.source.dtype, v.source.shape, _shown(v.attrs)) for n, v in found.variables.items()}
    return repr((variables, _shown(found.attrs), found.warnings))


def _shown(attrs: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(name, type(value).__name__, repr(value)) for name, value in attrs.items()]


def _same(path: Path, group: str = "/") -> None:
    assert _read(path, group, headers=True) == _read(path, group, headers=False)


def _known(path: Path, name: str) -> dict[str, Any]:
    """Attributes of an object that are read without the library."""
    fd = os.open(path, os.O_RDONLY)
    try:
        headers = Headers(fd)
        with h5py.File(path) as file:
            address = h5py.h5o.get_info(file[name].id).addr
        stored = headers.attributes(address)
        found = {} if stored is None else {k.decode(): headers.value(v) for k, v in stored.items()}
    finally:
        os.close(fd)
    return {k: v for k, v in found.items() if v is not UNKNOWN}


@pytest.mark.parametrize("path", HDF5, ids=lambda p: p.name)
def test_real_files(path: Path) -> None:
    with opened(str(path)) as file:
        groups = ["/", *group_names(file)]
    for group in groups:
        _same(path, group)


NUMBERS = hnp.arrays(
    st.one_of(hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), hnp.floating_dtypes(sizes=(32, 64))),
    hnp.array_shapes(min_dims=0, max_dims=2, max_side=4),
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
VALUES = st.one_of(NUMBERS, TEXTS, st.lists(TEXTS, min_size=1, max_size=3), TEXTS.map(lambda t: np.bytes_(t.encode())))


@pytest.mark.parametrize("version", ["earliest", "latest"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(attrs=st.dictionaries(st.sampled_from([*"abcdefghijkl", "ü"]), VALUES, max_size=13))
def test_made_files(tmp_path: Path, version: Any, attrs: dict[str, Any]) -> None:
    path = tmp_path / "a.h5"
    path.unlink(missing_ok=True)
    with h5py.File(path, "w", libver=version) as file:
        x = file.create_dataset("x", data=np.arange(3))
        for name, value in attrs.items():
            x.attrs[name] = value
    _same(path)


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_plain_attributes_need_no_library(tmp_path: Path, version: Any) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver=version) as file:
        attrs = file.create_dataset("x", data=np.arange(3)).attrs
        attrs.update({"n": 3, "f": np.float32(0.5), "v": np.arange(4, dtype=">i2"), "s": "text", "b": np.bytes_(b"x")})
    found = _known(tmp_path / "a.h5", "x")
    assert found["v"].tolist() == [0, 1, 2, 3]
    assert {k: found[k] for k in "nfsb"} == {"n": 3, "f": 0.5, "s": b"text", "b": b"x"}


def test_what_is_stored_otherwise_is_left_to_the_library(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        x, y = file.create_dataset("x", data=np.arange(3)), file.create_dataset("y", data=np.arange(3))
        x.attrs.update({f"n{i}": i for i in range(20)})
        y.attrs["e"] = h5py.Empty("f4")
        y.attrs["bool"] = True
        y.attrs["ref"] = x.ref
        y.attrs["complex"] = 1j
        y.attrs.create("space", b"a ", dtype=_padded(2))
        y.attrs.create("named", 1, dtype="i4")
    assert _known(path, "x") == {}  # in a fractal heap
    assert _known(path, "y") == {"named": 1}
    _same(path)


def _padded(padding: int) -> Any:
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(4)
    kind.set_strpad(padding)
    return h5py.Datatype(kind)


def test_dimensions_that_other_groups_and_second_names_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"x": 3, "y": 2}
        file.create_variable("x", ("x",), data=np.arange(3))
        file.create_variable("v", ("y", "x"), data=np.ones((2, 3)))
        file.create_group("g").create_variable("w", ("y", "x"), data=np.ones((2, 3)))
    with h5py.File(path, "a") as file:
        file["again"] = file["x"]
        file["soft"] = h5py.SoftLink("/v")
    _same(path)
    _same(path, "/g")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_damaged_headers_raise_nothing(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.h5"
    if not path.exists():
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=np.arange(3)).attrs.update({"a": 1, "s": "text", "l": ["a", "b"]})
    with h5py.File(path) as file:
        address = h5py.h5o.get_info(file["x"].id).addr
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(address, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "b.h5").write_bytes(raw)
    fd = os.open(tmp_path / "b.h5", os.O_RDONLY)
    try:
        headers = Headers(fd)
        for attribute in (headers.attributes(address) or {}).values():
            headers.value(attribute)
            headers.last_references(attribute)
    finally:
        os.close(fd)
