"""Combining scans: any order and any tree gives the same; policies; conflicts that name the files."""

from __future__ import annotations

import pickle
import random
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from pangeo_forge.dataset.combine import ATTR_VALUES, Combination
from pangeo_forge.dataset.model import InputScan, Template
from pangeo_forge.dataset.scan import scan_dataset
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.errors import CombineError

from .materialized import combined, decoded, materialize

TIME = {"units": "days since 2000-01-01", "calendar": "standard"}


def day(
    start: int,
    length: int = 2,
    *,
    units: str = TIME["units"],
    dtype: str = "i4",
    lat: tuple[float, ...] = (1.0, 2.0),
    **attrs: Any,
) -> xr.Dataset:
    """A small stored input; ``attrs`` are those of sst."""
    times = np.arange(start, start + length).astype(dtype)
    data = (np.arange(length * 2).reshape(length, 2) + start).astype("i2")
    return xr.Dataset(
        {
            "time": ("time", times, {"units": units, "calendar": "standard"}),
            "lat": ("lat", np.array(lat), {"units": "degrees_north"}),
            "sst": (("time", "lat"), data, attrs),
        },
        attrs={"title": "t", "id": str(start)},
    )


def summary(template: Template) -> list[Any]:
    """All of a template in a form that compares."""

    def plain(value: Any) -> Any:
        return (value.dtype.str, value.tolist()) if isinstance(value, np.ndarray) else repr(value)

    arrays = [[plain(getattr(a, f.name)) for f in fields(a)] for a in template.arrays]
    lengths = {d: (template.lengths[d].tolist(), template.starts[d].tolist()) for d in template.concat_dims}
    return [
        arrays,
        lengths,
        repr(template.sizes),
        repr(template.attrs),
        repr(template.trims),
        template.positions,
        template.warnings,
    ]


def outcome(combination: Combination) -> Any:
    try:
        return summary(combination.template())
    except CombineError as error:
        return str(error)


def tree(scans: list[InputScan], options: CombineSettings, rng: random.Random) -> Combination:
    """Scans in a random order, merged in a random tree, pickled now and then."""
    rng.shuffle(scans)
    parts = [Combination.empty(options)]
    for scan in scans:
        if rng.random() < 0.5:
            parts.append(Combination.empty(options))
        parts[-1].add(scan)
    while len(parts) > 1:
        one, two = parts.pop(rng.randrange(len(parts))), parts.pop(rng.randrange(len(parts)))
        if rng.random() < 0.3:
            one = pickle.loads(pickle.dumps(one))
        parts.append(one.merge(two))
    return parts[0]


quirks = st.sampled_from(
    [{}, {}, {}, {},
     {"units": "hours since 2000-01-01"}, {"dtype": "f8"}, {"lat": (1.0, 2.5)}, {"missing_value": np.int16(3)},
     {"scale_factor": 0.5}, {"long_name": "x"}, {"length": 3}]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(quirks, min_size=1, max_size=6), st.sampled_from(["fail", "first", "last"]), st.integers(0, 2**32))
def test_any_order_and_any_tree_give_the_same(parts: list[dict[str, Any]], duplicates: str, seed: int) -> None:
    options = CombineSettings(("time",), duplicates=duplicates)
    scans = [scan_dataset(day(2 * i, **q), (i,), f"f{i}", ("time",)) for i, q in enumerate(parts)]
    one = Combination.empty(options)
    for scan in scans:
        one.add(scan)
    rng = random.Random(seed)
    assert outcome(tree(list(scans), options, rng)) == outcome(one)
    assert outcome(tree([*scans, scans[0]], options, rng)) == outcome(one)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_attributes_that_always_differ_are_bounded(seed: int, count: int) -> None:
    options = CombineSettings(("time",), attrs="first")
    scans = [scan_dataset(day(2 * i), (i,), f"f{i}", ("time",)) for i in range(count)]
    merged = tree(scans, options, random.Random(seed))
    assert len(merged.attrs["", "id"].values) == min(count, ATTR_VALUES)
    assert merged.attrs["", "id"].overflow == (count > ATTR_VALUES)
    assert merged.template().attrs == {"title": "t", "id": "0"}


