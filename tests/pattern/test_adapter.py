"""From the text of a recipe to its inputs, for the inputs of real archives.

The numbers of inputs are counted here with the standard library, not by the code under test.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.pattern.sources import SourceContext
from pangeo_forge.recipe.load import load_recipe

from .conftest import Server

NOW = dt.date(2026, 11, 22)


def loaded(folder: Path, name: str, inputs: str, more: str = "") -> Any:
    path = folder / name / "recipe.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    indented = "\n".join("  " + line for line in inputs.strip("\n").splitlines())
    head = (
        f"format_version: 1\nid: {name}\ntitle: A test\ndescription: A test.\nlicense: CC0-1.0\n"
        "providers: [{name: A, roles: [producer], url: https://example.org}]\n"
        "maintainers: [{name: B, github: b}]\n"
    )
    path.write_text(f"{head}{more}inputs:\n{indented}\ntarget:\n  chunks: {{time: 20}}\n")
    return load_recipe(path)


def made(recipe: Any, context: SourceContext | None = None) -> FilePattern:
    return FilePattern.from_inputs(
        recipe.inputs, folder=recipe.folder, parameters=recipe.parameter_values, now=NOW, context=context
    )


def days(first: dt.date, last: dt.date) -> int:
    return (last - first).days + 1


@dataclass(frozen=True)
class Row:
    name: str
    inputs: str
    shape: tuple[int, ...]
    first: str
    last: str
    spots: dict[tuple[int, ...], str] = field(default_factory=dict)
    more: str = ""


MODIS_YEARS = "{dim: time, start: 2002-07-04, end: 2002-08-05, step: 8D}"
ROWS = [
    Row(
        "noaa-oisst",
        """
url: https://h/avhrr/{time:%Y%m}/oisst-avhrr-v02r01.{time:%Y%m%d}.nc
concat:
  time: {start: 1981-09-01, end: latest, step: 1D, exclude: [1990-01-03]}
items_per_file: 1
""",
        (days(dt.date(1981, 9, 1), NOW) - 1,),
        "https://h/avhrr/198109/oisst-avhrr-v02r01.19810901.nc",
        "https://h/avhrr/202611/oisst-avhrr-v02r01.20261122.nc",
        {
            ((dt.date(1990, 1, 3) - dt.date(1981, 9, 1)).days,): "https://h/avhrr/199001/oisst-avhrr-v02r01.19900104.nc",
            ((dt.date(2000, 2, 29) - dt.date(1981, 9, 1)).days - 1,): "https://h/avhrr/200002/oisst-avhrr-v02r01.20000229.nc",
        },
    ),
    Row(
        "gpcp",
        """
url: https://h/gpcp/v01r03_daily_d{time:%Y%m%d}.nc
concat: {time: {start: 1996-10-01, end: 1999-02-01, step: 1D}}
""",
        (days(dt.date(1996, 10, 1), dt.date(1999, 2, 1)),),
        "https://h/gpcp/v01r03_daily_d19961001.nc",
        "https://h/gpcp/v01r03_daily_d19990201.nc",
    ),
    Row(
        "terraclimate",
        """
url: http://h:8080/data/TerraClimate_{variable}_{time}.nc
concat: {time: {start: 1958, end: 2020}}
merge: {variable: [aet, def, pet, ppt, q, soil, srad, swe, tmax, tmin, vap, ws, vpd, PDSI]}
""",
        (63, 14),
        "http://h:8080/data/TerraClimate_aet_1958.nc",
        "http://h:8080/data/TerraClimate_PDSI_2020.nc",
        {(1, 4): "http://h:8080/data/TerraClimate_q_1959.nc"},
    ),
    Row(
        "narr",
        """
url: https://h/dodsC/air.{time:%Y%m}.nc
concat: {time: {start: 1979-01, end: 1980-12, step: 1MS}}
""",
        (24,),
        "https://h/dodsC/air.197901.nc",
        "https://h/dodsC/air.198012.nc",
    ),
    Row(
        "hrrr",
        """
