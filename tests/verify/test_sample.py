"""A wrong store must be found, whatever is wrong with it; a right one must pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.verify.result import CheckResult
from pangeo_forge.verify.sample import compare_samples, difference
from tests.verify.stores import LENGTHS, Case, make_case


@pytest.fixture(scope="module")
def case() -> Case:
    return make_case()


def _compare(case: Case, store: xr.Dataset, count: int = 8) -> list[CheckResult]:
    return compare_samples(store, case.template, case.open_input, count=count, label=lambda i: f"input {i[0]}")


def test_right_store_passes(case: Case, tmp_path: Path) -> None:
    results = _compare(case, case.store(tmp_path / "x.zarr"))
    assert all(r.passed for r in results), [r for r in results if not r.passed]
    assert {r.name for r in results} == {f"sample of {n}" for n in ("sst", "wind", "mask", "time", "x")}


def _changed(ds: xr.Dataset, name: str, change: Callable[[np.ndarray], np.ndarray]) -> xr.Dataset:
    ds = ds.copy(deep=True)
    ds[name] = ds[name].copy(data=change(ds[name].values.copy()))
    return ds


def _one_value(values: np.ndarray) -> np.ndarray:
    values[7, 2] += 1
    return values


def _shift(values: np.ndarray) -> np.ndarray:
    return np.roll(values, 1, axis=0)


def _swap(values: np.ndarray) -> np.ndarray:
    """The first and third inputs in each other's place (as far as their lengths go)."""
    first, third = values[0:2].copy(), values[8:10].copy()
    values[0:2], values[8:10] = third, first
    return values


def _fill(values: np.ndarray) -> np.ndarray:
    values[3:8] = -999
    return values


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sst", _one_value),
        ("wind", _one_value),
        ("sst", _shift),
        ("wind", _shift),
        ("sst", _swap),
        ("wind", _swap),
        ("sst", _fill),
        ("time", lambda v: v + 1),
        ("x", lambda v: v[::-1]),
        ("mask", lambda v: 1 - v),
    ],
)
def test_wrong_values_are_found_and_named(
    case: Case, tmp_path: Path, name: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    store = case.store(tmp_path / "x.zarr", _changed(case.right, name, change))
    failed = [r for r in _compare(case, store) if not r.passed]
    assert {r.name for r in failed} == {f"sample of {name}"}
    assert "differ" in failed[0].detail
    assert failed[0].detail.startswith("input ")


@pytest.mark.parametrize("attribute", ["scale_factor", "add_offset", "_FillValue"])
def test_wrong_packing_is_found(case: Case, tmp_path: Path, attribute: str) -> None:
    wrong = case.right.copy(deep=True)
    wrong["sst"].attrs[attribute] = np.int16(-998) if attribute == "_FillValue" else 0.5
    failed = [r for r in _compare(case, case.store(tmp_path / "x.zarr", wrong)) if not r.passed]
    assert {r.name for r in failed} == {"sample of sst"}


def test_wrong_time_units_are_found(case: Case, tmp_path: Path) -> None:
    wrong = case.right.copy(deep=True)
    wrong["time"].attrs["units"] = "days since 2001-01-02"
    failed = [r for r in _compare(case, case.store(tmp_path / "x.zarr", wrong)) if not r.passed]
    assert {r.name for r in failed} == {"sample of time"}


def test_absent_variable_is_found(case: Case, tmp_path: Path) -> None:
    failed = [r for r in _compare(case, case.store(tmp_path / "x.zarr", case.right.drop_vars("wind"))) if not r.passed]
    assert {r.name for r in failed} == {"sample of wind"}
    assert "does not hold it" in failed[0].detail


def test_first_and_last_input_are_always_among_the_sample(case: Case, tmp_path: Path) -> None:
    for seed in range(5):
        opened: list[int] = []
        store = case.store(tmp_path / "x.zarr")

        def open_input(index: tuple[int, ...], seen: list[int] = opened) -> object:
            seen.append(index[0])
            return case.open_input(index)

        compare_samples(store, case.template, open_input, count=2, seed=seed)  # type: ignore[arg-type]
        assert {0, len(LENGTHS) - 1} <= set(opened)


# -- difference ------------------------------------------------------------------------------------------------------


def test_equal_arrays_do_not_differ() -> None:
    values = np.array([1.0, np.nan, 3.0])
    assert difference(values, values.copy()) is None
    assert difference(np.array([b"ab"]), np.array(["ab"])) is None
    assert difference(np.array(["a", "b"], object), np.array(["a", "b"])) is None
    assert difference(np.float32(1.5), np.float32(1.5)) is None


def test_differences_are_told() -> None:
    assert "shape" in str(difference(np.zeros(2), np.zeros(3)))
    assert "1 of 3 values differ, first at (1,)" in str(difference(np.array([1, 2, 3]), np.array([1, 5, 3])))
    assert difference(np.array([np.nan]), np.array([0.0])) is not None
    assert difference(np.array([0.0]), np.array([np.nan])) is not None
    assert difference(np.array([1.0]), np.array([np.nextafter(1.0, 2.0)])) is not None


def test_times_are_compared_to_the_microsecond_whatever_their_type() -> None:
    import cftime

    dates = np.array([cftime.datetime(2001, 2, 3, 4, 5, 6, 7, calendar="standard")], object)
    same = np.array(["2001-02-03T04:05:06.000007"], "M8[us]").astype("M8[ns]")
    assert difference(dates, same) is None
    assert difference(dates, same + np.timedelta64(1, "us")) is not None
