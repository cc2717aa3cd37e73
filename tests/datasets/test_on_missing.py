"""Absent inputs: refused, left out, or filled; each against the same data with nothing absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import CombineError, InputError, RecipeErrors

from .made import run

pytestmark = pytest.mark.slow

DAYS = 6
SECTIONS = """
inputs:
  url: {folder}/in/{{time:%Y%m%d}}.nc
  concat:
    time: {{start: 2000-01-01, end: 2000-01-06, step: 1D{calendar}}}
  {more}
target: {{chunks: {{time: 4}}}}
"""


@pytest.fixture(autouse=True)
def _prepare_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs are prepared without an engine, whose start takes most of the time; but for the first test of a policy."""

    def prepare(preparer: Any, *_: Any) -> Any:
        return preparer.prepare(0, len(preparer.archive.pattern))

    if not request.node.name.endswith(("default", "0-1]", "12.0]")):
        monkeypatch.setattr("pangeo_forge.pipeline.stages.prepare", prepare)


def sections(folder: Path, more: str, calendar: str = "") -> str:
    calendar = f", calendar: {calendar}" if calendar else ""
    return SECTIONS.format(folder=folder, more=more.replace("\n", "\n  "), calendar=calendar)


def archive(folder: Path, absent: Iterable[int] = (), items: int = 1, offset: float = 0.0, **attrs: Any) -> xr.Dataset:
    """Daily files of ``items`` items each but for the days ``absent``; the whole dataset, as xarray decodes it."""
    (folder / "in").mkdir(parents=True)
    parts = []
    for day in range(DAYS):
        hours = 24 * day + offset + np.arange(items) * (24 / items)
        units = {"units": "hours since 2000-01-01", "bounds": "time_bnds", **attrs}
        ds = xr.Dataset(
            {
                "t": (("time", "x"), np.arange(items * 3.0).reshape(items, 3) + 100 * day, {"units": "K"}),
                "p": (("time",), np.arange(items, dtype="i2") + day, {"scale_factor": 0.5, "_FillValue": np.int16(-9)}),
                "time_bnds": (("time", "nv"), np.stack([hours, hours + 1], 1).astype("i8")),
            },
            {"time": ("time", hours.astype("i8") if offset.is_integer() else hours, units), "x": [1.0, 2.0, 3.0]},
        )
        if day not in set(absent):
            ds.to_netcdf(folder / f"in/200001{day + 1:02d}.nc", engine="h5netcdf")
        parts.append(xr.decode_cf(ds))
    return xr.concat(parts, "time", data_vars="minimal", coords="minimal", compat="equals", join="exact")


