"""Random archives: samples of a template give a pattern that holds every sample; and what cannot be one says so."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from pangeo_forge.errors import UsageError
from pangeo_forge.inference.inference import infer
from pangeo_forge.pattern.pattern import FilePattern


def urls(section: dict[str, Any], limit: int = 200_000) -> set[str]:
    pattern = FilePattern.from_inputs(section)
    assert len(pattern) <= limit
    return {item.url for item in pattern}


DATE_PARTS = (
    "{time:%Y%m%d}", "{time:%Y-%m-%d}", "{time:%Y}/{time:%m}/d{time:%d}", "{time:%Y%j}", "{time:%Y.%m.%d}",
    "{time:%Y/%m}/a.{time:%Y%m%d}", "{time:%Y%m%d}-{time + 7D:%Y%m%d}", "{time:%Y_%m_%d}", "{time:%d%b}{time:%Y%m%d}",
    "{time:%Y}/{time:%j}/x{time:%Y%m%d}",
)  # fmt: skip
CLOCK_PARTS = (
    "{time:%Y%m%dT%H%M%S}", "{time:%Y%m%d%H}", "{time:%Y%m%d-S%H%M}00-E{time + 29min:%H%M}59.{time.minute_of_day:04d}",
    "{time:%Y-%m-%d}-{time.second_of_day:05d}", "{time:%Y%m%d_%H}z", "{time:%Y%m%d}.t{time:%H}z",
)  # fmt: skip
WORDS = st.lists(
    st.sampled_from(["tas", "pr", "psl", "huss", "uas", "tasmax", "t2m", "z500", "pr_wtr", "chl.a"]),
    min_size=2,
    max_size=4,
    unique=True,
)


@given(
    part=st.sampled_from(DATE_PARTS),
    start=st.dates(dt.date(1950, 1, 1), dt.date(2030, 1, 1)),
    step=st.sampled_from(["1D", "2D", "8D", "5D"]),
    count=st.integers(2, 40),
    words=st.one_of(st.none(), WORDS),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_dates_and_words(
    part: str, start: dt.date, step: str, count: int, words: list[str] | None, data: st.DataObject
) -> None:
    url = f"https://host.org/v1/{'{v}/' if words else ''}set_{'{v}_' if words else ''}{part}_r02.nc"
    end = start + dt.timedelta(days=int(step[:-1]) * (count - 1))
    section: dict[str, Any] = {
        "url": url,
        "concat": {"time": {"start": start.isoformat(), "end": end.isoformat(), "step": step}},
    }
    if words:
        section["merge"] = {"v": words}
    check_all_come_back(section, data)


@given(
    part=st.sampled_from(CLOCK_PARTS),
    start=st.dates(dt.date(1950, 1, 1), dt.date(2030, 1, 1)),
    hours=st.sampled_from([1, 3, 6, 12]),
    count=st.integers(2, 60),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_times_of_day(part: str, start: dt.date, hours: int, count: int, data: st.DataObject) -> None:
    first = dt.datetime(start.year, start.month, start.day)
    end = first + dt.timedelta(hours=hours * (count - 1))
    key = {"start": first.isoformat(), "end": end.isoformat(), "step": f"{hours}h"}
    check_all_come_back({"url": f"s3://bucket/x.{part}.grib2", "concat": {"time": key}}, data, clock=True)


@given(
    format_=st.sampled_from(["", ":02d", ":03d", ":04d"]),
    start=st.integers(0, 90),
    step=st.integers(1, 12),
    count=st.integers(2, 20),
    words=st.one_of(st.none(), WORDS),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_numbers(format_: str, start: int, step: int, count: int, words: list[str] | None, data: st.DataObject) -> None:
    url = f"https://host.org/{'{v}' if words else 'a'}/f{{n{format_}}}.nc"
    section: dict[str, Any] = {
        "url": url,
        "concat": {"n": {"start": start, "end": start + step * (count - 1), "step": step}},
    }
    if words:
        section["merge"] = {"v": words}
    check_all_come_back(section, data)


def check_all_come_back(section: dict[str, Any], data: st.DataObject, *, clock: bool = False) -> None:
    pattern = FilePattern.from_inputs(section)
    positions = data.draw(st.lists(st.integers(0, len(pattern) - 1), min_size=2, max_size=8, unique=True))
    samples = [pattern[p].url for p in positions]
    assume(len(set(samples)) == len(samples))
    guess = infer(samples)
    found = urls(guess.section())
    assert set(samples) <= found
    if not pattern.merge_keys:
        assert "url" in guess.source, guess.notes
        assert {k.kind for k in guess.keys} <= {"dates", "numbers"}
        assert len(guess.keys) == 1
        listed = any(isinstance(k.values, list) for k in guess.keys)
        if len(positions) == 2 and not clock and not listed:
            # Two samples do not tell the step: the finest is chosen, so that all files between are named.
            assert {pattern[p].url for p in range(min(positions), max(positions) + 1)} <= found


@given(st.lists(st.text("abcx_019./-", min_size=1, max_size=12), min_size=1, max_size=6, unique=True))
@settings(max_examples=80, deadline=None)
def test_any_names_come_back_or_are_refused(names: list[str]) -> None:
    samples = [f"https://host.org/{n.strip('/')}" for n in names]
    try:
        guess = infer(samples)
    except UsageError as error:
        event(error.code)
        return
    assert set(samples) <= urls(guess.section())


def made(url: str, **keys: Any) -> list[str]:
    return [item.url for item in FilePattern.from_inputs({"url": url, "concat": keys})]


def test_two_daily_samples_name_the_ambiguity() -> None:
    guess = infer(["https://h/a.20190101.nc", "https://h/a.20190201.nc"])
    assert guess.section()["concat"]["time"] == {"start": "2019-01-01", "end": "2019-02-01", "step": "1D"}
    assert "cannot tell 1D from 1MS" in guess.all_notes()[0]


def test_first_days_of_months_are_months() -> None:
    guess = infer(["https://h/a.20190101.nc", "https://h/a.20190201.nc", "https://h/a.20190501.nc"])
    assert guess.section()["concat"]["time"]["step"] == "1MS"


def test_the_name_tells_the_step() -> None:
    guess = infer(["https://h/a_monthly.20190101.nc", "https://h/a_monthly.20190501.nc"])
    assert guess.section()["concat"]["time"]["step"] == "1MS"
    assert "monthly" in guess.keys[0].evidence


def test_first_and_last_day_of_months() -> None:
    names = ["https://h/a_20190101-20190131.nc", "https://h/a_20190201-20190228.nc", "https://h/a_20191201-20191231.nc"]
    guess = infer(names)
    assert guess.source["url"] == "https://h/a_{time:%Y%m%d}-{time + 1MS - 1D:%Y%m%d}.nc"
    assert guess.section()["concat"]["time"]["step"] == "1MS"


def test_decades_of_months() -> None:
    guess = infer(["https://h/a_185001-185912.nc", "https://h/a_186001-186912.nc", "https://h/a_199001-199912.nc"])
    assert guess.source["url"] == "https://h/a_{time:%Y%m}-{time + 119MS:%Y%m}.nc"
    assert len(urls(guess.section())) == 15


def test_decades_of_years() -> None:
    guess = infer(["https://h/a_1850-1859.nc", "https://h/a_1860-1869.nc", "https://h/a_1890-1899.nc"])
    assert guess.source["url"] == "https://h/a_{year}-{year + 9}.nc"
    assert guess.section()["concat"]["year"] == {"start": 1850, "end": 1890, "step": 10}


def test_end_dates_without_a_rule_become_a_table() -> None:
    names = ["https://h/a_200001-200912.nc", "https://h/a_201001-201412.nc"]
    guess = infer(names)
    assert guess.section()["concat"]["time"] == {"2000-01-01": {"last": "200912"}, "2010-01-01": {"last": "201412"}}
    assert urls(guess.section()) == set(names)


def test_a_creation_date_is_listed_not_invented() -> None:
    names = [
        "https://h/g_d19961001_c20170530.nc",
        "https://h/g_d19961002_c20170530.nc",
        "https://h/g_d19961003_c20170601.nc",
    ]
    names += ["https://h/g_d19961004_c20170530.nc"]
    guess = infer(names)
    assert urls(guess.section()) >= set(names)


def test_year_in_a_folder_and_month_in_the_name() -> None:
    guess = infer(["https://h/1981/sst.month09.nc", "https://h/1982/sst.month01.nc"])
    assert guess.source["url"] == "https://h/{time:%Y}/sst.month{time:%m}.nc"


def test_constant_folder_of_the_year_is_taken_as_the_year() -> None:
    guess = infer(["https://h/Y2015/M01/x_20150116.nc", "https://h/Y2015/M01/x_20150117.nc"])
    assert guess.source["url"] == "https://h/Y{time:%Y}/M{time:%m}/x_{time:%Y%m%d}.nc"
    assert any("2015" in n for n in guess.notes)


def test_step_that_restarts_each_year() -> None:
    days = [dt.date(y, 1, 1) + dt.timedelta(days=d) for y in (2003, 2004) for d in range(0, 365, 8)]
    guess = infer([f"https://h/c.{d:%Y%j}.nc" for d in days], complete=True)
    assert guess.section()["concat"]["time"] == {
        "start": "2003-01-01",
        "end": "2004-12-26",
        "step": "8D",
        "restart": "yearly",
    }


def test_gaps_of_a_complete_listing_are_excluded() -> None:
    names = [
        f"https://h/c.{dt.date(2003, 1, 1) + dt.timedelta(days=d):%Y%m%d}.nc" for d in range(60) if d not in (10, 44)
    ]
    guess = infer(names, complete=True)
    assert guess.section()["concat"]["time"]["exclude"] == ["2003-01-11", "2003-02-14"]
    assert urls(guess.section()) == set(names)


def test_absent_combinations_of_a_complete_listing() -> None:
    names = [f"https://h/{v}_{y}.nc" for v in ("tas", "pr") for y in range(2000, 2010) if (v, y) != ("pr", 2004)]
    guess = infer(names, complete=True)
    assert guess.missing == [{"year": 2004, "variable": "pr"}]


def test_irregular_times_are_listed_as_dates() -> None:
    names = ["https://h/s_20210614_001503_o.nc", "https://h/s_20210614_015711_o.nc", "https://h/s_20210614_033900_o.nc"]
    guess = infer(names, complete=True)
    assert guess.section()["concat"]["time"] == {
        "values": ["2021-06-14T00:15:03", "2021-06-14T01:57:11", "2021-06-14T03:39"]
    }


def test_words_that_switch_with_time() -> None:
    names = [
        "https://h/a_20100101_v1A.nc",
        "https://h/a_20111231_v1A.nc",
        "https://h/a_20120101_v2B.nc",
        "https://h/a_20150101_v2B.nc",
    ]
    guess = infer(names)
    assert guess.section()["concat"]["time"]["when"][0]["before"] == "2012-01-01"


def test_a_360_day_calendar_is_seen_from_an_impossible_date() -> None:
    guess = infer(["https://h/a_20100130.nc", "https://h/a_20100230.nc", "https://h/a_20100330.nc"])
    assert guess.section()["concat"]["time"]["calendar"] == "360_day"


def test_a_member_is_no_hour() -> None:
    guess = infer([f"https://h/fc_{d}_m{m:02d}.nc" for d in ("20200101", "20200102") for m in (1, 2, 3)])
    assert guess.source["url"] == "https://h/fc_{time:%Y%m%d}_m{member:02d}.nc"
    assert len(urls(guess.section())) == 6


@pytest.mark.parametrize("hours", [("00", "06"), ("06", "18")])
def test_two_digits_after_the_day_may_be_the_hour(hours: tuple[str, str]) -> None:
    guess = infer([f"https://h/fc_{d}_{h}.nc" for d in ("20200101", "20200102") for h in hours])
    assert guess.source["url"] == "https://h/fc_{time:%Y%m%d}_{time:%H}.nc"


def test_pressure_levels_are_no_range() -> None:
    guess = infer(["https://h/z500_x.nc", "https://h/z850_x.nc"])
    assert guess.section()["concat"] == {"number": [500, 850]}
    assert "not known" in guess.all_notes()[0]


def test_scenarios_are_words() -> None:
    guess = infer(["https://h/tas_ssp126.nc", "https://h/tas_ssp585.nc"])
    assert guess.section() == {"url": "https://h/tas_{scenario}.nc", "merge": {"scenario": ["ssp126", "ssp585"]}}


def test_braces_in_urls_stay_text() -> None:
    names = ["https://h/{x}/a_20100101.nc", "https://h/{x}/a_20100105.nc"]
    assert set(names) <= urls(infer(names).section())


def test_one_sample_is_a_single_file() -> None:
    guess = infer(["https://h/one.nc"])
    assert guess.section() == {"url": "https://h/one.nc"}


@pytest.mark.parametrize(
    "names", [["https://a.org/x.nc", "https://b.org/y.nc"], ["/d/CMORPH_V1.0_ADJ_2017.nc", "/d/eraint_uvz.nc"]]
)
def test_strangers_are_refused(names: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        infer(names)
    assert caught.value.code == "U202"
    assert caught.value.hint


def test_no_sample() -> None:
    with pytest.raises(UsageError) as caught:
        infer([])
    assert caught.value.code == "U201"


def test_a_big_listing_is_quick() -> None:
    days = [dt.date(1990, 1, 1) + dt.timedelta(days=d) for d in range(8000)]
    names = [f"https://h/{d:%Y}/sst.{d:%Y%m%d}.nc" for d in days]
    guess = infer(names, complete=True)
    assert len(FilePattern.from_inputs(guess.section())) == 8000
