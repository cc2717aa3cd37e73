"""Stand-ins of series of files: one day, one half hour or one step a file."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from .standins.archive import Archive, stored, times
from .standins.files import index_page, netcdf4

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(1)


def gpcp_day(path: Path, day: int) -> np.ndarray:
    """A day of GPCP: precip with a fill value, times in days since 1970, bounds with a dimension nv."""
    rain = RNG.gamma(0.5, 8, (1, 6, 8)).astype("f4")
    rain[0, 0, :2] = -99999.0
    bounds = {"lat_bounds": "latitude", "lon_bounds": "longitude"}
    axes = {"latitude": np.linspace(-75, 75, 6, dtype="f4"), "longitude": np.linspace(0, 315, 8, dtype="f4")}
    netcdf4(
        path,
        {
            "precip": (("time", "latitude", "longitude"), rain, {"_FillValue": np.float32(-99999), "units": "mm/day"}),
            "time": (
                ("time",),
                np.array([day], "f4"),
                {"units": "days since 1970-01-01 00:00:00 0:00", "calendar": "julian"},
            ),
            "time_bounds": (("time", "nv"), np.array([[day, day + 1]], "f4"), {}),
            **{n: ((n,), v, {"units": f"degrees_{'north' if n == 'latitude' else 'east'}"}) for n, v in axes.items()},
            **{b: ((d, "nv"), np.stack([axes[d] - 1, axes[d] + 1], 1), {}) for b, d in bounds.items()},
        },
        {"title": "GPCP", "date_created": f"2017-05-{day % 28 + 1:02}", "source": b"caf\xe9"},
    )
    return np.where(rain == -99999, np.nan, rain)


DAYS = ["1996-10-01", "1996-10-02", "1996-10-03", "1996-10-04"]
FIRST = 9770  # 1996-10-01


def test_gpcp(archive: Archive, tmp_path: Path) -> None:
    root = "https://storage.googleapis.com/pforge-test-data/gpcp/v01r03_daily_d"
    rain = [gpcp_day(archive.path(f"{root}{d.replace('-', '')}.nc"), FIRST + i) for i, d in enumerate(DAYS)]
    recipe = archive.recipe(
        "gpcp", tmp_path, hosts=["storage.googleapis.com"], set_=["inputs.concat.time.end=1996-10-04"]
    )
    _, ds = archive.run(recipe, tmp_path)
    np.testing.assert_array_equal(ds.precip.values, np.concatenate(rain))
    assert [t[:10] for t in times(ds)] == DAYS
    assert ds.precip.dims == ("time", "latitude", "longitude")
    assert ds.attrs["title"] == "GPCP"
    assert "date_created" not in ds.attrs


def test_gpcp_ncei(archive: Archive, tmp_path: Path) -> None:
    folder = "data/global-precipitation-climatology-project-gpcp-daily/access"
    rain = {}
    for year, days in {1996: ["1231", "1230"], 1997: ["0102", "0101"]}.items():
        names = []
        for i, day in enumerate(days):
            number = {"1230": 9860, "1231": 9861, "0101": 9862, "0102": 9863}[day]
            # The creation date is in no order, so that sorting by the whole name is not enough.
            name = f"gpcp_v01r03_daily_d{year}{day}_c201705{28 - i}.nc"
            rain[number] = gpcp_day(archive.path(f"https://www.ncei.noaa.gov/{folder}/{year}/{name}"), number)
            names.append(name)
        page = f"/www.ncei.noaa.gov/{folder}/{year}/"
        archive.answers[page] = (index_page(names).encode(), {"Content-Type": "text/html"})
    recipe = archive.recipe(
        "gpcp-ncei", tmp_path, hosts=["www.ncei.noaa.gov"], set_=["inputs.listing.keys.year.end=1997"]
    )
    _, ds = archive.run(recipe, tmp_path)
    assert [t[:10] for t in times(ds)] == ["1996-12-30", "1996-12-31", "1997-01-01", "1997-01-02"]
    np.testing.assert_array_equal(ds.precip.values, np.concatenate([rain[k] for k in sorted(rain)]))


def oisst_day(path: Path, day: int) -> dict[str, np.ndarray]:
    """A day of OISST: four packed int16 variables on time, zlev, lat, lon."""
    shape = (1, 1, 6, 12)
    made = {n: RNG.integers(-180, 3000, shape).astype("i2") for n in ("sst", "anom", "err")}
    made["ice"] = RNG.integers(0, 100, shape).astype("i2")
    for values in made.values():
        values[..., 0, :3] = -999
    packing = {"_FillValue": np.int16(-999), "scale_factor": np.float32(0.01), "add_offset": np.float32(0)}
    netcdf4(
        path,
        {
            "time": (("time",), np.array([day + 0.5], "f4"), {"units": "days since 1978-01-01 12:00:00"}),
            "zlev": (("zlev",), np.array([0], "f4"), {"units": "meters"}),
            "lat": (("lat",), np.linspace(-75, 75, 6, dtype="f4"), {"units": "degrees_north"}),
            "lon": (("lon",), np.linspace(15, 345, 12, dtype="f4"), {"units": "degrees_east"}),
            **{n: (("time", "zlev", "lat", "lon"), v, {**packing, "units": "Celsius"}) for n, v in made.items()},
        },
        {"title": "NOAA/NCEI 1/4 Degree Daily OISST", "history": f"day {day}", "Conventions": "CF-1.6"},
    )
    return made


def test_noaa_oisst(archive: Archive, tmp_path: Path) -> None:
    root = "https://www.ncei.noaa.gov/data/sea-surface-temperature-optimum-interpolation/v2.1/access/avhrr"
    days = ["19810929", "19810930", "19811001", "19811002"]
    made = [oisst_day(archive.path(f"{root}/{d[:6]}/oisst-avhrr-v02r01.{d}.nc"), 1366 + i) for i, d in enumerate(days)]
    recipe = archive.recipe(
        "noaa-oisst",
        tmp_path,
        hosts=["www.ncei.noaa.gov"],
        set_=["inputs.concat.time.start=1981-09-29", "inputs.concat.time.end=1981-10-02"],
    )
    _, ds = archive.run(recipe, tmp_path)
    raw = stored(tmp_path / "noaa-oisst.zarr")
    for name in ("sst", "anom", "err", "ice"):
        # Packed numbers go through as they are.
        assert raw[name].dtype == "i2"
        np.testing.assert_array_equal(raw[name].values, np.concatenate([m[name] for m in made]))
    assert times(ds) == [f"{d[:4]}-{d[4:6]}-{d[6:]}T00:00:00" for d in days]
    assert ds.sst.encoding["chunks"][0] in (4, 20)
    assert np.isnan(ds.sst.values[:, 0, 0, :3]).all()


def imerg(path: Path, day: int, **variables: np.ndarray) -> None:
    """IMERG: lon before lat, times of seconds or days, bounds with nv."""
    netcdf4(
        path,
        {
            **{
                n: (
                    ("time", "lon", "lat"),
                    v,
                    {"_FillValue": np.float32(-9999.9), "units": "mm/hr", "coordinates": "time lon lat"},
                )
                for n, v in variables.items()
            },
            "time": (
                ("time",),
                np.array([day], "i4"),
                {"units": "days since 1970-01-01 00:00:00Z", "bounds": "time_bnds"},
            ),
            "time_bnds": (("time", "nv"), np.array([[day, day + 1]], "i4"), {"units": "days since 1970-01-01"}),
            "lon": (("lon",), np.linspace(-135, 135, 4, dtype="f4"), {"units": "degrees_east"}),
            "lat": (("lat",), np.linspace(-60, 60, 3, dtype="f4"), {"units": "degrees_north"}),
            "nv": (("nv",), np.array([0, 1], "i4"), {}),
        },
        {"FileHeader": f"GranuleNumber={day};", "InputPointer": "x"},
    )


def test_gpm_imerg_daily(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = "https://data.gesdisc.earthdata.nasa.gov/data/GPM_L3/GPM_3IMERGDF.07"
    rain = RNG.random((3, 1, 4, 3)).astype("f4")
    rain[1, 0, 0, 0] = -9999.9
    for i, day in enumerate(["20000630", "20000701", "20000702"]):
        url = f"{root}/{day[:4]}/{day[4:6]}/3B-DAY.MS.MRG.3IMERG.{day}-S000000-E235959.V07B.nc4"
        imerg(archive.path(url), 11138 + i, precipitation=rain[i], randomError=rain[i])
    archive.logins["/data.gesdisc"] = "Bearer tok-123456"
    monkeypatch.setenv("PANGEO_FORGE_SECRET_EARTHDATA_TOKEN", "tok-123456")
    monkeypatch.setenv("PANGEO_FORGE_SECRET_EARTHDATA_TOKEN_HOSTS", "127.0.0.1")
    recipe = archive.recipe(
        "gpm-imerg-daily",
        tmp_path,
        hosts=["data.gesdisc.earthdata.nasa.gov"],
        set_=["inputs.concat.time.start=2000-06-30", "inputs.concat.time.end=2000-07-02"],
    )
    _, ds = archive.run(recipe, tmp_path)
    assert ds.precipitation.dims == ("time", "lat", "lon")
    assert list(ds.data_vars) == ["precipitation"]
    expected = np.where(rain == np.float32(-9999.9), np.nan, rain)[:, 0].transpose(0, 2, 1)
    np.testing.assert_array_equal(ds.precipitation.values, expected)
    assert [t[:10] for t in times(ds)] == ["2000-06-30", "2000-07-01", "2000-07-02"]
    assert "tok-123456" not in json.dumps(dict(ds.attrs))


@pytest.mark.long
def test_gpm_imerg_halfhourly(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = "https://gpm1.gesdisc.eosdis.nasa.gov/data/GPM_L3/GPM_3IMERGHH.06/2000/153"
    rain = RNG.random((3, 1, 4, 3)).astype("f4")
    times_of = ["S233000-E235959.1410"]
    names = [f"20000601-{times_of[0]}", "20000602-S000000-E002959.0000", "20000602-S003000-E005959.0030"]
    for i, name in enumerate(names):
        folder = root if i == 0 else root.replace("153", "154")
        second = 959902200 + 1800 * i
        netcdf4(
            archive.path(f"{folder}/3B-HHR.MS.MRG.3IMERG.{name}.V06B.HDF5"),
            {
                "precipitationCal": (("time", "lon", "lat"), rain[i], {"_FillValue": np.float32(-9999.9)}),
                "time": (
                    ("time",),
                    np.array([second], "i4"),
                    {"units": "seconds since 1970-01-01 00:00:00 UTC", "calendar": "julian"},
                ),
                "lon": (("lon",), np.linspace(-135, 135, 4, dtype="f4"), {"units": "degrees_east"}),
                "lat": (("lat",), np.linspace(-60, 60, 3, dtype="f4"), {"units": "degrees_north"}),
                **{n: (("nv",) if n == "nv" else (n,), np.arange(2, dtype="i4"), {}) for n in ("nv", "latv", "lonv")},
                "time_bnds": (("time", "nv"), np.array([[second, second + 1800]], "i4"), {}),
                "lat_bnds": (("lat", "latv"), np.zeros((3, 2), "f4"), {}),
                "lon_bnds": (("lon", "lonv"), np.zeros((4, 2), "f4"), {}),
            },
            group="Grid",
        )
    archive.logins["/gpm1"] = "Basic " + base64.b64encode(b"me:pass-word").decode()
    monkeypatch.setenv("PANGEO_FORGE_SECRET_GESDISC_LOGIN", "me:pass-word")
    recipe = archive.recipe(
        "gpm-imerg-halfhourly",
        tmp_path,
        hosts=["gpm1.gesdisc.eosdis.nasa.gov"],
        set_=["inputs.concat.time.start=2000-06-01T23:30", "inputs.concat.time.end=2000-06-02T00:30"],
    )
    _, ds = archive.run(recipe, tmp_path)
    np.testing.assert_array_equal(ds.precipitationCal.values, rain[:, 0].transpose(0, 2, 1))
    raw = stored(tmp_path / "gpm-imerg-halfhourly.zarr")
    # The files say julian, which from 1970 to 2099 names the same days as the real calendar.
    assert times(ds) == ["2000-06-01T23:30:00", "2000-06-02T00:00:00", "2000-06-02T00:30:00"]
    assert set(raw.variables) == {"precipitationCal", "time", "lat", "lon"}


@pytest.mark.long
def test_gpm_imerg_late(archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = ["20000601", "20000602", "20000603"]
    rain = RNG.random((3, 1, 4, 3)).astype("f4")
    entries = []
    for i, day in enumerate(days):
        url = f"https://gpm1.gesdisc.eosdis.nasa.gov/data/GPM_3IMERGDL.06/3B-DAY-L.MS.MRG.3IMERG.{day}.nc4"
        imerg(archive.path(url), 11109 + i, precipitationCal=rain[i])
        here = archive.url + "/" + url.split("://")[1]
        rel = "http://esipfed.org/ns/fedsearch/1.1/"
        links = [{"rel": rel + "data#", "href": here}, {"rel": rel + "service#", "href": here + ".html"}]
        entries.append({"title": day, "links": links})
    body = json.dumps({"feed": {"entry": entries}}).encode()
    archive.answers["/search/granules.json"] = (body, {"Content-Type": "application/json", "CMR-Hits": "3"})
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password pass-word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    archive.logins["/gpm1"] = "Basic " + base64.b64encode(b"me:pass-word").decode()
    recipe = archive.recipe("gpm-imerg-late", tmp_path, hosts=[], set_=[f"inputs.catalog.cmr.url={archive.url}/search"])
    _, ds = archive.run(recipe, tmp_path)
    np.testing.assert_array_equal(ds.precipitationCal.values, rain[:, 0].transpose(0, 2, 1))
    assert [t[:10] for t in times(ds)] == ["2000-06-01", "2000-06-02", "2000-06-03"]
    assert "short_name=GPM_3IMERGDL" in archive.requests[0][0]


@pytest.mark.long
def test_coastwatch_sst(archive: Archive, tmp_path: Path) -> None:
    root = "https://coastwatch.noaa.gov/pub/socd2/coastwatch/sst_blended/sst5km/night/ghrsst"
    tail = "L4_GHRSST-SSTfnd-Geo_Polar_Blended_Night-GLOB-v02.0-fv01.0.nc"
    days = {"20161231": "STAR", "20170101": "OSPO", "20170131": "OSPO", "20170202": "OSPO"}
    made = RNG.integers(-200, 3000, (4, 1, 4, 8)).astype("i2")
    for i, (day, org) in enumerate(days.items()):
        stamp = int(
            (np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}") - np.datetime64("1981-01-01")) / np.timedelta64(1, "s")
        )
        packing = {"_FillValue": np.int16(-32768), "scale_factor": 0.01, "add_offset": 273.15}
        netcdf4(
            archive.path(f"{root}/{day[:4]}/{day}000000-{org}-{tail}"),
            {
                "analysed_sst": (("time", "lat", "lon"), made[i], {**packing, "units": "kelvin"}),
                "mask": (("time", "lat", "lon"), np.ones((1, 4, 8), "i1"), {"flag_meanings": "water land"}),
                "time": (("time",), np.array([stamp], "i4"), {"units": "seconds since 1981-01-01 00:00:00"}),
                "lat": (("lat",), np.linspace(-67.5, 67.5, 4, dtype="f4"), {"units": "degrees_north"}),
                "lon": (("lon",), np.linspace(-157.5, 157.5, 8, dtype="f4"), {"units": "degrees_east"}),
            },
            {"uuid": f"{i}", "institution": org},
        )
    recipe = archive.recipe(
        "coastwatch-sst",
        tmp_path,
        hosts=["coastwatch.noaa.gov"],
        set_=["inputs.concat.time.start=2016-12-31", "inputs.concat.time.end=2017-02-02"],
    )
    # 2017-02-01 is one of the days that do not exist: the last two are 31 January and 2 February.
    _, ds = archive.run(recipe, tmp_path, prune=4)
    assert [t[:10].replace("-", "") for t in times(ds)] == list(days)
    raw = stored(tmp_path / "coastwatch-sst.zarr")
    np.testing.assert_array_equal(raw.analysed_sst.values, made[:, 0])
    assert "institution" not in ds.attrs