def test_attributes_by_policy() -> None:
    inputs = [day(0), day(2)]
    assert combined(inputs)[0].attrs == {"title": "t"}
    assert combined(inputs, attrs="first")[0].attrs == {"title": "t", "id": "0"}
    assert error(inputs, attrs="match").code == "C016"
    kelvin = [day(0, units_of="K"), day(2)]
    assert combined(kelvin)[0].array("sst").attrs["units_of"] == "K"


def error(inputs: Any, dims: tuple[str, ...] = ("time",), **options: Any) -> CombineError:
    with pytest.raises(CombineError) as caught:
        combined(inputs, dims, **options)
    assert caught.value.hint
    return caught.value


def test_units_that_differ_are_never_dropped() -> None:
    celsius, kelvin = day(0), day(2)
    celsius.sst.attrs["units"], kelvin.sst.attrs["units"] = "degC", "K"
    problem = error([celsius, kelvin])
    assert problem.code == "C015"
    assert "input (0,)" in problem.message
    assert combined([celsius, kelvin], attrs="first")[0].array("sst").attrs["units"] == "degC"


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ([day(0), day(2).transpose("lat", "time")], "C004"),
        ([day(0), day(2).assign(sst=lambda d: d.sst.astype("i4"))], "C005"),
        ([day(0), day(2, lat=(1.0, 2.0)).isel(lat=[0])], "C006"),
        ([day(0), day(2, lat=(1.0, 2.5))], "C009"),
        ([day(0), day(2).drop_vars("sst")], "C010"),
        ([day(0), day(0)], "C030"),
        ([day(2), day(0)], "C030"),
        ([day(0, 3), day(2)], "C030"),
        ([day(0), day(1, dtype="f8").assign_coords(time=("time", [0.5, 2.5], TIME))], "C032"),
    ],
)
def test_conflicts_name_the_files(inputs: list[xr.Dataset], code: str) -> None:
    if code == "C030" and len(inputs) == 2 and int(inputs[0].time[0]) == 2:
        # A series that falls is fine from file to file, but not when each file rises.
        problem = error(inputs)
        assert problem.code == "C031"
    else:
        problem = error(inputs)
        assert problem.code == code
    assert "input (0,)" in str(problem)
    assert "input (1,)" in str(problem)


def test_odd_one_is_marked() -> None:
    problem = error([day(0), day(2), day(4, lat=(1.0, 2.5)), day(6)])
    marked = [line for line in problem.message.splitlines() if line.strip().startswith("!")]
    assert len(marked) == 1
    assert "input (2,)" in marked[0]


def test_tolerance_and_first() -> None:
    inputs = [day(0), day(2, lat=(1.0, 2.0000001))]
    assert combined(inputs, tolerance=1e-6)[0].array("lat").values.tolist() == [1.0, 2.0]
    assert combined([day(0), day(2, lat=(1.0, 9.0))], coords="first")[0].array("lat").values.tolist() == [1.0, 2.0]


def test_order_by_policy() -> None:
    template, inputs = combined([day(4), day(0), day(2)], order="sort")
    got = decoded(materialize(template, inputs))
    assert template.starts["time"].tolist() == [4, 0, 2]
    expected = xr.concat(
        [xr.decode_cf(day(i)) for i in (0, 2, 4)], "time", data_vars="minimal", combine_attrs="drop_conflicts"
    )
    xr.testing.assert_equal(got, expected)


def test_values_that_fall() -> None:
    inputs = [day(4).isel(time=[1, 0]), day(2).isel(time=[1, 0])]
    assert combined(inputs)[0].array("time").values.tolist() == [5, 4, 3, 2]


def test_gaps() -> None:
    inputs = [day(0), day(2), day(6)]
    assert combined(inputs)[0].sizes["time"] == 6
    problem = error(inputs, gaps="fail", regular="1D")
    assert problem.code == "C033"
    assert "2000-01-04" in problem.message
    assert combined(inputs[:2], gaps="fail", regular="1D")[0].sizes["time"] == 4
    monthly = [day(0, 1), day(31, 1), day(60, 1)]
    assert combined(monthly, gaps="fail", regular="1MS")[0].sizes["time"] == 3
    assert error([monthly[0], monthly[2]], gaps="fail", regular="1MS").code == "C033"


