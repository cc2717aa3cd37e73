from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import PlanError
from pangeo_forge.plan.grid import auto_chunks, make_grid, unknown_dims
from pangeo_forge.plan.layout import Layout, VariableLayout

DIMS = ("time", "lat", "lon")
SHAPE = (400, 720, 1440)


def grid(layout: Layout, name: str = "sst", dims: tuple[str, ...] = DIMS, shape: tuple[int, ...] = SHAPE, **kw: object):
    return make_grid(name, dims, shape, "<i2", layout, concat_dims=("time",) if "time" in dims else (), **kw)


def test_explicit_chunks() -> None:
    assert grid(Layout(chunks={"time": 20})).chunks == (20, 720, 1440)
    assert grid(Layout(chunks={"time": -1, "lat": 90, "lon": 5000})).chunks == (400, 90, 1440)


def test_chunks_are_not_cut_along_the_append_dimension() -> None:
    layout = Layout(chunks={"time": 1000}, append="time")
    assert grid(layout).chunks == (1000, 720, 1440)
    assert grid(layout, "time", ("time",), (400,)).chunks == (16384,)


@pytest.mark.parametrize(
    ("name", "dims", "shape", "expected"),
    [("time", ("time",), (400,), (400,)), ("crs", (), (), ()), ("mask", ("lat",), (720,), (720,))],
)
def test_coordinates_scalars_and_small_arrays_are_one_chunk(
    name: str, dims: tuple[str, ...], shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert grid(Layout(chunks={"time": 2, "lat": 3}), name, dims, shape).chunks == expected


def test_a_variables_own_chunks_win() -> None:
    layout = Layout(chunks={"time": 20}, variables={"sst": VariableLayout(chunks={"lat": 10})})
    assert grid(layout).chunks == (400, 10, 1440)
    assert grid(layout, "ice").chunks == (20, 720, 1440)


def test_known_coordinate_values_are_one_chunk() -> None:
    assert grid(Layout(chunks={"time": 2}), "month", ("time",), (400,), one_chunk=True).chunks == (400,)


def test_auto_divides_the_concat_dim_first_then_the_rest() -> None:
    assert auto_chunks(DIMS, SHAPE, 2, 50_000_000, {}, ("time",)) == (24, 720, 1440)
    chunks = auto_chunks(DIMS, SHAPE, 2, 500_000, {}, ("time",))
    assert chunks[0] == 1
    assert math.prod(chunks) * 2 <= 500_000


def test_auto_divides_by_ratio() -> None:
    chunks = auto_chunks(DIMS, SHAPE, 2, 1_000_000, {"time": 10, "lat": 1, "lon": 1})
    counts = [math.ceil(n / c) for n, c in zip(SHAPE, chunks, strict=True)]
    assert math.prod(chunks) * 2 <= 1_000_000
    assert 7 <= counts[0] / counts[1] <= 13
    assert auto_chunks(DIMS, SHAPE, 2, 1_000_000, {"lat": 1, "lon": -1})[::2] == (400, 1440)


@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=4),
    st.integers(1, 8),
    st.integers(1, 10**7),
    st.lists(st.sampled_from([-1.0, 0.5, 1.0, 3.0, 10.0]), min_size=4, max_size=4),
)
def test_auto_chunks_stay_within_their_bytes(shape: list[int], item: int, limit: int, weights: list[float]) -> None:
    dims = [f"d{i}" for i in range(len(shape))]
    ratio = dict(zip(dims, weights, strict=False))
    chunks = auto_chunks(dims, shape, item, limit, ratio)
    assert all(1 <= c <= max(1, n) for c, n in zip(chunks, shape, strict=True))
    divided = [d for d in dims if ratio[d] > 0] or []
    least = math.prod(max(1, n) for d, n in zip(dims, shape, strict=True) if d not in divided)
    if divided and least * item <= limit:
        assert math.prod(chunks) * item <= limit


def test_shards() -> None:
    layout = Layout(chunks={"time": 20, "lat": 90}, shards={"time": 200, "lat": -1})
    assert grid(layout).shards == (200, 720, 1440)
    assert grid(Layout(chunks={"time": 20}, shards={"time": 20})).shards is None
    # Along a dimension that is shorter than the shard asked for, the shard ends with it.
    assert grid(Layout(chunks={"time": 20}, shards={"time": 1000})).shards == (400, 720, 1440)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 4000))
def test_shard_bytes_give_whole_chunks(time: int, lat: int, kilobytes: int) -> None:
    chunk = time * lat * 1440 * 2
    layout = Layout(chunks={"time": time, "lat": lat}, shard_bytes=kilobytes * 1000)
    if chunk > kilobytes * 1000:
        with pytest.raises(PlanError, match="P204"):
            grid(layout)
        return
    result = grid(layout)
    assert math.prod(result.granule) * 2 <= kilobytes * 1000
    assert all(g % c == 0 for g, c in zip(result.granule, result.chunks, strict=True))


@pytest.mark.parametrize(
    ("layout", "code", "text"),
    [
        (Layout(chunks={"time": 20}, shards={"time": 50}), "P204", "write time: 40 or 60"),
        (Layout(chunks={"time": 20}, shards={"time": 40}, zarr_format=2), "P205", "zarr_format: 3"),
        (Layout(chunks={"time": 0}), "P203", "target.chunks.time: 0"),
    ],
)
def test_impossible_layouts(layout: Layout, code: str, text: str) -> None:
    with pytest.raises(PlanError, match=text) as error:
        grid(layout)
    assert error.value.code == code


def test_unknown_dimension_gets_a_suggestion() -> None:
    assert unknown_dims({"time": 1}, DIMS, ("target", "chunks")) == []
    (found,) = unknown_dims({"tme": 1}, DIMS, ("target", "chunks"))
    assert (found.code, found.path, found.hint) == ("P202", ("target", "chunks", "tme"), "did you mean 'time'?")
