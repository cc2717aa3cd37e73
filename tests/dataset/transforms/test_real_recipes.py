"""Transforms of recipes that exist as Python elsewhere, said in YAML, on small datasets of the real layout."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr
import yaml

from pangeo_forge.dataset.transforms import Context, apply_transforms
from pangeo_forge.inputs.lazy import LazyArray
from pangeo_forge.pattern.keys import KeyValue
from pangeo_forge.recipe.transforms import Transform

from .made import dataset, oracle, reads, values


def run(ds: xr.Dataset, text: str, **context: Any) -> xr.Dataset:
    models = [Transform.model_validate(step) for step in yaml.safe_load(text)]
    return apply_transforms(ds, models, Context(**context))


@pytest.mark.parametrize(("variable", "limit"), [("PDSI", 10), ("q", 2147483647), ("tmax", 200)])
def test_terraclimate(variable: str, limit: float) -> None:
    stored = np.array([[1, -1, 2, -32768]], "i4") if variable == "q" else np.array([[1, 50, 20000, -32768]], "i2")
    packing = {"scale_factor": 0.01, "add_offset": 0.0, "_FillValue": stored.dtype.type(-32768)}
    day = (("day",), np.array([21184.0]), {"units": "days since 1900-01-01"})
    ds = dataset(
        {
            variable: (("day", "x"), stored, packing),
            "station_influence": (("day", "x"), np.ones((1, 4), "f4"), {}),
            "day": day,
        },
        {"history": "\udce9 broken"},
    )
    steps = """
    - rename: {day: time}
      if_present: true
    - rename: {PDSI: pdsi}
      if_present: true
    - rename: {station_influence: "{variable}_station_influence"}
      if_present: true
    - attrs: {replace: {title: TerraClimate}}
    - mask: {pdsi: {above: 10}, q: {above: 2147483647}, tmax: {above: 200}}
      if_present: true
    """
    out = run(ds, steps, key={"variable": KeyValue(variable, variable)})
    name = variable.lower()
    expected = oracle(ds)[variable].where(oracle(ds)[variable] <= limit)
    assert np.array_equal(values(out, name), expected.values, equal_nan=True)
    assert out.attrs == {"title": "TerraClimate"}
    assert set(out.variables) == {name, f"{variable}_station_influence", "time"}


def test_cmip6_other_variables_become_coordinates() -> None:
    ds = dataset(
        {
            "tas": (("time", "i"), np.ones((1, 2), "f4"), {}),
            "time": (
                ("time",),
                [15.5],
                {"units": "days since 1850-01-01", "calendar": "noleap", "bounds": "time_bnds"},
            ),
            "time_bnds": (("time", "bnds"), [[0.0, 31.0]], {}),
            "height": ((), 2.0, {}),
            "lat": (("i",), [1.0, 2.0], {}),
        }
    )
    out = run(ds, '- set_coords: ["*", "!{variable}"]', key={"variable": KeyValue("tas", "tas")})
    assert list(out.data_vars) == ["tas"]
    assert reads(ds) == {}


def test_imerg_half_hourly() -> None:
    rain = np.arange(6, dtype="f4").reshape(1, 3, 2)
    rain[0, 0, 0] = -9999.9
    ds = dataset(
        {
            "precipitationCal": (("time", "lon", "lat"), rain, {"_FillValue": np.float32(-9999.9)}),
            "time_bnds": (("time", "nv"), np.array([[0, 1800]], "i4"), {}),
            "lon": (("lon",), np.arange(3, dtype="f4"), {}),
            "lat": (("lat",), np.arange(2, dtype="f4"), {}),
            "time": (("time",), np.array([1800], "i4"), {"units": "seconds since 1970-01-01", "calendar": "julian"}),
        }
    )
    out = run(ds, "[{transpose: [time, lat, lon, nv]}, {keep: [precipitationCal]}]")
    data = out.variables["precipitationCal"]._data
    assert isinstance(data, LazyArray)
    assert data.access() is not None
    assert reads(ds) == {}
    assert np.array_equal(data.read(), rain.transpose(0, 2, 1))
    assert "time_bnds" not in out.variables


def test_ccmp_with_a_hook(tmp_path: Path) -> None:
    code = "import numpy as np\ndef wind(ds):\n    return ds.assign(speed=np.hypot(ds.uwnd, ds.vwnd))\n"
    (tmp_path / "hooks.py").write_text(code)
    wind = np.arange(12, dtype="f4").reshape(1, 3, 4)
    ds = dataset(
        {
            "uwnd": (("time", "latitude", "longitude"), wind, {"_FillValue": np.float32(5)}),
            "vwnd": (("time", "latitude", "longitude"), wind[:, ::-1], {}),
            "latitude": (("latitude",), [-10.0, 0, 10], {}),
            "longitude": (("longitude",), [0.0, 90, 180, 270], {}),
            "time": (("time",), [0.0], {"units": "hours since 1987-01-01"}),
        }
    )
    steps = """
    - select: {latitude: {min: 0, max: 20}, longitude: {min: 80, max: 300}}
    - python: hooks.py:wind
    - expand_dims: {height: {value: 10}}
    """
    out = run(ds, steps, folder=tmp_path, allow_python=True)
    u, v = wind[:, 1:, 1:].copy(), wind[:, ::-1][:, 1:, 1:]
    u[u == 5] = np.nan
    assert np.array_equal(values(out, "speed"), np.hypot(u, v)[None], equal_nan=True)
    assert values(out, "height").tolist() == [10]
    assert out.variables["uwnd"].dims == ("height", "time", "latitude", "longitude")


def test_woa18_months_since() -> None:
    months = {"units": "months since 1955-01-01 00:00:00", "climatology": "climatology_bounds"}
    ds = dataset(
        {
            "t_an": (("time", "lat"), np.array([[1, 9.96921e36]], "f4"), {"_FillValue": np.float32(9.96921e36)}),
            "crs": ((), np.int32(0), {}),
            "time": (("time",), np.array([372.5], "f4"), months),
            "climatology_bounds": (("time", "nbounds"), np.array([[0, 745]], "f4"), {}),
            "lat": (("lat",), np.array([0.5, 1.5], "f4"), {"bounds": "lat_bnds"}),
            "lat_bnds": (("lat", "nbounds"), np.zeros((2, 2), "f4"), {}),
        }
    )  # fmt: skip
    steps = """
    - attrs: {variables: {time: {set: {calendar: 360_day}}}}
    - decode: true
    - set_coords: [lat_bnds, climatology_bounds, crs]
    """
    out = run(ds, steps)
    assert values(out, "time").tolist() == [cftime.datetime(1986, 1, 16, calendar="360_day")]
    assert values(out, "climatology_bounds")[0].tolist() == [
        cftime.datetime(1955, 1, 1, calendar="360_day"),
        cftime.datetime(2017, 2, 1, calendar="360_day"),
    ]
    assert list(out.data_vars) == ["t_an"]
    assert np.isnan(values(out, "t_an")).tolist() == [[False, True]]


def test_lmr_suffix_and_sort() -> None:
    days = {"units": "days since 0000-01-01", "calendar": "proleptic_gregorian"}
    ds = dataset({"air": (("time", "lat"), [[2.0, 2], [1, 1]], {}), "time": (("time",), [366.0, 0.0], days)})
    key = {"variable": KeyValue("air", "air", {"stat": "mean"})}
    out = run(ds, '[{rename: {air: "air_{variable.stat}"}}, {sort: time}]', key=key)
    assert values(out, "air_mean")[:, 0].tolist() == [1, 2]
    assert out.variables["air_mean"]._data.access() is not None  # type: ignore[attr-defined]


def test_evolv2k_year_zero() -> None:
    parts = {
        n: (("time",), np.array(v, "i4"), {})
        for n, v in (("yr", [-500, 0, 1815]), ("mon", [3, 1, 4]), ("dy", [1, 1, 10]))
    }
    ds = dataset({"ssi": (("time",), [1.0, 2.0, 3.0], {}), **parts})
    steps = """
    - assign_coords: {time: {from_components: {year: yr, month: mon, day: dy}, calendar: proleptic_gregorian}}
    - drop: [yr, mon, dy]
    """
    out = run(ds, steps)
    assert values(out, "time").astype("M8[D]").astype(str).tolist() == ["-500-03-01", "0000-01-01", "1815-04-10"]
    assert set(out.variables) == {"ssi", "time"}


def test_ssebop_raster() -> None:
    ds = dataset(
        {
            "band_data": (("band", "y", "x"), np.array([[[1, 9999], [3, 4]]], "u2"), {"grid_mapping": "spatial_ref"}),
            "spatial_ref": ((), np.int64(0), {}),
            "band": (("band",), [1], {}),
            "x": (("x",), [10.0, 20.0], {}),
            "y": (("y",), [2.0, 1.0], {}),
        }
    )
    steps = """
    - rename: {x: lon, y: lat, band_data: aet}
    - isel: {band: 0}
    - drop: [band]
    - mask: {"*": {equal: 9999}}
    - expand_dims: {time: key}
    """
    out = run(ds, steps, key={"time": KeyValue(dt.datetime(2000, 12, 31))})
    assert out.variables["aet"].dims == ("time", "lat", "lon")
    assert np.array_equal(values(out, "aet"), np.array([[[1, np.nan], [3, 4]]], "f4"), equal_nan=True)
    assert out.variables["aet"].encoding == {"_FillValue": 9999, "dtype": np.dtype("u2")}
    assert values(out, "time").tolist() == [dt.datetime(2000, 12, 31)]
    assert out.variables["spatial_ref"].dims == ()


def test_modis_aqua_time_from_an_attribute() -> None:
    ds = dataset(
        {
            "bbp_443": (("lat", "lon"), np.ones((3, 2), "f4"), {}),
            "palette": (("rgb", "eightbitcolor"), np.zeros((3, 4), "u1"), {}),
            "lat": (("lat",), np.array([40, 30, 20], "f4"), {}),
            "lon": (("lon",), np.array([0, 1], "f4"), {}),
        },
        {"time_coverage_start": "2002-07-04T00:25:01.000Z"},
    )
    steps = """
    - drop: [palette]
    - select: {lat: {min: 25, max: 45}}
    - expand_dims: {time: {attr: time_coverage_start, format: "%Y-%m-%dT%H:%M:%S.%fZ"}}
    """
    out = run(ds, steps)
    assert dict(out.sizes) == {"time": 1, "lat": 2, "lon": 2}
    assert values(out, "lat").tolist() == [40, 30]
    assert values(out, "time").tolist() == [dt.datetime(2002, 7, 4, 0, 25, 1)]
    data = out.variables["bbp_443"]._data
    assert data.access() is not None  # type: ignore[attr-defined]


def test_climsim_noleap_seconds_of_day() -> None:
    ds = dataset(
        {
            "state_t": (("ncol",), np.ones(3), {}),
            "year": ((), np.int32(1), {}),
            "month": ((), np.int32(2), {}),
            "day": ((), np.int32(28), {}),
            "tod": ((), np.int32(85200), {}),
        }
    )
    origin = "{from_components: {year: year, month: month, day: day, second: tod}, calendar: noleap}"
    out = run(ds, f"[{{expand_dims: {{time: {origin}}}}}, {{keep: [state_t]}}]")
    assert values(out, "time").tolist() == [cftime.datetime(1, 2, 28, 23, 40, calendar="noleap")]
    assert out.variables["state_t"].dims == ("time", "ncol")
    assert "state_t" not in reads(ds)