def filled(whole: xr.Dataset, absent: Iterable[int], items: int) -> xr.Dataset:
    """``whole`` with missing values where inputs are absent; its coordinate and bounds are whole."""
    gone = np.isin(np.arange(DAYS * items) // items, list(absent))
    there = xr.DataArray(~gone, dims="time")
    return whole.assign({n: whole[n].where(there) for n in ("t", "p")})


def assert_same(got: xr.Dataset, expected: xr.Dataset) -> None:
    assert set(map(str, got.variables)) == set(map(str, expected.variables))
    for name in expected.variables:
        np.testing.assert_array_equal(got[name].values, expected[name].values, err_msg=str(name))


def test_fail_is_the_default(tmp_path: Path) -> None:
    archive(tmp_path, [2, 4])
    with pytest.raises(InputError) as caught:
        run(tmp_path, sections(tmp_path, "items_per_file: 1"))
    assert caught.value.code == "I001"
    assert "20000103.nc" in str(caught.value)
    assert "20000105.nc" in str(caught.value)
    assert not (tmp_path / "made.zarr").exists()


@pytest.mark.parametrize(("absent", "items"), [([2], 1), ([0, 5], 2)])
def test_skip(absent: list[int], items: int, tmp_path: Path) -> None:
    whole = archive(tmp_path, absent, items)
    result, got = run(tmp_path, sections(tmp_path, "on_missing: skip"))
    assert_same(got, whole.isel(time=~np.isin(np.arange(DAYS * items) // items, absent)))
    assert sum("left out" in w for w in result.warnings) == len(absent)


@pytest.mark.parametrize(
    ("absent", "items", "offset"),
    [([2, 3], 1, 12.0), ([0, 5], 1, 0.0), ([0, 1, 3], 4, 0.0), ([5], 3, 7.5)],
)
def test_fill(absent: list[int], items: int, offset: float, tmp_path: Path) -> None:
    whole = archive(tmp_path, absent, items, offset)
    result, got = run(tmp_path, sections(tmp_path, f"items_per_file: {items}\non_missing: fill"))
    assert got.sizes["time"] == DAYS * items
    assert_same(got, filled(whole, absent, items))
    assert got.p.encoding["dtype"] == "int16"
    assert got.t.encoding["dtype"] == "float64"
    assert sum("filled" in w for w in result.warnings) == len(absent)


def test_bounds_and_other_times_that_do_not_follow_are_missing(tmp_path: Path) -> None:
    whole = archive(tmp_path, [0, 3])
    seen = np.array([5, 6, 7, 9, 13, 14])
    for day in (1, 2, 4, 5):
        path = tmp_path / f"in/200001{day + 1:02d}.nc"
        ds = xr.open_dataset(path, engine="h5netcdf", decode_cf=False).load()
        ds.close()
        ds["time_bnds"] = ds.time_bnds.copy(data=ds.time_bnds.values + np.array([0, day]))
        ds["seen"] = ("time", seen[day : day + 1], {"units": "days since 2000-01-01"})
        ds.to_netcdf(path, engine="h5netcdf")
    _, got = run(tmp_path, sections(tmp_path, "items_per_file: 1\non_missing: fill"))
    np.testing.assert_array_equal(got.time.values, whole.time.values)
    gone = np.isin(np.arange(DAYS), [0, 3])
    assert np.isnat(got.seen.values[gone]).all()
    assert np.isnat(got.time_bnds.values[gone]).all()
    days = (got.seen.values[~gone] - np.datetime64("2000-01-01")) / np.timedelta64(1, "D")
    assert days.tolist() == seen[~gone].tolist()
    widths = np.diff(got.time_bnds.values[~gone], axis=1)[:, 0]
    assert (widths / np.timedelta64(1, "h")).tolist() == [1 + d for d in (1, 2, 4, 5)]


def test_fill_in_another_calendar(tmp_path: Path) -> None:
    whole = archive(tmp_path, [1], calendar="360_day")
    _, got = run(tmp_path, sections(tmp_path, "items_per_file: 1\non_missing: fill", "360_day"))
    assert_same(got, filled(whole, [1], 1))


def test_fill_converts_a_key_without_calendar(tmp_path: Path) -> None:
    whole = archive(tmp_path, [1], calendar="noleap")
    _, got = run(tmp_path, sections(tmp_path, "items_per_file: 1\non_missing: fill"))
    assert_same(got, filled(whole, [1], 1))


@pytest.mark.parametrize("policy", ["fail", "skip", "fill"])
def test_declared(policy: str, tmp_path: Path) -> None:
    """What the recipe says is missing is not fetched, although it exists here."""
    whole = archive(tmp_path)
    more = f"items_per_file: 1\non_missing: {policy}\nmissing: [2000-01-03]"
    _, got = run(tmp_path, sections(tmp_path, more))
    expected = filled(whole, [2], 1) if policy == "fill" else whole.isel(time=[0, 1, 3, 4, 5])
    assert_same(got, expected)


def test_a_broken_input_is_not_an_absent_one(tmp_path: Path) -> None:
    archive(tmp_path)
    path = tmp_path / "in/20000103.nc"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"20000103\.nc"):
        run(tmp_path, sections(tmp_path, "items_per_file: 1\non_missing: fill"))


def test_fill_needs_a_coordinate_that_follows_from_the_key(tmp_path: Path) -> None:
    archive(tmp_path, [2])
    path = tmp_path / "in/20000105.nc"
    ds = xr.open_dataset(path, engine="h5netcdf", decode_cf=False).load()
    ds.close()
    ds["time"] = ds.time.copy(data=ds.time.values + 3)
    ds.to_netcdf(path, engine="h5netcdf")
    with pytest.raises(CombineError) as caught:
        run(tmp_path, sections(tmp_path, "items_per_file: 1\non_missing: fill"))
    assert caught.value.code == "C036"
    assert "20000105.nc" in str(caught.value)
    assert "assign_coords" in str(caught.value.hint)


def test_fill_needs_a_value_that_means_missing(tmp_path: Path) -> None:
    archive(tmp_path, [2])
    for path in (tmp_path / "in").glob("*.nc"):
        ds = xr.open_dataset(path, engine="h5netcdf", decode_cf=False).load()
        ds.close()
        ds.assign(n=("time", np.array([7]))).to_netcdf(path, engine="h5netcdf")
    more = "items_per_file: 1\non_missing: fill"
    with pytest.raises(CombineError) as caught:
        run(tmp_path, sections(tmp_path, more))
    assert caught.value.code == "C044"
    text = sections(tmp_path, more).replace("chunks: {time: 4}", "chunks: {time: 4}, variables: {n: {fill_value: -1}}")
    _, got = run(tmp_path, text)
    np.testing.assert_array_equal(got.n.values, [7, 7, np.nan, 7, 7, 7])


def test_fill_needs_to_know_how_long(tmp_path: Path) -> None:
    archive(tmp_path, [2])
    with pytest.raises(RecipeErrors, match="items_per_file"):
        run(tmp_path, sections(tmp_path, "on_missing: fill"))


MERGED = """
inputs:
  url: {folder}/in/{{name}}_{{year}}.nc
  concat:
    year: {{start: 2000, end: 2003, step: 1}}
  merge:
    name: [a, b]
  items_per_file: 1
  on_missing: {policy}
target: {{chunks: {{year: 2}}}}
"""


@pytest.mark.parametrize("policy", ["skip", "fill"])
@pytest.mark.parametrize("gone", [{"b_2001"}, {"a_2000", "b_2003"}, {"a_2002", "b_2002"}])
def test_one_of_two_merged_inputs(policy: str, gone: set[str], tmp_path: Path) -> None:
    """Where the other input is there, its values are, whatever the policy; a whole year is left out or filled."""
    (tmp_path / "in").mkdir()
    values: Mapping[str, np.ndarray] = {n: np.full((4, 2), np.nan) for n in "ab"}
    for n in "ab":
        for i, year in enumerate(range(2000, 2004)):
            if f"{n}_{year}" in gone:
                continue
            values[n][i] = year + np.arange(2.0)
            ds = xr.Dataset({n: (("year", "x"), values[n][i : i + 1])}, {"year": [year]})
            ds.to_netcdf(tmp_path / f"in/{n}_{year}.nc", engine="h5netcdf")
    _, got = run(tmp_path, MERGED.format(folder=tmp_path, policy=policy))
    kept = [i for i in range(4) if policy == "fill" or not {f"a_{2000 + i}", f"b_{2000 + i}"} <= gone]
    assert got.year.values.tolist() == [2000 + i for i in kept]
    for n in "ab":
        np.testing.assert_array_equal(got[n].values, values[n][kept])


def test_missing_dates_of_other_calendars_cannot_be_read(tmp_path: Path) -> None:
    """xarray decodes them with cftime, to which NaN is the reference date: a value that is silently wrong."""
    archive(tmp_path, [1], calendar="noleap")
    for day in (0, 2, 3, 4, 5):
        path = tmp_path / f"in/200001{day + 1:02d}.nc"
        ds = xr.open_dataset(path, engine="h5netcdf", decode_cf=False).load()
        ds.close()
        ds["seen"] = ("time", np.array([day**2]), {"units": "days since 2000-01-01", "calendar": "noleap"})
        ds.to_netcdf(path, engine="h5netcdf")
    with pytest.raises(CombineError) as caught:
        run(tmp_path, sections(tmp_path, "items_per_file: 1\non_missing: fill"))
    assert caught.value.code == "C044"
    assert "seen" in str(caught.value)