def test_items_per_file_is_checked() -> None:
    problem = error([day(0), day(2, 3)], items_per_file={"time": 2})
    assert problem.code == "C035"
    assert "input (1,) holds 3" in problem.message


def test_missing_values_in_a_coordinate() -> None:
    bad = day(2).assign_coords(time=("time", [2.0, np.nan], TIME))
    problem = error([day(0, dtype="f8"), bad])
    assert (problem.code, problem.where) == ("C034", "input (1,)")


def test_calendars_that_differ_name_the_files() -> None:
    odd = day(2)
    odd.time.attrs["calendar"] = "noleap"
    problem = error([day(0), odd, day(4)])
    assert problem.code == "C022"
    assert "input (1,)" in problem.message
    same = day(2)
    same.time.attrs["calendar"] = "gregorian"
    assert combined([day(0), same])[0].array("time").attrs["calendar"] == "standard"
    same.time.attrs["calendar"] = "proleptic_gregorian"
    assert combined([day(0), same])[0].array("time").values.tolist() == [0, 1, 2, 3]


def test_declared_time_units() -> None:
    inputs = [day(0), day(2, units="days since 2000-01-02")]
    array = combined(inputs, time_units="hours since 1900-01-01")[0].array("time")
    assert array.attrs["units"] == "hours since 1900-01-01"
    assert array.values.tolist() == [876576 + 24 * h for h in (0, 1, 3, 4)]
    with pytest.raises(CombineError) as caught:
        combined([day(0, units="hours since 2000-01-01")], time_units="days since 0001-02-29")
    assert caught.value.code in {"C012", "C020"}


def test_variables_by_policy() -> None:
    inputs = [day(0), day(2).drop_vars("sst").assign(ice=(("time", "lat"), np.ones((2, 2), "f4")))]
    names = {a.name for a in combined(inputs, variables="intersection")[0].arrays}
    assert names == {"time", "lat"}
    assert error(inputs, variables="union").code == "C044"
    template, datasets = combined(inputs, variables="union", encodings={"sst": {"fill_value": -1}})
    got = materialize(template, datasets)
    assert got.sst.values.tolist() == [[0, 1], [2, 3], [-1, -1], [-1, -1]]
    assert np.isnan(got.ice.values[:2]).all()
    assert (got.ice.values[2:] == 1).all()


def test_packing_that_differs_is_decoded() -> None:
    inputs = [day(0, scale_factor=0.5, _FillValue=np.int16(0)), day(2, scale_factor=0.25, add_offset=1.0)]
    template, datasets = combined(inputs)
    array = template.array("sst")
    assert (array.dtype, array.recode, "scale_factor" in array.attrs) == ("<f8", True, False)
    expected = xr.concat([xr.decode_cf(ds) for ds in inputs], "time", data_vars="minimal").sst
    np.testing.assert_array_equal(decoded(materialize(template, datasets)).sst, expected)


def test_declared_packing() -> None:
    declared = {"sst": {"dtype": "int16", "scale_factor": 0.5, "add_offset": 0.0, "fill_value": -9}}
    inputs = [day(0).astype("f4"), day(2).astype("f4")]
    for ds in inputs:
        ds.time.attrs.update(TIME)
    template, datasets = combined(inputs, encodings=declared)
    got = materialize(template, datasets)
    assert (got.sst.dtype, got.sst.values[0].tolist()) == (np.dtype("i2"), [0, 2])
    assert got.sst.attrs == {"scale_factor": 0.5, "add_offset": 0.0, "_FillValue": -9}


def test_nested_concat() -> None:
    def tile(t: int, y: int) -> xr.Dataset:
        ds = day(2 * t, lat=(2.0 * y, 2.0 * y + 1))
        return ds.assign(sst=ds.sst + 100 * y)

    tiles = {(t, y): tile(t, y) for t in range(3) for y in range(2)}
    template, datasets = combined(tiles, ("time", "lat"))
    got = materialize(template, datasets)
    assert got.lat.values.tolist() == [0, 1, 2, 3]
    rows = [xr.concat([tiles[t, y] for y in range(2)], "lat", data_vars="minimal") for t in range(3)]
    expected = xr.concat(rows, "time", data_vars="minimal")
    np.testing.assert_array_equal(got.sst, expected.sst)
    tiles[2, 1] = tile(2, 5)
    assert error(tiles, ("time", "lat")).code == "C009"


