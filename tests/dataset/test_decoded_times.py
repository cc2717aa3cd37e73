"""Times that a transform or a hook has decoded are encoded again, never stored as Python or numpy holds them."""

from __future__ import annotations

import cftime
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.dataset.combine import Combination
from pangeo_forge.dataset.model import ArrayTemplate, Template
from pangeo_forge.dataset.read import read_region
from pangeo_forge.dataset.scan import scan_dataset
from pangeo_forge.dataset.settings import CombineSettings


def template(parts: list[xr.Dataset], *, decode_times: bool = True) -> Template:
    found = Combination.empty(CombineSettings(concat_dims=("time",)))
    for i, ds in enumerate(parts):
        found = found.add(scan_dataset(ds, (i,), f"file {i}", ("time",), decode_times=decode_times))
    return found.template()


def values(array: ArrayTemplate) -> list[int]:
    assert array.values is not None
    return np.asarray(array.values).reshape(-1).tolist()


def test_dates_of_a_hook_keep_the_units_of_the_file() -> None:
    parts = []
    for day in ("2017-03-10", "2017-03-13"):
        time = np.datetime64(day, "ns") + np.arange(0, 24, 6) * np.timedelta64(1, "h")
        coord = xr.Variable(
            ("time",), time, {}, {"units": "hours since 1987-01-01 00:00:00", "calendar": "proleptic_gregorian"}
        )
        parts.append(xr.Dataset({"u": ("time", np.ones(4, "f4"))}, {"time": coord}))
    array = template(parts).array("time")
    assert array.attrs["units"] == "hours since 1987-01-01 00:00:00"
    first = (np.datetime64("2017-03-10") - np.datetime64("1987-01-01")) // np.timedelta64(1, "h")
    assert values(array) == [first + h for h in (0, 6, 12, 18, 72, 78, 84, 90)]
    # What a worker writes is the same as what the driver knows.
    assert read_region(parts[1], array, (slice(0, 4),)).tolist() == [first + h for h in (72, 78, 84, 90)]


@pytest.mark.parametrize("decode_times", [True, False])
def test_months_are_written_in_a_unit_of_fixed_length(decode_times: bool) -> None:
    """xarray reads no "months since", in no calendar."""
    parts = []
    for month in (1, 2):
        date = np.array([cftime.datetime(1986, month, 16, calendar="360_day")])
        encoding = {"units": "months since 1955-01-01 00:00:00", "calendar": "360_day"}
        coord = xr.Variable(("time",), date, {"climatology": "bounds"}, encoding)
        edges = np.array(
            [
                [
                    cftime.datetime(1955, month, 1, calendar="360_day"),
                    cftime.datetime(2017, month + 1, 1, calendar="360_day"),
                ]
            ]
        )
        bounds = xr.Variable(("time", "nb"), edges, {}, dict(encoding))
        parts.append(xr.Dataset({"t": ("time", np.ones(1, "f4"))}, {"time": coord, "bounds": bounds}))
    made = template(parts, decode_times=decode_times)
    ds = xr.decode_cf(
        xr.Dataset({n: (made.array(n).dims, made.array(n).values, made.array(n).attrs) for n in ("time", "bounds")}),
        decode_times=xr.coders.CFDatetimeCoder(use_cftime=True),
    )
    assert [t.isoformat() for t in ds.time.values] == ["1986-01-16T00:00:00", "1986-02-16T00:00:00"]
    assert [t.isoformat() for t in ds.bounds.values[1]] == ["1955-02-01T00:00:00", "2017-03-01T00:00:00"]


def test_stored_months_too() -> None:
    parts = [
        xr.Dataset(
            {"t": ("time", np.ones(1, "f4"))},
            {"time": ("time", np.array([n]), {"units": "months since 1955-01-01", "calendar": "360_day"})},
        )
        for n in (3, 4)
    ]
    array = template(parts).array("time")
    assert array.attrs["units"].startswith("days since")
    assert np.diff(values(array)).tolist() == [30]