url: s3://noaa-hrrr-bdp-pds/hrrr.20220722/conus/hrrr.t22z.wrfsfcf{step:02d}.grib2
concat: {step: {start: 0, end: 18}}
""",
        (19,),
        "s3://noaa-hrrr-bdp-pds/hrrr.20220722/conus/hrrr.t22z.wrfsfcf00.grib2",
        "s3://noaa-hrrr-bdp-pds/hrrr.20220722/conus/hrrr.t22z.wrfsfcf18.grib2",
    ),
    Row(
        "gpm-imerg-halfhourly",
        """
url: "https://h/3B-HHR.MS.MRG.3IMERG.{time:%Y%m%d}-S{time:%H%M}00-E{time + 29min:%H%M}59.\\
  {time.minute_of_day:04d}.V06B.HDF5"
concat: {time: {start: 2000-06-01, end: 2000-06-30T23:30, step: 30min}}
""",
        (30 * 48,),
        "https://h/3B-HHR.MS.MRG.3IMERG.20000601-S000000-E002959.0000.V06B.HDF5",
        "https://h/3B-HHR.MS.MRG.3IMERG.20000630-S233000-E235959.1410.V06B.HDF5",
    ),
    Row(
        "gpm-imerg-daily",
        """
url: https://h/{time:%Y/%m}/3B-DAY.MS.MRG.3IMERG.{time:%Y%m%d}-S000000-E235959.V07B.nc4
concat: {time: {start: 2000-06-01, end: 2000-12-31, step: 1D}}
""",
        (214,),
        "https://h/2000/06/3B-DAY.MS.MRG.3IMERG.20000601-S000000-E235959.V07B.nc4",
        "https://h/2000/12/3B-DAY.MS.MRG.3IMERG.20001231-S000000-E235959.V07B.nc4",
    ),
    Row(
        "coastwatch-sst",
        """
url: https://h/{time:%Y}/{time:%Y%m%d}000000-{time.org}-L4.nc
concat:
  time:
    start: 2016-12-30
    end: 2017-01-03
    step: 1D
    when: [{before: 2017-01-01, org: STAR}, {org: OSPO}]
missing: [2017-01-02]
""",
        (4,),
        "https://h/2016/20161230000000-STAR-L4.nc",
        "https://h/2017/20170103000000-OSPO-L4.nc",
        {(1,): "https://h/2016/20161231000000-STAR-L4.nc", (2,): "https://h/2017/20170101000000-OSPO-L4.nc"},
    ),
    Row(
        "ccmp-wind",
        """
url: https://h/Y{time:%Y}/M{time:%m}/CCMP_RT_Wind_Analysis_{time:%Y%m%d}_V02.1_L3.0_RSS.nc
concat: {time: {start: 2015-01-16, end: 2015-02-16, step: 1D, exclude: [2015-02-01, 2015-02-02]}}
items_per_file: 4
""",
        (30,),
        "https://h/Y2015/M01/CCMP_RT_Wind_Analysis_20150116_V02.1_L3.0_RSS.nc",
        "https://h/Y2015/M02/CCMP_RT_Wind_Analysis_20150216_V02.1_L3.0_RSS.nc",
        {(16,): "https://h/Y2015/M02/CCMP_RT_Wind_Analysis_20150203_V02.1_L3.0_RSS.nc"},
    ),
    Row(
        "woa18",
        """
url: https://h/{variable.period}/woa18_{variable.period}_{variable.letter}{time:02d}_01.nc
concat: {time: {start: 1, end: 12}}
merge:
  variable:
    temperature: {period: decav, letter: t}
    oxygen: {period: all, letter: o}
""",
        (12, 2),
        "https://h/decav/woa18_decav_t01_01.nc",
        "https://h/all/woa18_all_o12_01.nc",
    ),
    Row(
        "agcd",
        """
url: https://h/{variable}/{variable.kind}/r005/01day/agcd_v1_{variable}_{variable.kind}_r005_daily_{year}.nc
concat: {year: {dim: time, values: {start: 1971, end: 2019}}}
merge: {variable: {precip: {kind: total}, tmax: {kind: mean}}}
""",
        (49, 2),
        "https://h/precip/total/r005/01day/agcd_v1_precip_total_r005_daily_1971.nc",
        "https://h/tmax/mean/r005/01day/agcd_v1_tmax_mean_r005_daily_2019.nc",
    ),
    Row(
        "gridmet",
        """