def test_merge_keys() -> None:
    one, two = day(0), day(0).rename(sst="ice")
    parts = {(i, j): ds for i in range(2) for j, ds in enumerate([day(2 * i), day(2 * i).rename(sst="ice")])}
    template, datasets = combined(parts)
    assert template.array("sst").merge == ((0,),)
    assert template.array("time").merge is None
    got = materialize(template, datasets)
    np.testing.assert_array_equal(got.ice, got.sst)
    assert error({(0, 0): one, (0, 1): one.assign(sst=one.sst + 1)}).code == "C009"
    assert error({(0, 0): one, (0, 1): two.assign_coords(time=two.time + 1)}).code == "C009"


def test_new_dim_from_keys_and_scalar_coordinates() -> None:
    inputs = [day(0), day(0)]
    keys = {(i,): {"member": i * 10} for i in range(2)}
    template, datasets = combined(inputs, ("member",), keys=keys)
    got = materialize(template, datasets)
    assert got.member.values.tolist() == [0, 10]
    assert got.sst.dims == ("member", "time", "lat")
    assert got.time.dims == ("time",)
    scalar = [
        ds.drop_vars("time").isel(time=0).assign_coords(time=((), i, TIME)) for i, ds in enumerate([day(0), day(1)])
    ]
    template, datasets = combined(scalar)
    got = materialize(template, datasets)
    assert got.time.values.tolist() == [0, 1]
    assert got.sst.dims == ("time", "lat")


def test_dates_as_keys() -> None:
    import datetime

    inputs = [day(0).drop_vars("time").isel(time=0)] * 2
    keys = {(i,): {"time": datetime.date(2001, 1 + i, 1)} for i in range(2)}
    array = combined(inputs, keys=keys)[0].array("time")
    assert array.attrs["units"] == "days since 2001-01-01"
    assert array.values.tolist() == [0, 31]


def test_strings_booleans_and_characters() -> None:
    def one(i: int, word: str) -> xr.Dataset:
        chars = np.array([list(word)] * 2, "S1")
        ds = day(2 * i)
        return ds.assign(
            flag=("time", np.array([1, 0], "i1"), {"dtype": "bool"}),
            truth=("time", np.array([True, False])),
            word=(("time", f"strlen{len(word)}"), chars),
            name=("time", np.array([word, "é"], dtype=object)),
        )

    inputs = [one(0, "ab"), one(1, "xyz")]
    template, datasets = combined(inputs)
    got = decoded(materialize(template, datasets))
    assert got.word.values.tolist() == [b"ab", b"ab", b"xyz", b"xyz"]
    assert got.name.values.tolist() == ["ab", "é", "xyz", "é"]
    assert got.flag.dtype == bool
    assert got.truth.dtype == bool
    assert template.array("name").dtype == "str"


def test_compound_dtypes_are_refused() -> None:
    table = np.zeros(2, [("a", "i4"), ("b", "f8")])
    problem = error([day(0).assign(table=("row", table))])
    assert (problem.code, problem.where) == ("C003", "input (0,)")


def test_nothing_and_clashes() -> None:
    options = CombineSettings(("time",))
    with pytest.raises(CombineError) as caught:
        Combination.empty(options).template()
    assert caught.value.code == "C001"
    combination = Combination.empty(options)
    for i in range(2):
        combination.add(scan_dataset(day(i), (0,), f"f{i}", ("time",)))
    with pytest.raises(CombineError) as caught:
        combination.template()
    assert caught.value.code == "C002"


def test_coordinates_that_a_transform_set_are_named() -> None:
    inputs = [day(2 * i).assign_coords(area=("lat", [1.0, 2.0])) for i in range(2)]
    assert combined(inputs)[0].attrs["coordinates"] == "area"
