"""The inputs of every recipe: how many, the first, the last, some between, computed here by other means."""

from __future__ import annotations

import csv
import datetime as dt
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.recipe.lint import lint
from pangeo_forge.recipe.load import load_recipe, load_recipes

RECIPES = Path(__file__).parents[2] / "recipes"
TODAY = dt.date(2026, 11, 22)


def days(first: str, last: str) -> list[dt.date]:
    one, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    return [one + dt.timedelta(i) for i in range((end - one).days + 1)]


def gpcp() -> Iterator[str]:
    for d in days("1996-10-01", "1999-02-01"):
        yield f"https://storage.googleapis.com/pforge-test-data/gpcp/v01r03_daily_d{d.year}{d.month:02}{d.day:02}.nc"


def oisst() -> Iterator[str]:
    root = "https://www.ncei.noaa.gov/data/sea-surface-temperature-optimum-interpolation/v2.1/access/avhrr"
    for d in days("1981-09-01", TODAY.isoformat()):
        yield f"{root}/{d.year}{d.month:02}/oisst-avhrr-v02r01.{d.year}{d.month:02}{d.day:02}.nc"


def terraclimate() -> Iterator[str]:
    names = ["aet", "def", "pet", "ppt", "q", "soil", "srad", "swe", "tmax", "tmin", "vap", "ws", "vpd", "PDSI"]
    root = "http://thredds.northwestknowledge.net:8080/thredds/fileServer/TERRACLIMATE_ALL/data"
    for year in range(1958, 2021):
        for name in names:
            yield f"{root}/TerraClimate_{name}_{year}.nc"


def narr() -> Iterator[str]:
    for year in range(1979, 2024):
        for month in range(1, 13):
            yield f"https://psl.noaa.gov/thredds/dodsC/Datasets/NARR/pressure/air.{year}{month:02}.nc"


def hrrr() -> Iterator[str]:
    for step in range(19):
        yield f"s3://noaa-hrrr-bdp-pds/hrrr.20220722/conus/hrrr.t22z.wrfsfcf{step:02}.grib2"


def imerg_daily() -> Iterator[str]:
    root = "https://data.gesdisc.earthdata.nasa.gov/data/GPM_L3/GPM_3IMERGDF.07"
    for d in days("2000-06-01", "2023-12-31"):
        day = f"{d.year}{d.month:02}{d.day:02}"
        yield f"{root}/{d.year}/{d.month:02}/3B-DAY.MS.MRG.3IMERG.{day}-S000000-E235959.V07B.nc4"


def imerg_half_hourly() -> Iterator[str]:
    root = "https://gpm1.gesdisc.eosdis.nasa.gov/data/GPM_L3/GPM_3IMERGHH.06"
    for d in days("2000-06-01", "2021-09-30"):
        of_year = (d - dt.date(d.year - 1, 12, 31)).days
        for minute in range(0, 1440, 30):
            begin, end = f"{minute // 60:02}{minute % 60:02}", f"{(minute + 29) // 60:02}{(minute + 29) % 60:02}"
            name = f"3B-HHR.MS.MRG.3IMERG.{d.year}{d.month:02}{d.day:02}-S{begin}00-E{end}59.{minute:04}.V06B.HDF5"
            yield f"{root}/{d.year}/{of_year:03}/{name}"


def coastwatch() -> Iterator[str]:
    absent = ["2017-02-01", "2018-02-08", "2018-03-06", "2018-03-12", "2018-03-17", "2019-05-25", "2021-05-21"]
    root = "https://coastwatch.noaa.gov/pub/socd2/coastwatch/sst_blended/sst5km/night/ghrsst"
    for d in days("2002-09-01", "2022-03-20"):
        if d.isoformat() not in absent:
            maker = "STAR" if d.year < 2017 else "OSPO"
            tail = "L4_GHRSST-SSTfnd-Geo_Polar_Blended_Night-GLOB-v02.0-fv01.0.nc"
            yield f"{root}/{d.year}/{d.isoformat().replace('-', '')}000000-{maker}-{tail}"


def ccmp() -> Iterator[str]:
    absent = [
        "2017-03-11",
        "2017-03-12",
        "2017-04-10",
        "2017-05-25",
        "2017-05-26",
        "2018-01-04",
        "2020-07-09",
        "2020-07-13",
        "2020-07-15",
        "2020-08-04",
        "2020-08-09",
        "2020-08-11",
        "2020-10-22",
        "2020-10-23",
    ]
    assert len(absent) == 14
    for d in days("2015-01-16", "2021-09-30"):
        if d.isoformat() not in absent:
            name = f"CCMP_RT_Wind_Analysis_{d.isoformat().replace('-', '')}_V02.1_L3.0_RSS.nc"
            yield f"https://data.remss.com/ccmp/v02.1.NRT/Y{d.year}/M{d.month:02}/{name}"


