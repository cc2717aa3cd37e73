from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pangeo_forge.errors import InternalError, TargetError
from pangeo_forge.plan.memory import Source, task_memory
from pangeo_forge.plan.overlaps import Overlap
from pangeo_forge.targets.chunks import ChunkStore, new_block
from pangeo_forge.targets.protocol import Written
from tests.targets.arrays import array_plan, values_of, whole

dimension = st.tuples(st.integers(0, 9), st.integers(1, 5), st.integers(1, 3))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(dimension, max_size=3),
    st.sampled_from(["<i2", "<f4", "str", "|b1"]),
    st.sampled_from([2, 3]),
    st.booleans(),
    st.data(),
)
def test_any_region_reads_back(
    dims: list[tuple[int, int, int]], dtype: str, version: int, sharded: bool, data: st.DataObject
) -> None:
    import tempfile

    shards = tuple(c * s for _, c, s in dims) if sharded and version == 3 else None
    fill = {"<i2": 7, "<f4": None, "str": None, "|b1": None}[dtype]
    array = array_plan(
        tuple(n for n, _, _ in dims), tuple(c for _, c, _ in dims), dtype, shards=shards, fill_value=fill
    )
    values = values_of(array)
    with tempfile.TemporaryDirectory() as folder:
        store = ChunkStore(folder, zarr_format=version)
        written = store.write_block(array, whole(array), values)
        assert written == store.write_block(array, whole(array), values)
        region = []
        for n in array.shape:
            a = data.draw(st.integers(0, n))
            region.append(slice(a, data.draw(st.integers(a, n))))
        back = store.read_block(array, tuple(region))
    assert back.shape == tuple(s.stop - s.start for s in region)
    assert np.array_equal(back, values[(*region, ...)])


def test_keys(tmp_path: Path) -> None:
    array, scalar = array_plan((4, 4), (2, 2)), array_plan((), ())
    assert ChunkStore(str(tmp_path)).key(array, (1, 0)) == "a/c/1/0"
    assert ChunkStore(str(tmp_path)).key(scalar, ()) == "a/c"
    assert ChunkStore(str(tmp_path), zarr_format=2).key(array, (1, 0)) == "a/1.0"
    assert ChunkStore(str(tmp_path), zarr_format=2).key(scalar, ()) == "a/0"


def test_chunks_of_fill_value_are_not_stored_and_a_retry_removes_them(tmp_path: Path) -> None:
    store, array = ChunkStore(str(tmp_path)), array_plan((4, 4), (2, 4), fill_value=-1)
    ones = np.ones((4, 4), "<i2")
    assert store.write_block(array, whole(array), ones).chunks == 2
    half = ones.copy()
    half[:2] = -1
    written = store.write_block(array, whole(array), half)
    assert (written.chunks, written.empty, written.bytes_raw) == (1, 1, 32)
    assert list(store.objects.list()) == ["a/c/1/0"]
    assert (store.read_block(array, whole(array)) == half).all()


def test_zarr_v2_without_fill_value_stores_every_chunk(tmp_path: Path) -> None:
    store, array = ChunkStore(str(tmp_path), zarr_format=2), array_plan((4,), (2,))
    assert store.write_block(array, whole(array), np.zeros(4, "<i2")).chunks == 2
    store.objects.delete("a/0")
    with pytest.raises(TargetError, match="T022"):
        store.read_block(array, whole(array))


@pytest.mark.parametrize(
    ("region", "values"),
    [
        ((slice(1, 3),), np.zeros(2, "<i2")),
        ((slice(0, 3),), np.zeros(3, "<i2")),
        ((slice(0, 2),), np.zeros(3, "<i2")),
        ((slice(0, 2),), np.zeros(2, "<i4")),
    ],
)
def test_blocks_that_are_not_whole_chunks_are_refused(tmp_path: Path, region: tuple, values: np.ndarray) -> None:
    with pytest.raises(InternalError, match="X020"):
        ChunkStore(str(tmp_path)).write_block(array_plan((5,), (2,)), region, values)


def test_big_endian_values_are_stored_right(tmp_path: Path) -> None:
    store, array = ChunkStore(str(tmp_path)), array_plan((4,), (2,))
    store.write_block(array, whole(array), np.arange(4, dtype=">i2"))
    assert store.read_block(array, whole(array)).tolist() == [0, 1, 2, 3]


def test_stores_are_picklable_after_use(tmp_path: Path) -> None:
    store, array = ChunkStore(str(tmp_path)), array_plan((4,), (2,))
    store.write_block(array, whole(array), np.arange(4, dtype="<i2"))
    assert pickle.loads(pickle.dumps(store)).read_block(array, whole(array)).tolist() == [0, 1, 2, 3]


def test_errors_of_threads_are_raised(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file where a folder should be")
    with pytest.raises(TargetError, match="T012"):
        ChunkStore(str(tmp_path)).write_block(array_plan((4,), (2,)), (slice(0, 4),), np.ones(4, "<i2"))


def test_new_blocks() -> None:
    region = (slice(0, 4),)
    half, all_ = Overlap((0,), 0, (slice(0, 2),), (slice(0, 2),)), Overlap((0,), 0, (slice(0, 4),), (slice(0, 4),))
    assert new_block(array_plan((4,), (2,), fill_value=-9), region, [half]).tolist() == [-9] * 4
    assert np.isnan(new_block(array_plan((4,), (2,), "<f4"), region, [half])).all()
    assert new_block(array_plan((4,), (2,), "str"), region, [half], 2).tolist() == [""] * 4
    assert new_block(array_plan((4,), (2,)), region, [all_]).shape == (4,)
    with pytest.raises(TargetError, match="T032"):
        new_block(array_plan((4,), (2,)), region, [half])


@pytest.mark.parametrize("chunks", [(10, 100, 100), (5, 50, 100), (20, 25, 30)])
@pytest.mark.parametrize("shards", [False, True])
def test_memory_stays_under_the_projection(tmp_path: Path, chunks: tuple[int, ...], shards: bool) -> None:
    block = (20, 200, 300)
    array = array_plan(block, chunks, "<f4", shards=tuple(2 * c for c in chunks) if shards else None)
    store = ChunkStore(str(tmp_path), threads=2)
    noise = np.random.default_rng(0).random(block, "f4")
    small = array_plan((2,), (1,), "<f4", name="b")
    store.write_block(small, whole(small), np.ones(2, "<f4"))
    tracemalloc.start()
    store.write_block(array, whole(array), noise.copy())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    projected = task_memory([array], {"a": Source((1, 1, 1), {})}, dict(zip(array.dims, block, strict=True)), 2)
    assert peak <= projected + 200_000


def test_written_adds_up() -> None:
    assert Written(1, 2, 3, 4) + Written(1, 1, 1, 1) == Written(2, 3, 4, 5)