url: https://h/metdata/data/{variable}_{year}.nc
concat: {year: {dim: time, start: 1979, end: 2020}}
merge: {variable: [pr, rmin]}
""",
        (42, 2),
        "https://h/metdata/data/pr_1979.nc",
        "https://h/metdata/data/rmin_2020.nc",
    ),
    Row(
        "lmr",
        """
url: https://h/v2_1/{variable.stem}_MCruns_ensemble_{variable.stat}_LMRv2.1.nc
merge: {variable: {air: {stem: air, stat: mean}, air_spread: {stem: air, stat: spread}}}
""",
        (2,),
        "https://h/v2_1/air_MCruns_ensemble_mean_LMRv2.1.nc",
        "https://h/v2_1/air_MCruns_ensemble_spread_LMRv2.1.nc",
    ),
    Row("evolv2k", "url: https://h/eVolv2k_v2_ds_1.nc", (), "https://h/eVolv2k_v2_ds_1.nc", "https://h/eVolv2k_v2_ds_1.nc"),
    Row("hadisst", "url: ftp://h/HadISST_sst.nc.gz", (), "ftp://h/HadISST_sst.nc.gz", "ftp://h/HadISST_sst.nc.gz"),
    Row(
        "ssebop",
        """
url: https://h/det{time:%Y%j}.modisSSEBopETactual.zip
member: det{time:%Y%j}.modisSSEBopETactual.tif
concat: {time: {start: 2000-12-30, end: 2001-01-02, step: 1D}}
""",
        (4,),
        "https://h/det2000365.modisSSEBopETactual.zip",
        "https://h/det2001002.modisSSEBopETactual.zip",
        {(1,): "https://h/det2000366.modisSSEBopETactual.zip"},
    ),
    Row(
        "modis-aqua",
        f"""
url: https://h/AQUA_MODIS.{{time:%Y%m%d}}_{{time + 7D:%Y%m%d}}.L3m.8D.{{variable}}.4km.nc
concat: {{time: {MODIS_YEARS}}}
merge: {{variable: [CHL.chlor_a, KD.Kd_490, POC.poc]}}
""",
        (5, 3),
        "https://h/AQUA_MODIS.20020704_20020711.L3m.8D.CHL.chlor_a.4km.nc",
        "https://h/AQUA_MODIS.20020805_20020812.L3m.8D.POC.poc.4km.nc",
    ),
    Row(
        "climsim",
        """
url: https://h/{time:%Y-%m}/E3SM-MMF.mli.{time:%Y-%m-%d}-{time.second_of_day:05d}.nc
concat: {time: {start: 0001-02-01, end: 0009-01-31T23:40, step: 20min, calendar: noleap}}
""",
        (8 * 365 * 72,),
        "https://h/0001-02/E3SM-MMF.mli.0001-02-01-00000.nc",
        "https://h/0009-01/E3SM-MMF.mli.0009-01-31-85200.nc",
        {(28 * 72,): "https://h/0001-03/E3SM-MMF.mli.0001-03-01-00000.nc", (73,): "https://h/0001-02/E3SM-MMF.mli.0001-02-02-01200.nc"},
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_recipe_text_to_inputs(tmp_path: Path, row: Row) -> None:
    pattern = made(loaded(tmp_path, row.name, row.inputs, row.more))
    assert pattern.shape == row.shape
    assert (pattern[0].url, pattern[-1].url) == (row.first, row.last)
    for index, url in row.spots.items():
        assert pattern[index].url == url
    assert pattern.prune()[-1].url == row.last
    assert pattern.prune().shape[: len(pattern.concat_keys)] == (2,) * len(pattern.concat_keys)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_models_and_plain_data_say_the_same(tmp_path: Path, row: Row) -> None:
    recipe = loaded(tmp_path, row.name, row.inputs, row.more)
    from_data = FilePattern.from_inputs(yaml.safe_load(row.inputs), folder=recipe.folder, now=NOW)
    assert from_data.fingerprint() == made(recipe).fingerprint()


def test_member_of_an_archive(tmp_path: Path) -> None:
    row = next(r for r in ROWS if r.name == "ssebop")
    assert made(loaded(tmp_path, row.name, row.inputs))[3].member == "det2001002.modisSSEBopETactual.tif"


def test_listing_per_year(tmp_path: Path, server: Server) -> None:
    for year, months in (("1996", (10, 11)), ("1997", (1,))):
        links = "".join(f'<a href="gpcp_d{year}{m:02d}01_c20170530.nc">x</a>' for m in reversed(months))
        server.page(f"/{year}/", f"<html>{links}</html>")
    inputs = f"""
