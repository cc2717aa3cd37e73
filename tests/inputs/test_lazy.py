"""LazyArray against numpy: every chain of views reads what numpy gives, or is refused."""

from __future__ import annotations

import pickle
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from pangeo_forge.inputs.lazy import LazyArray, Locator
from pangeo_forge.inputs.openers.leaves import KnownArray


class Checked(KnownArray):
    """A source that holds callers to the contract of ``read``."""

    def read(self, region: tuple[slice, ...]) -> np.ndarray:
        assert len(region) == len(self.shape)
        for s, n in zip(region, self.shape, strict=True):
            assert 0 <= s.start <= s.stop <= n
            assert s.step is None or s.step >= 1
        return super().read(region)


def make(shape: tuple[int, ...], locator: Locator | None = None) -> tuple[LazyArray, np.ndarray]:
    values = np.arange(int(np.prod(shape)), dtype="i4").reshape(shape)
    return LazyArray(Checked(values, None, locator)), values


def equal(lazy: LazyArray, expected: np.ndarray) -> None:
    assert lazy.shape == expected.shape
    assert lazy.dtype == expected.dtype
    np.testing.assert_array_equal(lazy.read(), expected)


shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=5)


@st.composite
def chains(draw: Any) -> tuple[tuple[int, ...], list[Any]]:
    shape = draw(shapes)
    values = np.empty(shape)
    steps: list[Any] = []
    for _ in range(draw(st.integers(1, 4))):
        if values.ndim and draw(st.booleans()):
            step: Any = ("transpose", tuple(draw(st.permutations(range(values.ndim)))))
            values = values.transpose(step[1])
        else:
            key = draw(hnp.basic_indices(values.shape, allow_newaxis=True, max_dims=6))
            step = ("key", key)
            values = values[(*key, ...) if isinstance(key, tuple) and Ellipsis not in key else key]
            values = np.asarray(values)
        steps.append(step)
    return shape, steps


@given(chains())
@settings(max_examples=300, deadline=None)
def test_chains_of_views_equal_numpy(chain: tuple[tuple[int, ...], list[Any]]) -> None:
    lazy, values = make(chain[0])
    for what, argument in chain[1]:
        try:
            lazy = lazy.transpose(*argument) if what == "transpose" else lazy[argument]
        except IndexError as error:
            assert "added dimension" in str(error)  # noqa: PT017 - an added dimension is only taken whole
            return
        values = values.transpose(argument) if what == "transpose" else np.asarray(values[argument])
    equal(lazy, values)


@st.composite
def mixed_keys(draw: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    shape = draw(shapes)
    kinds = st.sampled_from(["slice", "int", "list", "column", "mask"])
    keys: list[Any] = []
    for n in shape:
        kind = draw(kinds)
        positions = st.lists(st.integers(-n, n - 1), min_size=1, max_size=4)
        if kind == "slice":
            keys.append(draw(st.slices(n)))
        elif kind == "int":
            keys.append(draw(st.integers(-n, n - 1)))
        elif kind == "mask":
            keys.append(np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))))
        else:
            array = np.array(draw(positions))
            keys.append(array[:, None] if kind == "column" else array)
    return shape, tuple(keys)


@given(mixed_keys())
@settings(max_examples=500, deadline=None)
def test_list_keys_equal_numpy_or_are_refused(case: tuple[tuple[int, ...], tuple[Any, ...]]) -> None:
    lazy, values = make(case[0])
    try:
        expected = values[case[1]]
    except IndexError:
        with pytest.raises((IndexError, ValueError)):
            lazy[case[1]].read()
        return
    try:
        view = lazy[case[1]]
    except IndexError as error:
        assert "points()" in str(error)  # noqa: PT017 - either way is right
    else:
        equal(view, np.asarray(expected))
    np.testing.assert_array_equal(lazy.points(case[1]), expected)


@given(shapes, st.data())
@settings(max_examples=150, deadline=None)
def test_xarray_outer_indexing_equals_numpy(shape: tuple[int, ...], data: Any) -> None:
    lazy, values = make(shape)
    dims = [f"d{i}" for i in range(len(shape))]
    picks: dict[str, Any] = {}
    for dim, n in zip(dims, shape, strict=True):
        one = st.one_of(
            st.slices(n), st.integers(-n, n - 1), st.lists(st.integers(-n, n - 1), min_size=1, max_size=4).map(np.array)
        )
        picks[dim] = data.draw(one)
    ours = xr.Variable(dims, lazy).isel(picks)
    theirs = xr.Variable(dims, values).isel(picks)
    assert ours.dims == theirs.dims
    np.testing.assert_array_equal(ours.values, theirs.values)


def test_pointwise_indexing_through_xarray_is_refused() -> None:
    lazy, _ = make((4, 5))
    points = xr.Variable("p", [0, 1])
    with pytest.raises(IndexError, match="single points"):
        xr.Variable(("y", "x"), lazy).isel(y=points, x=points)


def test_access_binds_to_files_of_other_lengths() -> None:
    locator = Locator("hdf5", "/a")
    lazy, _ = make((6, 3), locator)
    _, longer = make((9, 3))
    view = lazy[1:, ::-1].transpose(1, 0)
    access = view.access()
    assert access is not None
    assert pickle.loads(pickle.dumps(access)) == access
    equal(access.bind(KnownArray(longer)), longer[1:, ::-1].T)


def test_access_beyond_a_shorter_file_is_an_error() -> None:
    lazy, _ = make((6, 3), Locator("hdf5", "/a"))
    access = lazy[0:5].access()
    assert access is not None
    with pytest.raises(IndexError, match="beyond"):
        access.bind(KnownArray(np.zeros((2, 3))))


def test_maps_apply_to_what_is_read_only() -> None:
    lazy, values = make((4, 5))
    seen: list[tuple[int, ...]] = []

    def double(a: np.ndarray) -> np.ndarray:
        seen.append(a.shape)
        return a * 2.0

    mapped = lazy.map(double, "f8")
    assert mapped.access() is None
    np.testing.assert_array_equal(mapped[1:3].read(), values[1:3] * 2.0)
    assert seen == [(2, 5)]


def test_scalars_stay_arrays() -> None:
    lazy, values = make((3,))
    assert isinstance(lazy[1].read(), np.ndarray)
    assert np.asarray(lazy[1]) == values[1]


def test_a_dataset_keeps_it_lazy() -> None:
    lazy, _ = make((3, 4))
    dataset = xr.Dataset({"a": (("y", "x"), lazy)}).isel(y=slice(1, None)).transpose("x", "y")
    assert isinstance(dataset["a"].variable._data, LazyArray)
