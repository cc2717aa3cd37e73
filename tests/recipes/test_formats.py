"""Stand-ins of archives in other formats than plain NetCDF-4, and of other ways to read them."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.runs.execution import run_recipe
from pangeo_forge.runs.settings import RunSettings
from pangeo_forge.targets.opening import open_dataset

from .standins.archive import Archive, opened, stored, times
from .standins.files import cdf5, grib, netcdf3, netcdf4, zipped_geotiff

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(3)


def test_ssebop(archive: Archive, tmp_path: Path) -> None:
    root = "https://edcintl.cr.usgs.gov/downloads/sciweb1/shared/uswem/web/conus/eta/modis_eta/daily/downloads"
    values = RNG.integers(0, 900, (3, 4, 5)).astype("u2")
    values[:, 0, 0] = 9999
    for i, day in enumerate(("2000059", "2000060", "2000061")):
        name = f"det{day}.modisSSEBopETactual"
        path = archive.path(f"{root}/{name}.zip")
        zipped_geotiff(path, f"{name}.tif", values[i], west=-125.0, north=50.0, step=0.5)
    recipe = archive.recipe(
        "ssebop",
        tmp_path,
        hosts=["edcintl.cr.usgs.gov"],
        set_=["inputs.concat.time.start=2000-02-28", "inputs.concat.time.end=2000-03-01"],
    )
    _, ds = archive.run(recipe, tmp_path)
    assert ds.aet.dims == ("time", "lat", "lon")
    np.testing.assert_array_equal(ds.aet.values, np.where(values == 9999, np.nan, values))
    assert [t[:10] for t in times(ds)] == ["2000-02-28", "2000-02-29", "2000-03-01"]
    np.testing.assert_allclose(ds.lat.values, [49.75, 49.25, 48.75, 48.25])
    np.testing.assert_allclose(ds.lon.values, -124.75 + 0.5 * np.arange(5))
    assert "band" not in ds.variables


def test_evolv2k(archive: Archive, tmp_path: Path) -> None:
    url = "https://github.com/matthew2e/easy-volcanic-aerosol/raw/master/eVolv2k_v2.1_ds_1.nc"
    years, months, dates = [1815, 1258, 1, 0, -43, -500], [4, 7, 1, 12, 1, 1], [10, 1, 1, 31, 1, 1]
    sulfur = RNG.random(6)
    netcdf4(
        archive.path(url),
        {
            "year": (("time",), np.array(years, "i4"), {"long_name": "ISO 8601 year"}),
            "month": (("time",), np.array(months, "i4"), {}),
            "day": (("time",), np.array(dates, "i4"), {}),
            "yearCE": (("time",), np.array(years, "i4"), {"long_name": "year without a year 0"}),
            "ssi": (("time",), sulfur, {"units": "Tg"}),
            "lat": (("time",), np.linspace(-60, 60, 6), {"units": "degrees_north"}),
        },
        {"title": "eVolv2k"},
    )
    recipe = archive.recipe("evolv2k", tmp_path, hosts=["github.com"])
    _, ds = archive.run(recipe, tmp_path)
    np.testing.assert_array_equal(ds.ssi.values, sulfur[::-1])
    found = [(t.year, t.month, t.day) for t in ds.time.values]
    assert found == list(zip(years, months, dates, strict=True))[::-1]
    assert ds.time.values[0].calendar == "proleptic_gregorian"
    assert not {"year", "month", "day", "yearCE"} & set(ds.variables)


def hadisst(path: Path) -> np.ndarray:
    """Months of SST in classic NetCDF, with texts of the time axis, compressed."""
    values = RNG.uniform(-2, 30, (6, 3, 4)).astype("f4")
    values[:, 0, 0] = -1e30
    values[:, 0, 1] = -1000
    texts = np.array([list(f"1870-{m:02}-16") for m in range(1, 7)], "S1")
    plain = path.with_suffix("")
    netcdf3(
        plain,
        {
            "time": (
                ("time",),
                np.array([16.5, 46, 75.5, 106, 136.5, 167], "f4"),
                {"units": "days since 1870-1-1 0:0:0", "calendar": "gregorian"},
            ),
            "time_bnds": (("time", "nv"), np.zeros((6, 2), "f4"), {}),
            "date_string": (("time", "string10"), texts, {}),
            "latitude": (("latitude",), np.array([60, 0, -60], "f4"), {"units": "degrees_north"}),
            "longitude": (("longitude",), np.array([-135, -45, 45, 135], "f4"), {"units": "degrees_east"}),
            "sst": (("time", "latitude", "longitude"), values, {"_FillValue": np.float32(-1e30), "units": "C"}),
        },
        {"Title": "HadISST", "history": "x"},
        record="time",
    )
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    return np.where(values == np.float32(-1e30), np.nan, values)


def check_hadisst(ds: xr.Dataset, values: np.ndarray) -> None:
    """What any server must give."""
    np.testing.assert_array_equal(ds.sst.values, values)
    assert times(ds)[:2] == ["1870-01-17T12:00:00", "1870-02-16T00:00:00"]
    assert "date_string" not in ds.variables


def test_hadisst(archive: Archive, tmp_path: Path) -> None:
    values = hadisst(archive.path("ftp://ftp.metoffice.gov.uk/hadobs/hadisst/data/HadISST_sst.nc.gz"))
    recipe = archive.recipe("hadisst", tmp_path, hosts=["ftp.metoffice.gov.uk"])
    _, ds = archive.run(recipe, tmp_path)
    check_hadisst(ds, values)


@pytest.mark.servers
def test_hadisst_over_ftp(archive: Archive, tmp_path: Path) -> None:
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import ThreadedFTPServer

    values = hadisst(archive.path("ftp://ftp.metoffice.gov.uk/hadobs/hadisst/data/HadISST_sst.nc.gz"))
    users = DummyAuthorizer()
    users.add_anonymous(str(archive.folder))
    handler = type("Handler", (FTPHandler,), {"authorizer": users})
    server = ThreadedFTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        root = f"ftp://127.0.0.1:{server.address[1]}"
        recipe = archive.recipe("hadisst", tmp_path, hosts=["ftp.metoffice.gov.uk"], root=root)
        _, ds = archive.run(recipe, tmp_path)
        check_hadisst(ds, values)
    finally:
        server.close_all()
        thread.join()


def test_climsim(archive: Archive, tmp_path: Path) -> None:
    host = "huggingface.co/datasets/LEAP/ClimSim_high-res/resolve/main/train"
    steps = [
        ("0001-02-28", 84000, 10228),
        ("0001-02-28", 85200, 10228),
        ("0001-03-01", 0, 10301),
        ("0001-03-01", 1200, 10301),
    ]
    temperature = RNG.uniform(200, 300, (4, 3, 5))
    files = {}
    for i, (day, second, ymd) in enumerate(steps):
        files[f"{host}/{day[:7]}/E3SM-MMF.mli.{day}-{second:05}.nc"] = {
            "ymd": ((), np.int32(ymd), {}),
            "tod": ((), np.int32(second), {}),
            "state_t": (("lev", "ncol"), temperature[i], {}),
            "state_ps": (("ncol",), temperature[i, 0], {}),
        }
    cdf5(archive.folder, files)
    recipe = archive.recipe(
        "climsim",
        tmp_path,
        hosts=["huggingface.co"],
        set_=["inputs.concat.time.start=0001-02-28T23:20", "inputs.concat.time.end=0001-03-01T00:20"],
    )
    _, ds = archive.run(recipe, tmp_path)
    np.testing.assert_array_equal(ds.state_t.values, temperature)
    np.testing.assert_array_equal(ds.state_ps.values, temperature[:, 0])
    expected = [
        cftime.datetime(1, *map(int, d[5:].split("-")), s // 3600, s % 3600 // 60, calendar="noleap")
        for d, s, _ in steps
    ]
    assert list(ds.time.values) == expected
    raw = stored(tmp_path / "climsim.zarr")
    assert raw.time.attrs["units"] == "minutes since 0001-02-01 00:00:00"
    assert raw.time.attrs["calendar"] == "noleap"
    assert raw.time.values.tolist() == [28 * 1440 - 40, 28 * 1440 - 20, 28 * 1440, 28 * 1440 + 20]


@pytest.mark.long
def test_ccmp_wind(archive: Archive, tmp_path: Path) -> None:
    lat, lon = np.arange(40, 65, 5.0).astype("f4"), np.arange(330.125, 360, 7.5).astype("f4")
    days = ["20170310", "20170313"]
    u, v = RNG.uniform(-20, 20, (2, 2, 4, lat.size, lon.size)).astype("f4")
    u[0, 0, 2, 1] = v[0, 0, 2, 1] = 0
    u[1, 1, 2, 2] = -9999
    for i, day in enumerate(days):
        hours = (np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}") - np.datetime64("1987-01-01")) / np.timedelta64(
            1, "h"
        )
        wind = {"_FillValue": np.float32(-9999), "units": "m s-1"}
        netcdf4(
            archive.path(
                f"https://data.remss.com/ccmp/v02.1.NRT/Y2017/M03/CCMP_RT_Wind_Analysis_{day}_V02.1_L3.0_RSS.nc"
            ),
            {
                "uwnd": (("time", "latitude", "longitude"), u[i], wind),
                "vwnd": (("time", "latitude", "longitude"), v[i], wind),
                "time": (("time",), hours + np.arange(0, 24, 6.0), {"units": "hours since 1987-01-01 00:00:00"}),
                "latitude": (("latitude",), lat, {"units": "degrees_north"}),
                "longitude": (("longitude",), lon, {"units": "degrees_east"}),
            },
            {"base_date": f"Y{day}", "date_created": day, "history": "x", "title": "RSS CCMP"},
        )
    # 11 and 12 March are two of the days that do not exist.
    recipe = archive.recipe(
        "ccmp-wind",
        tmp_path,
        hosts=["data.remss.com"],
        set_=["inputs.concat.time.start=2017-03-10", "inputs.concat.time.end=2017-03-13"],
    )
    with pytest.raises(PangeoForgeError, match="--allow-python"):
        archive.run(recipe, tmp_path)
    _, ds = archive.run(recipe, tmp_path, allow_python=True)
    rows, columns = (lat >= 45.75) & (lat <= 58.25), (lon >= 333.85) & (lon <= 355.35)
    east, north = (
        np.where(w == -9999, np.nan, w).reshape(8, lat.size, lon.size)[:, rows][:, :, columns] for w in (u, v)
    )
    assert ds.wind_speed.dims == ("height", "time", "latitude", "longitude")
    np.testing.assert_array_equal(ds.uwnd.values[0], east)
    np.testing.assert_allclose(ds.wind_speed.values[0], np.sqrt(east**2 + north**2), rtol=1e-6)
    for (t, y, x), speed in np.ndenumerate(ds.wind_speed.values[0]):
        direction = float(ds.wind_direction.values[0, t, y, x])
        if np.isnan(speed):
            assert np.isnan(direction)
        elif speed == 0:
            assert direction == 0
        else:
            # Where it comes from: the wind blows to the other side.
            angle = np.radians(direction)
            np.testing.assert_allclose(
                [-speed * np.sin(angle), -speed * np.cos(angle)], [east[t, y, x], north[t, y, x]], atol=1e-4
            )
    assert np.isnan(ds.wind_speed.values).sum() == 1
    assert ds.height.values.tolist() == [10]
    assert ds.height.attrs["units"] == "m"
    assert not {"base_date", "date_created", "history"} & set(ds.attrs)


def seaice(path: Path, first: int, months: int, *, classic: bool) -> np.ndarray:
    """Monthly files of a noleap model: scalar type, bounds, cell areas; NetCDF 3 or 4."""
    middle = np.cumsum([0, *[31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] * 20])
    centre = ((middle[:-1] + middle[1:]) / 2)[first : first + months]
    edges = np.stack([middle[first : first + months], middle[first + 1 : first + months + 1]], 1).astype("f8")
    start = f"days since {1850 + first // 24}-01-01" if not classic else "days since 1850-01-01"
    offset = 0 if classic else (first // 24) * 365
    values = RNG.random((months, 3, 4)).astype("f4") * 100
    values[:, 0, 0] = 1e20
    area = np.arange(12, dtype="f4").reshape(3, 4)
    (netcdf3 if classic else netcdf4)(
        path,
        {
            "siconc": (
                ("time", "j", "i"),
                values,
                {
                    "_FillValue": np.float32(1e20),
                    "missing_value": np.float32(1e20),
                    "units": "%",
                    "coordinates": "latitude longitude type",
                },
            ),
            "time": (("time",), centre - offset, {"units": start, "calendar": "noleap", "bounds": "time_bnds"}),
            "time_bnds": (("time", "bnds"), edges - offset, {}),
            "latitude": (("j", "i"), area, {"units": "degrees_north"}),
            "longitude": (("j", "i"), area, {"units": "degrees_east"}),
            "areacello": (("j", "i"), area, {"units": "m2"}),
        },
        {"tracking_id": f"hdl:{first}", "source_id": "CanESM5", "creation_date": str(first)},
    )
    return np.where(values == np.float32(1e20), np.nan, values)


@pytest.mark.long
def test_cmip6(archive: Archive, tmp_path: Path) -> None:
    ident = "CMIP6.CMIP.SNU.SAM0-UNICON.historical.r1i1p1f1.SImon.siconc.gn.v20190323"
    root = "https://esgf.ceda.ac.uk/thredds/fileServer/esg_cmip6/CMIP6/CMIP/SNU/SAM0-UNICON/historical/r1i1p1f1"
    spans = [("185001-185112", 0, False), ("185201-185312", 24, True), ("185401-185412", 48, False)]
    urls, values = [], []
    for span, first, classic in spans:
        url = f"{root}/SImon/siconc/gn/v20190323/siconc_SImon_SAM0-UNICON_historical_r1i1p1f1_gn_{span}.nc"
        values.append(seaice(archive.path(url), first, 12 if first == 48 else 24, classic=classic))
        urls.append(url)
    archive.recipe("cmip6", tmp_path, hosts=["esgf.ceda.ac.uk"], id="cmip6-sam0-unicon-historical-siconc")
    here = "\n".join(u.replace("https:/", archive.url) for u in reversed(urls))
    (tmp_path / "cmip6" / "files" / f"{ident}.csv").write_text(f"url\n{here}\n")
    from pangeo_forge.recipe.load import load_recipe

    recipe = load_recipe("cmip6-sam0-unicon-historical-siconc", recipes_dir=tmp_path)
    _, ds = archive.run(recipe, tmp_path)
    assert list(ds.data_vars) == ["siconc"]
    assert {"latitude", "longitude", "areacello", "time_bnds"} <= set(ds.coords)
    np.testing.assert_array_equal(ds.siconc.values, np.concatenate(values))
    assert ds.sizes["time"] == 60
    assert times(ds)[24] == "1852-01-16T12:00:00"
    assert ds.time.values[0].calendar == "noleap"
    assert "tracking_id" not in ds.attrs


HRRR = "s3://noaa-hrrr-bdp-pds/hrrr.20220722/conus/hrrr.t22z.wrfsfcf{:02}.grib2"


def hrrr(archive: Archive) -> np.ndarray:
    """Four lead times of six fields: t at the surface and on a pressure level, 2 m, 10 m, and one that no table names."""
    values = RNG.uniform(250, 300, (4, 6, 3, 4))
    for step in range(4):
        lead = {"forecastTime": step}
        grib(
            archive.path(HRRR.format(step)),
            [
                {"shortName": "t", "typeOfLevel": "surface", "level": 0, **lead},
                {"shortName": "t", "typeOfLevel": "isobaricInhPa", "level": 500, **lead},
                {"shortName": "2t", **lead},
                {"shortName": "10u", **lead},
                {"shortName": "10v", **lead},
                {
                    "discipline": 0,
                    "parameterCategory": 2,
                    "parameterNumber": 250,
                    "typeOfLevel": "surface",
                    "level": 0,
                    **lead,
                },
            ],
            values[step],
        )
    return values


@pytest.mark.long
def test_hrrr(archive: Archive, tmp_path: Path) -> None:
    values = hrrr(archive)
    recipe = archive.recipe("hrrr", tmp_path, hosts=["noaa-hrrr-bdp-pds"], set_=["inputs.concat.step.end=3"])
    _, ds = archive.run(recipe, tmp_path)
    assert list(ds.data_vars) == ["t"]
    np.testing.assert_allclose(ds.t.values, values[:, 0], atol=1e-4)
    step = opened(str(tmp_path / "hrrr.zarr"), decode_timedelta=True).step.values
    assert (step / np.timedelta64(1, "h")).tolist() == [0, 1, 2, 3]
    assert times(ds, "valid_time") == [
        "2022-07-22T22:00:00",
        "2022-07-22T23:00:00",
        "2022-07-23T00:00:00",
        "2022-07-23T01:00:00",
    ]
    np.testing.assert_allclose(ds.latitude.values, [50, 40, 30])


@pytest.mark.long
def test_hrrr_near_surface(archive: Archive, tmp_path: Path) -> None:
    values = hrrr(archive)
    recipe = archive.recipe(
        "hrrr-near-surface",
        tmp_path,
        hosts=["noaa-hrrr-bdp-pds"],
        set_=["inputs.concat.step.end=3"],
        root=str(archive.folder),
    )
    store = str(tmp_path / "hrrr.parquet")
    run_recipe(recipe, RunSettings(target=store, cache=str(tmp_path / "cache"), mode="single", workers=1))
    ds = open_dataset(store, chunks=None, decode_timedelta=True).load()
    assert (ds.step.values / np.timedelta64(1, "h")).tolist() == [0, 1, 2, 3]
    assert set(ds.data_vars) == {"t2m", "u10", "v10"}
    for i, name in ((2, "t2m"), (3, "u10"), (4, "v10")):
        np.testing.assert_allclose(ds[name].values, values[:, i], atol=1e-4)


def test_gpcp_rechunk(archive: Archive, tmp_path: Path) -> None:
    rain = RNG.random((500, 32, 72)).astype("f4")
    ds = xr.Dataset(
        {
            "precip": (("time", "latitude", "longitude"), rain, {"units": "mm/day"}),
            "lat_bounds": (("latitude", "nv"), np.zeros((32, 2), "f4")),
        },
        {
            "time": ("time", np.arange(500), {"units": "days since 1996-10-01", "calendar": "standard"}),
            "latitude": ("latitude", np.linspace(-77.5, 77.5, 32)),
            "longitude": ("longitude", np.linspace(0, 355, 72)),
        },
        {"title": "GPCP"},
    )
    path = archive.path("https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr")
    encoding = {"precip": {"chunks": (7, 32, 72)}}
    ds.to_zarr(path, zarr_format=2, consolidated=True, encoding=encoding)
    recipe = archive.recipe("gpcp-rechunk", tmp_path, hosts=["ncsa.osn.xsede.org"], root=str(archive.folder))
    _, made = archive.run(recipe, tmp_path)
    np.testing.assert_array_equal(made.precip.values, rain)
    assert made.precip.encoding["chunks"] == (500, 16, 36)
    assert times(made)[-1] == "1998-02-12T00:00:00"


@pytest.fixture
def dap() -> Iterator[tuple[str, dict[str, np.ndarray], list[str]]]:
    """A server of two months of NARR: packed shorts, a scalar grid mapping, 2-d coordinates."""
    from pydap.handlers.lib import BaseHandler
    from pydap.model import BaseType, DatasetType
    from waitress.server import create_server

    handlers, arrays, asked = {}, {}, []
    hours = {"197901": 1569072.0, "197902": 1569072.0 + 31 * 24}
    for month, days in (("197901", 31), ("197902", 28)):
        dataset = DatasetType("d", attributes={"NC_GLOBAL": {"title": "NARR", "history": month}})
        arrays[month] = RNG.uniform(200, 300, (days * 8, 2, 3, 4)).astype("f4")
        axes = {
            "air": (
                arrays[month],
                ("time", "level", "y", "x"),
                {"units": "degK", "grid_mapping": "Lambert_Conformal", "coordinates": "lat lon"},
            ),
            "time": (hours[month] + 3.0 * np.arange(days * 8), ("time",), {"units": "hours since 1800-1-1 00:00:0.0"}),
            "level": (np.array([1000, 500], "f4"), ("level",), {"units": "millibar"}),
            "y": (np.arange(3, dtype="f4"), ("y",), {"units": "m"}),
            "x": (np.arange(4, dtype="f4"), ("x",), {"units": "m"}),
            "lat": (np.arange(12, dtype="f4").reshape(3, 4), ("y", "x"), {"units": "degrees_north"}),
            "lon": (np.arange(12, dtype="f4").reshape(3, 4), ("y", "x"), {"units": "degrees_east"}),
            "Lambert_Conformal": (np.array(0, "i4"), (), {"grid_mapping_name": "lambert_conformal_conic"}),
        }
        for name, (values, dims, attrs) in axes.items():
            dataset[name] = BaseType(name, values, dims=dims, attributes=attrs)
        handlers[month] = BaseHandler(dataset)

    def application(environ: dict[str, Any], start: Any) -> Any:
        asked.append(environ["PATH_INFO"] + "?" + environ["QUERY_STRING"])
        assert environ["HTTP_X_WHO"] == "tests"
        return next(h for m, h in handlers.items() if m in environ["PATH_INFO"])(environ, start)

    running = create_server(application, host="127.0.0.1", port=0, threads=2)
    threading.Thread(target=running.run, daemon=True).start()
    yield f"http://127.0.0.1:{running.effective_port}", arrays, asked
    running.close()


@pytest.mark.servers
def test_narr(dap: tuple[str, dict[str, np.ndarray], list[str]], archive: Archive, tmp_path: Path) -> None:
    url, arrays, asked = dap
    recipe = archive.recipe(
        "narr",
        tmp_path,
        hosts=["psl.noaa.gov"],
        root=url,
        set_=["inputs.concat.time.end=1979-02", "open.max_request=5000", "fetch.headers={x-who: tests}"],
    )
    _, ds = archive.run(recipe, tmp_path)
    np.testing.assert_array_equal(ds.air.values, np.concatenate(list(arrays.values())))
    assert times(ds)[:2] == ["1979-01-01T00:00:00", "1979-01-01T03:00:00"]
    assert times(ds)[-1] == "1979-02-28T21:00:00"
    assert "Lambert_Conformal" in ds.coords
    assert ds.air.encoding["chunks"] == (1, 2, 3, 4)
    # No request above the limit: 5000 bytes of 4-byte numbers.
    assert len([a for a in asked if ".dods?air" in a]) >= 59 * 8 * 24 * 4 / 5000