listing:
  url: {server.url}/{{year}}/
  match: gpcp_d\\d{{8}}_c\\d{{8}}\\.nc
  keys: {{year: {{start: 1996, end: 1997}}}}
concat: {{time: {{}}}}
"""
    pattern = made(loaded(tmp_path, "gpcp-listing", inputs))
    assert [i.name for i in pattern] == [f"gpcp_d{d}_c20170530.nc" for d in ("19961001", "19961101", "19970101")]


def test_cmr_granules(tmp_path: Path) -> None:
    import httpx

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.params["short_name"] == "GPM_3IMERGHHL"
        link = {"rel": "http://esipfed.org/ns/fedsearch/1.1/data#", "href": "https://h/late.HDF5"}
        return httpx.Response(200, json={"feed": {"entry": [{"id": "G1", "links": [link]}]}}, headers={"CMR-Hits": "1"})

    inputs = """
catalog: {cmr: {short_name: GPM_3IMERGHHL, version: "06", temporal: [2020-01-01, 2020-01-02]}}
concat: {time: {}}
"""
    context = SourceContext(client=httpx.Client(transport=httpx.MockTransport(answer)))
    assert [i.url for i in made(loaded(tmp_path, "gpm-imerg-late", inputs), context)] == ["https://h/late.HDF5"]


def test_stac_csv_files_and_sort(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    item = {"type": "Feature", "id": "a", "properties": {}, "assets": {"nc": {"href": "a.nc"}}}
    (folder / "i.json").write_text(json.dumps(item))
    (folder / "t.csv").write_text("href\nb_2.nc\nb_1.nc\n")
    stac = made(loaded(tmp_path, "mixed", "catalog: {stac: {url: i.json}}\nconcat: {time: {}}"))
    assert stac[0].url == str(folder / "a.nc")
    table = made(
        loaded(tmp_path, "mixed", "csv: {path: t.csv, url: href}\nconcat: {time: {}}\nsort: {match: '_(\\d)'}")
    )
    assert [i.name for i in table] == ["b_1.nc", "b_2.nc"]
    files = made(loaded(tmp_path, "mixed", "files: [x.nc, a.nc]\nconcat: {time: {}}"))
    assert [i.name for i in files] == ["x.nc", "a.nc"]


def test_matrix(tmp_path: Path) -> None:
    from pangeo_forge.recipe.load import load_recipes

    more = "matrix: {model: [CanESM5, MIROC6]}\n"
    inputs = "files: ['{model}_1850.nc', '{model}_1900.nc']\nconcat: {time: {}}"
    path = tmp_path / "cmip6" / "recipe.yaml"
    with pytest.raises(Exception, match="R0"):
        loaded(tmp_path, "cmip6", inputs, more)  # the id does not use the matrix
    path.write_text(path.read_text().replace("id: cmip6", "id: 'cmip6-{model}'"))
    names = [[i.name for i in made(recipe)] for recipe in load_recipes(path)]
    assert names == [["CanESM5_1850.nc", "CanESM5_1900.nc"], ["MIROC6_1850.nc", "MIROC6_1900.nc"]]


def test_parameters(tmp_path: Path) -> None:
    more = "parameters: {day: {default: 2020-03-01, description: run}}\n"
    inputs = "url: https://h/{day:%Y%m%d}/{step:03d}.nc\nconcat: {step: {start: 0, end: 6, step: 3}}"
    assert made(loaded(tmp_path, "riops", inputs, more))[2].url == "https://h/20200301/006.nc"
