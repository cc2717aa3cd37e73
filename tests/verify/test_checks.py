"""The checks of a recipe, each of them passed and failed."""

from __future__ import annotations

from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import VerifyError
from pangeo_forge.verify import checks
from pangeo_forge.verify.checks import run_checks
from pangeo_forge.verify.result import CheckResult, raise_on_failure


@pytest.fixture
def ds() -> xr.Dataset:
    times = np.arange("2001-01-01", "2001-01-11", dtype="M8[D]").astype("M8[ns]")
    values = np.arange(20.0).reshape(10, 2)
    values[0, 0] = np.nan
    return xr.Dataset(
        {"t": (("time", "x"), values), "gone": (("x",), [np.nan, np.nan]), "name": (("x",), ["a", "b"])},
        coords={"time": times, "x": [5.0, 2.5]},
        attrs={"title": "made", "version": 3},
    )


def _passed(ds: xr.Dataset, **check: Any) -> bool:
    results = run_checks(ds, [check])
    assert results, "a check that checks nothing"
    return all(r.passed for r in results)


@pytest.mark.parametrize(
    ("check", "good"),
    [
        ({"variable": "t", "min": 1, "max": 19}, True),
        ({"variable": "t", "min": 1.5}, False),
        ({"variable": "t", "max": 18.9}, False),
        ({"variable": "t", "max_missing": 0.05}, True),
        ({"variable": "t", "max_missing": 0.04}, False),
        ({"variable": "gone", "min": 0}, False),
        ({"variable": "gone", "max_missing": 1.0}, True),
        ({"variable": "never", "min": 0}, False),
        ({"dim": "time", "monotonic": "increasing"}, True),
        ({"dim": "time", "monotonic": "decreasing"}, False),
        ({"dim": "x", "monotonic": "decreasing"}, True),
        ({"dim": "time", "regular": "1D"}, True),
        ({"dim": "time", "regular": "24h"}, True),
        ({"dim": "time", "regular": "2D"}, False),
        ({"dim": "time", "regular": "1MS"}, False),
        ({"dim": "x", "regular": "-2.5"}, True),
        ({"dim": "x", "regular": "2.5"}, False),
        ({"dim": "never", "monotonic": "increasing"}, False),
        ({"attrs": {"title": "made", "version": 3}}, True),
        ({"attrs": {"title": "found"}}, False),
        ({"attrs": {"absent": None}}, True),
        ({"variables": ["t", "x", "time"]}, True),
        ({"variables": ["t", "salt"]}, False),
    ],
)
def test_check(ds: xr.Dataset, check: dict[str, Any], good: bool) -> None:
    assert _passed(ds, **check) is good


def test_detail_says_what_was_found(ds: xr.Dataset) -> None:
    [low] = run_checks(ds, [{"variable": "t", "min": 2}])
    assert low.name == "t >= 2"
    assert "smallest is 1.0" in low.detail
    [step] = run_checks(ds.isel(time=[0, 1, 3]), [{"dim": "time", "regular": "1D"}])
    assert "position 2" in step.detail
    assert "2001-01-04" in step.detail
    [order] = run_checks(ds.isel(time=[0, 2, 1]), [{"dim": "time", "monotonic": "increasing"}])
    assert "at position 2" in order.detail


def test_a_value_twice_is_not_strictly_increasing(ds: xr.Dataset) -> None:
    assert not _passed(ds.isel(time=[0, 1, 1, 2]), dim="time", monotonic="increasing")


def test_months_of_other_calendars_are_regular() -> None:
    times = [cftime.Datetime360Day(2001 + m // 12, m % 12 + 1, 1) for m in range(30)]
    ds = xr.Dataset(coords={"time": times})
    assert _passed(ds, dim="time", regular="1MS")
    assert not _passed(ds, dim="time", regular="31D")


def test_large_variables_are_read_in_slabs(ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = checks._statistics(ds["t"])
    monkeypatch.setattr(checks, "BLOCK_ELEMENTS", 6)
    ds["t"].encoding["chunks"] = (3, 2)
    parts = list(checks._blocks(ds["t"]))
    assert [p.sizes["time"] for p in parts] == [3, 3, 3, 1]
    assert checks._statistics(ds["t"]) == whole == (1.0, 19.0, 1, 20)


def test_missing_times_count_as_missing() -> None:
    ds = xr.Dataset({"t": (("x",), np.array(["2001-01-01", "NaT"], "M8[ns]"))})
    assert not _passed(ds, variable="t", max_missing=0.4)


def test_failures_are_one_error_that_names_them_all() -> None:
    results = [CheckResult("a", True), CheckResult("b", False, "too low"), CheckResult("c", False, "too high")]
    with pytest.raises(VerifyError) as error:
        raise_on_failure(results, "/out/.x.zarr.partial-20260101T000000-1a2b")
    assert "2 checks failed" in error.value.message
    assert "b: too low" in error.value.message
    assert "a:" not in error.value.message
    assert error.value.where == "/out/x.zarr"
    raise_on_failure(results[:1], "x")