def woa18() -> Iterator[str]:
    parts = [
        ("temperature", "decav", "t"),
        ("salinity", "decav", "s"),
        ("density", "decav", "I"),
        ("oxygen", "all", "o"),
        ("AOU", "all", "A"),
    ]
    for month in range(1, 13):
        for name, period, letter in parts:
            root = f"https://www.ncei.noaa.gov/thredds-ocean/fileServer/ncei/woa/{name}/{period}/1.00"
            yield f"{root}/woa18_{period}_{letter}{month:02}_01.nc"


def agcd() -> Iterator[str]:
    kinds = {"precip": "total", "tmax": "mean", "tmin": "mean", "vapourpres_h09": "mean", "vapourpres_h15": "mean"}
    root = "https://dapds00.nci.org.au/thredds/fileServer/zv2/agcd/v1"
    for year in range(1971, 2020):
        for name, kind in kinds.items():
            yield f"{root}/{name}/{kind}/r005/01day/agcd_v1_{name}_{kind}_r005_daily_{year}.nc"


def gridmet() -> Iterator[str]:
    for year in range(1979, 2021):
        for name in [
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
        ]:
            yield f"https://www.northwestknowledge.net/metdata/data/{name}_{year}.nc"


def lmr() -> Iterator[str]:
    root = "https://www.ncei.noaa.gov/pub/data/paleo/reconstructions/tardif2019lmr/v2_1"
    for stem in ("air", "sst", "prate", "prmsl", "pr_wtr", "hgt500", "pdsi"):
        for stat in ("mean", "spread"):
            yield f"{root}/{stem}_MCruns_ensemble_{stat}_LMRv2.1.nc"


def ssebop() -> Iterator[str]:
    root = "https://edcintl.cr.usgs.gov/downloads/sciweb1/shared/uswem/web/conus/eta/modis_eta/daily/downloads"
    for d in days("2000-01-01", "2022-10-07"):
        yield f"{root}/det{d.year}{(d - dt.date(d.year - 1, 12, 31)).days:03}.modisSSEBopETactual.zip"


def modis() -> Iterator[str]:
    """Periods begin on days 1, 9 ... 361 of each year."""
    for year in range(2002, 2022):
        for day in range(1, 366, 8):
            begin = dt.date(year, 1, 1) + dt.timedelta(day - 1)
            end = min(begin + dt.timedelta(7), dt.date(year, 12, 31))
            if begin >= dt.date(2002, 7, 4):
                for name in ("CHL.chlor_a", "IOP.bbp_443", "SST.sst"):
                    span = f"{begin:%Y%m%d}_{end:%Y%m%d}"
                    yield f"https://oceandata.sci.gsfc.nasa.gov/ob/getfile/AQUA_MODIS.{span}.L3m.8D.{name}.4km.nc"


def climsim() -> Iterator[str]:
    root = "https://huggingface.co/datasets/LEAP/ClimSim_high-res/resolve/main/train"
    lengths = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    for month in range(1 * 12 + 1, 9 * 12 + 1):
        year, m = month // 12, month % 12 + 1
        for day in range(1, lengths[m - 1] + 1):
            for second in range(0, 86400, 1200):
                yield f"{root}/{year:04}-{m:02}/E3SM-MMF.mli.{year:04}-{m:02}-{day:02}-{second:05}.nc"


def one(url: str) -> Callable[[], Iterator[str]]:
    return lambda: iter([url])


EXPECTED: dict[str, tuple[Callable[[], Iterator[str]], int]] = {
    "gpcp": (gpcp, 854),
    "gpcp-rechunk": (one("https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr"), 1),
    "noaa-oisst": (oisst, 16519),
    "noaa-oisst-reference": (oisst, 16519),
    "terraclimate": (terraclimate, 63 * 14),
    "narr": (narr, 45 * 12),
    "hrrr": (hrrr, 19),
    "hrrr-near-surface": (hrrr, 19),
    "gpm-imerg-daily": (imerg_daily, 8614),
    "gpm-imerg-halfhourly": (imerg_half_hourly, 7792 * 48),
    "coastwatch-sst": (coastwatch, 7141 - 7),
    "ccmp-wind": (ccmp, 2450 - 14),
    "woa18": (woa18, 60),
    "agcd": (agcd, 49 * 5),
    "gridmet": (gridmet, 42 * 15),
    "lmr": (lmr, 14),
    "evolv2k": (one("https://github.com/matthew2e/easy-volcanic-aerosol/raw/master/eVolv2k_v2.1_ds_1.nc"), 1),
    "hadisst": (one("ftp://ftp.metoffice.gov.uk/hadobs/hadisst/data/HadISST_sst.nc.gz"), 1),
    "ssebop": (ssebop, 8316),
    "modis-aqua": (modis, 3 * (23 + 19 * 46)),
    "climsim": (climsim, 210_240),
}
"""Recipe: its URLs, and how many there are."""


