"""Any region of any flat array is read exactly, by runs or through the map."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pangeo_forge.errors import InputError
from pangeo_forge.inputs import flat_storage
from pangeo_forge.inputs.flat_storage import (
    FlatStorage,
    ShortRead,
    c_strides,
    normal_region,
    open_file,
    read_exactly,
    read_flat,
    region_shape,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_regions_by_runs_and_through_the_map(tmp_path: Path, draw: st.DataObject) -> None:
    shape = tuple(draw.draw(st.lists(st.integers(1, 6), max_size=4)))
    dtype = np.dtype(draw.draw(st.sampled_from(["<i2", ">i4", ">f8", "u1"])))
    gap, offset = draw.draw(st.integers(0, 9)), draw.draw(st.sampled_from([0, 5, 5000]))
    strides = c_strides(shape, dtype.itemsize)
    if shape:
        strides = (strides[0] + gap, *strides[1:])
    storage = FlatStorage(offset, shape, strides, dtype)
    data = np.random.default_rng(0).integers(0, 256, storage.end, np.uint8)
    expected = np.ndarray(shape, dtype, data.data, offset, strides)
    (tmp_path / "x").write_bytes(data.tobytes())
    region = []
    for n in shape:
        start = draw.draw(st.integers(0, n))
        region.append(slice(start, draw.draw(st.integers(start, n)), draw.draw(st.integers(1, 3))))
    picked = expected[(*region, ...)]
    fd = open_file(str(tmp_path / "x"), "x")
    former = flat_storage.RUN_BYTES
    try:
        for flat_storage.RUN_BYTES in (1, 8, 1 << 20):
            for out in (
                np.empty(picked.shape, dtype.newbyteorder("=")),
                np.empty((*picked.shape, 2), dtype.newbyteorder("="))[..., 0],
            ):
                read_flat(fd, storage, normal_region(tuple(region), shape), out)
                assert out.astype(dtype).tobytes() == picked.tobytes()
    finally:
        flat_storage.RUN_BYTES = former
        os.close(fd)


def test_regions_are_checked() -> None:
    assert normal_region((slice(None), slice(1, 99)), (3, 4)) == (slice(0, 3, 1), slice(1, 4, 1))
    assert region_shape(normal_region((slice(0, 9, 4), slice(3, 1)), (9, 5))) == (3, 0)
    with pytest.raises(ValueError, match="1 slices for an array of 2"):
        normal_region((slice(None),), (3, 4))
    with pytest.raises(ValueError, match="at least 1"):
        normal_region((slice(None, None, -1),), (3,))


def test_the_end_of_the_file_is_an_error_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(100))
    fd = open_file(str(path), "x")
    storage = FlatStorage(50, (30, 2), (4, 2), np.dtype("<i2"))
    try:
        for region in ((slice(0, 30, 1), slice(0, 2, 1)), (slice(0, 30, 2), slice(0, 1, 1))):
            with pytest.raises(ShortRead):
                read_flat(fd, storage, region, np.empty(region_shape(region), "i2"))
        with pytest.raises(ShortRead, match="wanted 60 bytes at byte 50, the file has only 50"):
            read_exactly(fd, 50, 60)
    finally:
        os.close(fd)
    with pytest.raises(InputError, match="I200"):
        open_file(str(tmp_path / "absent"), "absent")
