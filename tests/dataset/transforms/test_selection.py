from __future__ import annotations

import cftime
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import RecipeError
from pangeo_forge.inputs.lazy import LazyArray

from .made import apply, dataset, oracle, reads, sst, values


def access(ds: xr.Dataset, name: str) -> object:
    data = ds.variables[name]._data
    assert isinstance(data, LazyArray)
    return data.access()


def test_a_range_on_a_falling_axis_is_a_view() -> None:
    ds = sst()
    out = apply(ds, ("select", {"lat": {"min": 10, "max": 30}}))
    assert access(out, "sst") is not None
    assert reads(ds) == {"lat": 1}  # the data were not read
    assert values(out, "lat").tolist() == [25, 15]
    assert np.array_equal(values(out, "sst"), values(ds, "sst")[:, :, 1:3])


@given(
    st.lists(st.integers(-50, 50), min_size=1, max_size=12, unique=True),
    st.booleans(),
    st.integers(-60, 60),
    st.integers(-60, 60),
    st.sampled_from([None, (0.5, 10.0), (2.0, -3.0)]),
)
def test_ranges_as_numpy(
    labels: list[int], falling: bool, one: int, two: int, packing: tuple[float, float] | None
) -> None:
    stored = np.array(sorted(labels, reverse=falling), "i2")
    attrs = {} if packing is None else {"scale_factor": packing[0], "add_offset": packing[1]}
    means = stored * (packing[0] if packing else 1) + (packing[1] if packing else 0)
    low, high = min(one, two), max(one, two)
    ds = dataset({"x": (("x",), stored, attrs), "v": (("x",), np.arange(len(stored)), {})})
    expected = np.flatnonzero((means >= low) & (means <= high))
    if len(expected) == 0:
        with pytest.raises(RecipeError, match="selects nothing of 'x', which runs from") as caught:
            apply(ds, ("select", {"x": {"min": low, "max": high}}))
        assert caught.value.code == "R204"
        return
    out = apply(ds, ("select", {"x": {"min": low, "max": high}}))
    assert values(out, "v").tolist() == expected.tolist()
    assert out.variables["x"].dtype == "i2"  # stays as stored
    assert access(out, "v") is not None


def test_dates_select_on_numbers_with_units() -> None:
    days = np.arange(0, 400)
    for calendar in ("standard", "360_day", "noleap"):
        attrs = {"units": "days since 2000-01-01", "calendar": calendar}
        ds = dataset({"time": (("time",), days, attrs), "v": (("time",), days, {})})
        dates = cftime.num2date(days, attrs["units"], calendar)
        out = apply(ds, ("select", {"time": {"min": "2000-02", "max": "2000-03"}}))
        assert values(out, "v").tolist() == [
            i for i, d in enumerate(dates) if (d.year, d.month) in ((2000, 2), (2000, 3))
        ]
        assert out.variables["time"].dtype.kind == "i"
        out = apply(ds, ("select", {"time": {"max": "2000-01-02"}}))
        assert values(out, "v").tolist() == [0, 1]
        out = apply(ds, ("select", {"time": "2000-01-05"}))
        assert values(out, "v") == 4
        assert out.variables["time"].ndim == 0
    with pytest.raises(RecipeError, match="runs from 2000-01-01") as caught:
        apply(ds, ("select", {"time": {"min": "2010"}}))
    assert caught.value.code == "R204"
    with pytest.raises(RecipeError, match="is a time") as caught:
        apply(ds, ("select", {"time": {"min": "soon"}}))
    assert caught.value.code == "R203"


def test_labels_and_mistakes() -> None:
    ds = sst()
    assert values(apply(ds, ("select", {"lat": [5, 35]})), "lat").tolist() == [5, 35]
    assert apply(ds, ("select", {"lat": 25})).variables["sst"].dims == ("time", "zlev", "lon")
    for code, wanted in (
        ("R204", {"lat": 26}),
        ("R204", {"lat": []}),
        ("R203", {"lat": {"min": "a"}}),
        ("R203", {"lat": {"low": 1}}),
        ("R203", {"lat": {}}),
        ("R201", {"latitude": {"min": 1}}),
        ("R205", {"area": {"min": 1}}),
    ):
        with pytest.raises(RecipeError) as caught:
            apply(ds, ("select", wanted))
        assert caught.value.code == code


def test_select_as_xarray_sel_and_longitudes_left() -> None:
    plain = oracle(sst()).load()
    ours = oracle(apply(sst(), ("select", {"lat": {"min": 10}, "lon": {"min": 100, "max": 250}})))
    xr.testing.assert_identical(ours.drop_encoding(), plain.sel(lat=slice(35, 10), lon=slice(100, 250)).drop_encoding())


def test_sort_reverses_by_a_view_and_leaves_the_sorted() -> None:
    ds = sst()
    out = apply(ds, ("sort", "lat"))
    assert values(out, "lat").tolist() == [5, 15, 25, 35]
    found = access(out, "sst")
    assert found is not None
    assert found.picks[2] == (0, None, -1)  # type: ignore[attr-defined]
    assert np.array_equal(values(out, "sst"), values(ds, "sst")[:, :, ::-1])
    same = apply(ds, ("sort", ["time", "lon"]))
    assert access(same, "sst") == access(ds, "sst")


def test_sort_of_anything_is_stable_and_by_meaning() -> None:
    attrs = {"units": "days since 2000-01-01", "calendar": "noleap"}
    ds = dataset({"time": (("time",), [3, 1, 2, 1], attrs), "v": (("time",), [0, 1, 2, 3], {})})
    assert values(apply(ds, ("sort", "time")), "v").tolist() == [1, 3, 2, 0]
    packed = dataset({"x": (("x",), [1, 2, 3], {"scale_factor": -0.5})})
    assert values(apply(packed, ("sort", "x")), "x").tolist() == [3, 2, 1]
    with pytest.raises(RecipeError, match="missing values") as caught:
        apply(dataset({"x": (("x",), [1.0, np.nan], {})}), ("sort", "x"))
    assert caught.value.code == "R205"