@cache
def pattern(name: str) -> FilePattern:
    recipe = load_recipe(RECIPES / name)
    return FilePattern.from_inputs(recipe.inputs, folder=recipe.folder, parameters=recipe.parameter_values, now=TODAY)


@pytest.mark.parametrize("name", EXPECTED)
def test_urls(name: str) -> None:
    made, (generate, count) = pattern(name), EXPECTED[name]
    expected = list(generate())
    assert len(expected) == len(made) == count
    # The first 20, the last 20, and some 500 between, by position; all of a small pattern.
    step = max(1, len(expected) // 500)
    spots = sorted({*range(min(20, count)), *range(0, count, step), *range(max(0, count - 20), count)})
    assert [made[i].url for i in spots] == [expected[i] for i in spots]


@pytest.mark.parametrize(
    ("name", "index", "url"),
    [
        ("noaa-oisst", (15,), "avhrr/198109/oisst-avhrr-v02r01.19810916.nc"),
        ("gpm-imerg-halfhourly", (47,), "2000/153/3B-HHR.MS.MRG.3IMERG.20000601-S233000-E235959.1410.V06B.HDF5"),
        ("gpm-imerg-daily", (0,), "GPM_3IMERGDF.07/2000/06/3B-DAY.MS.MRG.3IMERG.20000601-S000000-E235959.V07B.nc4"),
        ("modis-aqua", (0, 0), "AQUA_MODIS.20020704_20020711.L3m.8D.CHL.chlor_a.4km.nc"),
        ("modis-aqua", (22, 2), "AQUA_MODIS.20021227_20021231.L3m.8D.SST.sst.4km.nc"),
        ("modis-aqua", (22 + 92, 1), "AQUA_MODIS.20041226_20041231.L3m.8D.IOP.bbp_443.4km.nc"),
        ("climsim", (1,), "train/0001-02/E3SM-MMF.mli.0001-02-01-01200.nc"),
        ("climsim", (2016,), "train/0001-03/E3SM-MMF.mli.0001-03-01-00000.nc"),
        ("climsim", (-1 + 210_240,), "train/0009-01/E3SM-MMF.mli.0009-01-31-85200.nc"),
        ("woa18", (10, 2), "density/decav/1.00/woa18_decav_I11_01.nc"),
        ("lmr", (9,), "v2_1/pr_wtr_MCruns_ensemble_spread_LMRv2.1.nc"),
        ("ssebop", (365,), "downloads/det2000366.modisSSEBopETactual.zip"),
    ],
)
def test_written_out(name: str, index: tuple[int, ...], url: str) -> None:
    assert pattern(name).item(index).url.endswith(url)


def test_members() -> None:
    assert pattern("ssebop").item((59,)).member == "det2000060.modisSSEBopETactual.tif"


def test_many_inputs_are_made_when_asked_for() -> None:
    recipe = load_recipe(RECIPES / "climsim")
    began = time.process_time()
    made = FilePattern.from_inputs(recipe.inputs, folder=recipe.folder)
    assert len(made) == 210_240
    assert made[-1].url.endswith("0009-01-31-85200.nc")
    assert time.process_time() - began < 2


def test_cmip6_makes_a_recipe_of_each_entry() -> None:
    made = {r.id: r for r in load_recipes(RECIPES / "cmip6")}
    names = {
        "canesm5-historical-zos": ["185001-201412"],
        "canesm5-historical-so": [
            "185001-186012",
            *(f"{y}01-{y + 9}12" for y in range(1861, 2002, 10)),
            "201101-201412",
        ],
        "sam0-unicon-historical-siconc": [*(f"{y}01-{y + 9}12" for y in range(1850, 2001, 10)), "201001-201412"],
    }
    assert set(made) == {f"cmip6-{n}" for n in names}
    for name, spans in names.items():
        recipe = made[f"cmip6-{name}"]
        found = [i.url for i in FilePattern.from_inputs(recipe.inputs, folder=recipe.folder)]
        assert [u.rsplit("_", 1)[1] for u in found] == [f"{s}.nc" for s in spans]
        variable = name.rsplit("-", 1)[1]
        assert all(u.rsplit("/", 1)[1].startswith(f"{variable}_") for u in found)
        assert recipe.transforms[0].arguments == ["*", f"!{variable}"]


def test_lists_of_files_hold_each_file_once() -> None:
    for path in (RECIPES / "cmip6" / "files").glob("*.csv"):
        with path.open(newline="") as file:
            urls = [row["url"] for row in csv.DictReader(file)]
        assert len(urls) == len(set(urls)) > 0


@pytest.mark.parametrize("folder", sorted(p.name for p in RECIPES.iterdir() if p.is_dir()))
def test_lint(folder: str) -> None:
    report = lint(RECIPES / folder)
    assert report.ok, str(report)
    assert not report.warnings, str(report)
    text = (RECIPES / folder / "recipe.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=../../pangeo_forge/recipe/schema.json\n")
