from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import InputError
from pangeo_forge.pattern.expressions import NameExpression, natural_key


@pytest.mark.parametrize(
    "expression", [r"\.nc$", r".*\.nc", r"sst_\d{8}\.nc", r"(?i)SST_.*\.NC", r"^sst.*nc$", r"sst_.*?\.nc"]
)
def test_fits_up_to_the_end_of_the_name(expression: str) -> None:
    fitting = NameExpression(expression)
    assert fitting.fits("sst_19810901.nc")
    assert not fitting.fits("sst_19810901.nc.md5")
    assert not fitting.fits("x" * 2000 + "sst_19810901.nc")


@pytest.mark.parametrize(
    "expression",
    [
        "(",
        "a" * 600,
        "(a+)+",
        "(a{0,64}){0,64}b",
        ".*" * 6,
        "(a?){30}",
        "(a|aa)+b",
        "((a*)b?)*",
        "(?:x{1,}){2,}",
        "a{99999999999999}",
        "(" * 400,
    ],
)
def test_refused(expression: str) -> None:
    with pytest.raises(InputError) as caught:
        NameExpression(expression)
    assert caught.value.code == "I606"


@pytest.mark.parametrize(
    "expression", [r"(\d{4})_(\d+)\.nc", r"(a|b)_\d+", r"(?:\d{2}){3}", r"[^/]+\.nc4?", r"(ab){1,9}"]
)
def test_usual_expressions_are_allowed(expression: str) -> None:
    NameExpression(expression)


def test_work_is_bounded() -> None:
    started = time.process_time()
    assert not NameExpression(r".*.*x$").fits("a" * 1024)
    assert time.process_time() - started < 5


def test_groups() -> None:
    assert NameExpression(r"_(\d+)(b)?\.").groups("f_12.nc") == ("12", "")
    assert NameExpression(r"\d+").groups("f_12.nc") == ("12",)
    assert NameExpression(r"\d+").groups("f.nc") is None


def test_natural_order() -> None:
    assert sorted(["f10", "f2", "f1b", "f1", "a1"], key=natural_key) == ["a1", "f1", "f1b", "f2", "f10"]
    assert sorted(["f10", "f2", "f1"], key=natural_key) == ["f1", "f2", "f10"]


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_sort_as_numbers(numbers: list[int]) -> None:
    names = sorted((f"f_{n}.nc" for n in numbers), key=natural_key)
    assert names == [f"f_{n}.nc" for n in sorted(numbers)]
