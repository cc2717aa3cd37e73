from __future__ import annotations

import datetime as dt
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.pattern.errors import TemplateError
from pangeo_forge.pattern.keys import KeyValue
from pangeo_forge.pattern.template import parse_template

TIME = KeyValue(dt.datetime(2000, 12, 31, 23, 30))
VALUES = {
    "time": TIME,
    "variable": KeyValue("tmax", "tmax", {"kind": "mean", "deep": {"er": "x"}, "number": 7}),
    "year": KeyValue(1971, "1971"),
    "depth": KeyValue(0.25, "0.25"),
    "start": "1999-01-01",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("{{a}} {year}", "{a} 1971"),
        ("{time:%Y%m}/{time:%Y%m%d}", "200012/20001231"),
        ("S{time:%H%M}00-E{time + 29min:%H%M}59.{time.minute_of_day:04d}", "S233000-E235959.1410"),
        ("{time + 30min:%Y%j}", "2001001"),
        ("{time - 1YS:%Y}-{time+1D:%j}", "1999-001"),
        ("{time + 1D - 1D + 6h:%Y%m%dT%H}", "20010101T05"),
        ("{time.second_of_day:05d} {time.day_of_year} {time.days_in_month} {time.decade}", "84600 366 31 2000"),
        ("{time:%y %b %B %% %f %H:%M:%S}", "00 Dec December % 000000 23:30:00"),
        ("{variable}_{variable.kind}_{variable.deep.er}_{variable.number:02d}", "tmax_mean_x_07"),
        ("{year}-{year + 1:06d}-{year - 1}", "1971-001972-1970"),
        ("{depth} {depth:.1f} {depth:06.2f}", "0.25 0.2 000.25"),
        ("{start} {start:%d/%m/%Y} {start + 1MS:%Y%m}", "1999-01-01 01/01/1999 199902"),
        ("{ year }{ time : %Y}", "1971 2000"),
    ],
)
def test_render(text: str, expected: str) -> None:
    assert parse_template(text).render(VALUES) == expected


@pytest.mark.parametrize(
    ("text", "code", "position"),
    [
        ("ab{", "P101", 2),
        ("ab}", "P101", 2),
        ("{}", "P101", 1),
        ("{ }", "P101", 1),
        ("{0}", "P101", 1),
        ("{a b}", "P101", 3),
        ("{a!r}", "P101", 2),
        ("{a[0]}", "P101", 2),
        ("{a{b}}", "P101", 2),
        ("{a.}", "P101", 2),
        ("{time:%Q}", "P103", 6),
        ("{time:%Y%}", "P103", 8),
        ("{year:99d}", "P103", 6),
        ("{year:>10}", "P103", 6),
        ("{year:{year}d}", "P103", 6),
        ("{year:02}", "P103", 6),
        ("{year:.3d}", "P103", 6),
        ("{time + :%Y}", "P105", 7),
        ("{time + 1X:%Y}", "P105", 8),
        ("{time + 0D:%Y}", "P105", 8),
        ("x" * 5000, "P101", 4096),
    ],
)
def test_syntax_error_tells_position(text: str, code: str, position: int) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template(text, "recipe.yaml:3:8")
    assert (caught.value.code, caught.value.position) == (code, position)
    assert caught.value.where == "recipe.yaml:3:8"
    assert pickle.loads(pickle.dumps(caught.value)).position == position


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("{tim:%Y}", "P102", "did you mean 'time'"),
        ("{variable.kynd}", "P102", "did you mean 'kind'"),
        ("{variable.__class__}", "P102", "'__class__' is no field"),
        ("{time.value}", "P102", "'value' is no field"),
        ("{year.real}", "P102", "'real' is no field"),
        ("{time}", "P104", "write a format, e.g. {time:%Y%m%d}"),
        ("{time:02d}", "P104", "does not fit"),
        ("{variable:02d}", "P104", "does not fit"),
        ("{depth:02d}", "P104", "does not fit"),
        ("{year:%Y}", "P104", "date format"),
        ("{variable:%Y}", "P104", "needs a date"),
        ("{time + 1:%Y}", "P105", "no unit"),
        ("{year + 1D}", "P105", "whole number"),
        ("{variable + 1}", "P105", "is text"),
        ("{time + 2MS:%Y}", "P105", "not a date"),  # 31 February
    ],
)
def test_render_error(text: str, code: str, says: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template(text).render(VALUES)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_values_are_not_read_again_and_long_ones_refused() -> None:
    assert parse_template("{x}").render({"x": "{year}"}) == "{year}"
    with pytest.raises(TemplateError, match="P106"):
        parse_template("{x}").render({"x": "y" * 20000})


def test_years_before_1000_keep_four_digits() -> None:
    assert parse_template("{t:%Y-%m-%d}").render({"t": KeyValue(dt.datetime(7, 3, 1))}) == "0007-03-01"


@given(st.text(max_size=60))
def test_any_text_parses_or_says_where(text: str) -> None:
    position = 0
    try:
        template = parse_template(text)
    except TemplateError as error:
        position = error.position
    else:
        if not template.fields:
            assert template.render({}) == text.replace("{{", "{").replace("}}", "}")
    assert 0 <= position <= len(text)


@given(st.datetimes(min_value=dt.datetime(1600, 1, 1), max_value=dt.datetime(9998, 1, 1)))
def test_dates_agree_with_strftime(date: dt.datetime) -> None:
    made = parse_template("{t:%Y%m%d %H%M%S %j %y %f}").render({"t": KeyValue(date)})
    assert made == date.strftime("%Y%m%d %H%M%S %j %y %f")


def test_importing_costs_no_heavy_library() -> None:
    code = (
        "import sys, pangeo_forge.pattern.template, pangeo_forge.pattern.pattern, pangeo_forge.pattern.adapter\n"
        "print([m for m in ('numpy', 'httpx', 'fsspec', 'cftime', 'pydantic', 'xarray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
