from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import TargetError
from pangeo_forge.inputs.flat_storage import FlatStorage, c_strides
from pangeo_forge.targets import byte_ranges
from pangeo_forge.targets.byte_ranges import ChunkForm, StoredArray, flat_chunks, stored_arrays


@st.composite
def flat_arrays(draw: st.DrawFn) -> tuple[np.ndarray, bytes, FlatStorage, tuple[int, ...], int]:
    """An array, a file that holds it (records apart or not), where it lies, steps that divide its shape, a limit."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=0, max_size=3)))
    values = np.arange(math.prod(shape), dtype=">i4").reshape(shape)
    lead, gap = draw(st.integers(0, 9)), draw(st.sampled_from([0, 0, 4, 12])) if shape else 0
    rows = values.reshape(shape[0], -1) if shape else values.reshape(1, 1)
    data = b"\x07" * lead + b"".join(row.tobytes() + b"\x09" * gap for row in rows)
    strides = c_strides(shape, 4)
    if shape:
        strides = (rows.shape[1] * 4 + gap, *strides[1:])
    steps = tuple(draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0])) for n in shape)
    return (
        values,
        data,
        FlatStorage(lead, shape, strides, values.dtype),
        steps,
        draw(st.sampled_from([4, 16, 64, 1 << 20])),
    )


@given(flat_arrays())
def test_chunks_of_flat_arrays_hold_their_values(
    made: tuple[np.ndarray, bytes, FlatStorage, tuple[int, ...], int],
) -> None:
    values, data, flat, steps, limit = made
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_ranges, "MAX_FLAT_CHUNK", limit)
        chunks = flat_chunks(flat.shape, flat.strides, 4, steps)
    assert all(step % c == 0 for step, c in zip(steps, chunks, strict=True))
    assert math.prod(chunks) * 4 <= max(4, limit)
    cut = StoredArray(flat.shape, ">i4", None, flat=flat).cut(chunks)
    assert cut.offsets is not None
    assert cut.sizes is not None
    found = np.zeros_like(values)
    for at in itertools.product(*map(range, cut.offsets.shape)):
        offset, size = int(cut.offsets[at]), int(cut.sizes[at])
        region = tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, chunks, strict=True))
        found[region] = np.frombuffer(data[offset : offset + size], ">i4").reshape(chunks)
    np.testing.assert_array_equal(found, values)


def test_chunks_are_as_large_as_they_may_be() -> None:
    assert flat_chunks((12, 5, 3), (60, 12, 4), 4, (6, 5, 3)) == (6, 5, 3)
    assert flat_chunks((12, 5, 3), (80, 12, 4), 4, (6, 5, 3)) == (1, 5, 3), "records lie apart"
    assert flat_chunks((12, 4000, 4000), (64_000_000, 16_000, 4), 4, (12, 4000, 4000)) == (1, 2000, 4000)


def test_formats_without_byte_ranges_are_refused() -> None:
    with pytest.raises(TargetError, match="T071"):
        stored_arrays("geotiff", "x.tif", ["t"])


def test_hdf5_codecs_are_listed_in_the_order_of_writing(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset(
            "a", data=np.arange(40, dtype="i2"), chunks=(8,), compression="gzip", shuffle=True, fletcher32=True
        )
        f.create_dataset("b", data=np.arange(40, dtype=">f8"))
        f.create_dataset("never", (9,), "f4", chunks=(3,), fillvalue=5)
    a, b, never = stored_arrays("hdf5", str(tmp_path / "a.h5"), ["a", "b", "never"]).values()
    assert list(a.codecs) == [{"id": "shuffle", "elementsize": 2}, {"id": "zlib"}, {"id": "fletcher32"}]
    assert (b.dtype, b.chunks) == (">f8", None)
    assert never.offsets is not None
    assert (never.offsets == -1).all()
    assert np.frombuffer(never.fill, "<f4")[0] == 5


def test_arrays_of_many_chunks_are_listed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import h5py

    from pangeo_forge.inputs import hdf5_layout

    monkeypatch.setattr(hdf5_layout, "MAX_CHUNKS", 3)
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f.create_dataset("a", data=np.arange(12), chunks=(1,))
    found = stored_arrays("hdf5", str(tmp_path / "a.h5"), ["a"])["a"].offsets
    assert found is not None
    assert (np.diff(found) > 0).all()


def test_a_difference_of_forms_is_told_in_words() -> None:
    one, two = ChunkForm("<i2", (1, 4), "[]"), ChunkForm("<i2", (1, 5), "[]")
    assert one.difference(two) == "chunks (1, 5) instead of (1, 4)"
