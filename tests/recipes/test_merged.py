"""Stand-ins of archives with a file for each variable."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from .standins.archive import Archive, stored, times
from .standins.files import netcdf4

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(2)
LIMITS = {
    "aet": 32767, "def": 32767, "pet": 32767, "ppt": 32767, "q": 2147483647, "soil": 32767, "srad": 32767,
    "swe": 10000, "tmax": 200, "tmin": 200, "vap": 300, "ws": 200, "vpd": 300, "pdsi": 10,
}  # fmt: skip


def test_terraclimate(archive: Archive, tmp_path: Path) -> None:
    root = "http://thredds.northwestknowledge.net:8080/thredds/fileServer/TERRACLIMATE_ALL/data"
    expected: dict[str, list[np.ndarray]] = {n: [] for n in LIMITS}
    influence: dict[str, list[np.ndarray]] = {}
    for year in (1958, 1959):
        start = (dt.date(year, 1, 1) - dt.date(1900, 1, 1)).days
        for name in [*(n for n in LIMITS if n != "pdsi"), "PDSI"]:
            # Older files call the dimension day.
            time = "day" if year == 1958 and name in ("tmax", "PDSI") else "time"
            limit = LIMITS[name.lower()]
            if name == "q":
                values = RNG.integers(0, 5000, (12, 4, 6)).astype("i4")
                values[:, 0, 0] = limit
                own = {"scale_factor": 0.1, "add_offset": 0.0, "_FillValue": np.int32(-2147483648)}
                decoded = values * 0.1
            else:
                decoded = RNG.uniform(0, limit * 0.9, (12, 4, 6)).astype("f4")
                decoded[:, 0, 0] = limit
                decoded[0, 0, 1] = limit * 1.5
                decoded[1, 1, 1] = -9999
                values, own = decoded, {"_FillValue": np.float32(-9999)}
                decoded = np.where(values == -9999, np.nan, decoded)
            variables = {
                name: ((time, "lat", "lon"), values, {**own, "units": "mm", "grid_mapping": "crs"}),
                time: (
                    (time,),
                    np.array([start + 30.5 * m for m in range(12)]),
                    {"units": "days since 1900-01-01 00:00:00"},
                ),
                "lat": (("lat",), np.linspace(60, -60, 4), {"units": "degrees_north"}),
                "lon": (("lon",), np.linspace(-150, 150, 6), {"units": "degrees_east"}),
                "crs": ((), np.int16(3), {"grid_mapping_name": "latitude_longitude"}),
            }
            if name in ("tmax", "ppt"):
                weights = RNG.random((12, 4, 6)).astype("f4")
                variables["station_influence"] = ((time, "lat", "lon"), weights, {})
                influence.setdefault(f"{name}_station_influence", []).append(weights)
            attrs = {
                "method": f"Abatzoglou \xe9t al. {name}".encode("latin-1"),
                "date_modified": f"{year}",
                "author": name,
            }
            netcdf4(archive.path(f"{root}/TerraClimate_{name}_{year}.nc"), variables, attrs)
            # Not where(values <= limit): numbers at the limit are missing too.
            kept = np.where(decoded < limit, decoded, np.nan)
            expected[name.lower()].append(kept)
    recipe = archive.recipe(
        "terraclimate",
        tmp_path,
        hosts=["thredds.northwestknowledge.net:8080"],
        set_=["inputs.concat.time.end=1959"],
    )
    _, ds = archive.run(recipe, tmp_path)
    assert set(ds.data_vars) - {"crs"} == {*LIMITS, *influence}
    for name, parts in {**expected, **influence}.items():
        np.testing.assert_allclose(ds[name].values, np.concatenate(parts), rtol=1e-6, err_msg=name)
    assert ds.attrs["title"] == "TerraClimate"
    assert not {"method", "date_modified", "author"} & set(ds.attrs)
    assert times(ds)[0] == "1958-01-01T00:00:00"
    assert ds.sizes["time"] == 24


@pytest.mark.long
def test_woa18(archive: Archive, tmp_path: Path) -> None:
    table = {
        "temperature": ("decav", "t"),
        "salinity": ("decav", "s"),
        "density": ("decav", "I"),
        "oxygen": ("all", "o"),
        "AOU": ("all", "A"),
    }
    expected: dict[str, list[np.ndarray]] = {}
    fill = np.float32(9.96921e36)
    for month in range(1, 13):
        for name, (period, letter) in table.items():
            root = f"https://www.ncei.noaa.gov/thredds-ocean/fileServer/ncei/woa/{name}/{period}/1.00"
            values = RNG.random((1, 3, 4, 6)).astype("f4")
            values[0, :, 0, 0] = fill
            own = {"_FillValue": fill, "grid_mapping": "crs", "coordinates": "time lat lon depth"}
            axes = {"depth": [0.0, 5, 10], "lat": [-67.5, -22.5, 22.5, 67.5], "lon": [-150.0, -90, -30, 30, 90, 150]}
            netcdf4(
                archive.path(f"{root}/woa18_{period}_{letter}{month:02}_01.nc"),
                {
                    f"{letter}_an": (("time", "depth", "lat", "lon"), values, own),
                    "crs": ((), np.int32(0), {"grid_mapping_name": "latitude_longitude"}),
                    "time": (
                        ("time",),
                        np.array([372 + month - 0.5], "f4"),
                        {"units": "months since 1955-01-01 00:00:00", "climatology": "climatology_bounds"},
                    ),
                    "climatology_bounds": (("time", "nbounds"), np.array([[month - 1, 744 + month]], "f4"), {}),
                    **{n: ((n,), np.array(v, "f4"), {"bounds": f"{n}_bnds"}) for n, v in axes.items()},
                    **{
                        f"{n}_bnds": ((n, "nbounds"), np.stack([np.array(v, "f4")] * 2, 1), {}) for n, v in axes.items()
                    },
                },
                {"title": f"{name} {month}", "institution": "NCEI"},
            )
            expected.setdefault(f"{letter}_an", []).append(np.where(values == fill, np.nan, values))
    recipe = archive.recipe("woa18", tmp_path, hosts=["www.ncei.noaa.gov"])
    _, ds = archive.run(recipe, tmp_path)
    assert set(ds.data_vars) == set(expected)
    for name, parts in expected.items():
        np.testing.assert_array_equal(ds[name].values, np.concatenate(parts))
    assert {"crs", "lat_bnds", "lon_bnds", "depth_bnds", "climatology_bounds"} <= set(ds.variables)
    # 372.5 months of 30 days after January 1955.
    assert ds.time.values[0].calendar == "360_day"
    assert times(ds)[:2] == ["1986-01-16T00:00:00", "1986-02-16T00:00:00"]
    assert ds.t_an.encoding["chunks"][0] == 12


@pytest.mark.long
def test_agcd(archive: Archive, tmp_path: Path) -> None:
    kinds = {"precip": "total", "tmax": "mean", "tmin": "mean", "vapourpres_h09": "mean", "vapourpres_h15": "mean"}
    expected: dict[str, list[np.ndarray]] = {}
    for year in (1971, 1972):
        length = 366 if year == 1972 else 365
        start = (dt.date(year, 1, 1) - dt.date(1850, 1, 1)).days
        for name, kind in kinds.items():
            values = RNG.random((length, 2, 3)).astype("f4")
            values[3, 1] = 9999
            axes = {"lat": [-44.5, -10.0], "lon": [112.0, 134, 156.25]}
            root = f"https://dapds00.nci.org.au/thredds/fileServer/zv2/agcd/v1/{name}/{kind}/r005/01day"
            netcdf4(
                archive.path(f"{root}/agcd_v1_{name}_{kind}_r005_daily_{year}.nc"),
                {
                    name: (("time", "lat", "lon"), values, {"_FillValue": np.float32(9999), "grid_mapping": "crs"}),
                    "time": (
                        ("time",),
                        start + np.arange(length, dtype="f8") + 0.375,
                        {"units": "days since 1850-01-01", "calendar": "standard", "bounds": "time_bnds"},
                    ),
                    "time_bnds": (("time", "bnds"), np.zeros((length, 2)), {}),
                    "crs": ((), np.int32(0), {}),
                    **{n: ((n,), np.array(v), {"bounds": f"{n}_bnds"}) for n, v in axes.items()},
                    **{f"{n}_bnds": ((n, "bnds"), np.stack([np.array(v)] * 2, 1), {}) for n, v in axes.items()},
                },
                {"uuid": f"{name}{year}", "licence": "CC-BY"},
            )
            expected.setdefault(name, []).append(np.where(values == 9999, np.nan, values))
    recipe = archive.recipe("agcd", tmp_path, hosts=["dapds00.nci.org.au"], set_=["inputs.concat.year.values.end=1972"])
    _, ds = archive.run(recipe, tmp_path)
    assert set(ds.variables) == {*kinds, "time", "lat", "lon"}
    assert ds.sizes["time"] == 731
    assert times(ds)[365 + 59] == "1972-02-29T09:00:00"
    for name, parts in expected.items():
        np.testing.assert_array_equal(ds[name].values, np.concatenate(parts))


@pytest.mark.long
def test_gridmet(archive: Archive, tmp_path: Path) -> None:
    names = [
        "sph",
        "vpd",
        "pr",
        "rmin",
        "rmax",
        "srad",
        "tmmn",
        "tmmx",
        "vs",
        "th",
        "pet",
        "etr",
        "bi",
        "fm100",
        "fm1000",
    ]
    expected: dict[str, list[np.ndarray]] = {}
    for year in (1979, 1980):
        length = 366 if year == 1980 else 365
        start = (dt.date(year, 1, 1) - dt.date(1900, 1, 1)).days
        for name in names:
            values = RNG.integers(0, 30000, (length, 2, 3)).astype("u2")
            values[5, 0, 0] = 32767
            netcdf4(
                archive.path(f"https://www.northwestknowledge.net/metdata/data/{name}_{year}.nc"),
                {
                    f"var_{name}": (
                        ("day", "lat", "lon"),
                        values,
                        {
                            "_FillValue": np.uint16(32767),
                            "scale_factor": 0.1,
                            "add_offset": 210.0,
                            "grid_mapping": "crs",
                            "coordinates": "lon lat",
                        },
                    ),
                    "day": (
                        ("day",),
                        start + np.arange(length, dtype="f8"),
                        {"units": "days since 1900-01-01 00:00:00"},
                    ),
                    "crs": (("crs",), np.array([3], "u2"), {"grid_mapping_name": "latitude_longitude"}),
                    "lat": (("lat",), np.array([49.4, 25.1]), {"units": "degrees_north"}),
                    "lon": (("lon",), np.array([-124.8, -95, -67.0]), {"units": "degrees_east"}),
                },
                {"date": f"{name}", "author": "John Abatzoglou"},
            )
            expected.setdefault(f"var_{name}", []).append(values)
    recipe = archive.recipe(
        "gridmet", tmp_path, hosts=["www.northwestknowledge.net"], set_=["inputs.concat.year.values.end=1980"]
    )
    _, ds = archive.run(recipe, tmp_path)
    raw = stored(tmp_path / "gridmet.zarr")
    assert set(ds.variables) == {*expected, "time", "lat", "lon"}
    for name, parts in expected.items():
        np.testing.assert_array_equal(raw[name].values, np.concatenate(parts))
    assert times(ds)[0] == "1979-01-01T00:00:00"
    assert times(ds)[-1] == "1980-12-31T00:00:00"
    assert raw.var_pr.encoding["chunks"] == (30, 2, 3)


@pytest.mark.long
def test_lmr(archive: Archive, tmp_path: Path) -> None:
    root = "https://www.ncei.noaa.gov/pub/data/paleo/reconstructions/tardif2019lmr/v2_1"
    expected: dict[str, np.ndarray] = {}
    for stem in ("air", "sst", "prate", "prmsl", "pr_wtr", "hgt500", "pdsi"):
        for stat in ("mean", "spread"):
            values = RNG.random((5, 2, 3, 4)).astype("f4")
            days = np.arange(5) * 365.0
            # One file runs backwards.
            order = slice(None, None, -1) if (stem, stat) == ("pdsi", "mean") else slice(None)
            netcdf4(
                archive.path(f"{root}/{stem}_MCruns_ensemble_{stat}_LMRv2.1.nc"),
                {
                    stem: (("time", "MCrun", "lat", "lon"), values[order], {"units": "K"}),
                    "time": (
                        ("time",),
                        days[order],
                        {"units": "days since 0000-01-01 00:00:00", "calendar": "365_day"},
                    ),
                    "lat": (("lat",), np.array([-60.0, 0, 60]), {"units": "degrees_north"}),
                    "lon": (("lon",), np.array([0.0, 90, 180, 270]), {"units": "degrees_east"}),
                    "MCrun": (("MCrun",), np.arange(2), {}),
                },
                {"comment": f"ensemble {stat}", "description": "LMR"},
            )
            expected[f"{stem}_{stat}"] = values
    recipe = archive.recipe("lmr", tmp_path, hosts=["www.ncei.noaa.gov"])
    _, ds = archive.run(recipe, tmp_path)
    assert set(ds.data_vars) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(ds[name].values, values)
    assert [(t.year, t.month, t.day, t.calendar) for t in ds.time.values] == [(y, 1, 1, "noleap") for y in range(5)]


def test_modis_aqua(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    periods = ["20021219_20021226", "20021227_20021231", "20030101_20030108"]
    lat, lon = np.linspace(40, 10, 7, dtype="f4"), np.linspace(-110, -70, 9, dtype="f4")
    expected: dict[str, list[np.ndarray]] = {}
    for period in periods:
        day = f"{period[:4]}-{period[4:6]}-{period[6:8]}"
        for product, name in (("CHL.chlor_a", "chlor_a"), ("IOP.bbp_443", "bbp_443"), ("SST.sst", "sst")):
            if name == "sst":
                values = RNG.integers(-2000, 8000, (7, 9)).astype("i2")
                own = {"_FillValue": np.int16(-32767), "scale_factor": np.float32(0.005), "add_offset": np.float32(0)}
                extra = {"qual_sst": (("lat", "lon"), np.ones((7, 9), "u1"), {"_FillValue": np.uint8(255)})}
            else:
                values, own, extra = RNG.random((7, 9)).astype("f4"), {"_FillValue": np.float32(-32767)}, {}
                values[2, 3] = -32767
            url = f"https://oceandata.sci.gsfc.nasa.gov/ob/getfile/AQUA_MODIS.{period}.L3m.8D.{product}.4km.nc"
            netcdf4(
                archive.path(url),
                {
                    name: (("lat", "lon"), values, own),
                    **extra,
                    "lat": (("lat",), lat, {"units": "degrees_north"}),
                    "lon": (("lon",), lon, {"units": "degrees_east"}),
                    "palette": (("rgb", "eightbitcolor"), np.zeros((3, 256), "u1"), {}),
                },
                {"time_coverage_start": f"{day}T00:25:01.000Z", "product_name": url[-40:], "date_created": day},
            )
            # 18 to 31 degrees north, 98 to 80 west.
            rows, columns = (lat >= 18) & (lat <= 31), (lon >= -98) & (lon <= -80)
            expected.setdefault(name, []).append(values[np.ix_(rows, columns)])
    archive.logins["/oceandata"] = "Bearer tok-123456"
    monkeypatch.setenv("PANGEO_FORGE_SECRET_EARTHDATA_TOKEN", "tok-123456")
    monkeypatch.setenv("PANGEO_FORGE_SECRET_EARTHDATA_TOKEN_HOSTS", "127.0.0.1")
    recipe = archive.recipe(
        "modis-aqua",
        tmp_path,
        hosts=["oceandata.sci.gsfc.nasa.gov"],
        set_=["inputs.concat.time.start=2002-12-19", "inputs.concat.time.end=2003-01-01"],
    )
    _, ds = archive.run(recipe, tmp_path)
    raw = stored(tmp_path / "modis-aqua.zarr")
    assert set(raw.variables) == {"chlor_a", "bbp_443", "sst", "time", "lat", "lon"}
    for name, parts in expected.items():
        assert raw[name].dims == ("time", "lat", "lon")
        np.testing.assert_array_equal(raw[name].values, np.stack(parts))
    assert times(ds) == [f"{d}T00:25:01" for d in ("2002-12-19", "2002-12-27", "2003-01-01")]
    assert list(ds.lat.values) == [30, 25, 20]
    assert not any(r for _, _, r in archive.requests)
