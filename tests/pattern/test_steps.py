from __future__ import annotations

import datetime as dt

import pytest

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.steps import parse_step


@pytest.mark.parametrize(
    ("text", "months", "delta"),
    [
        ("1D", 0, dt.timedelta(days=1)),
        ("8D", 0, dt.timedelta(days=8)),
        ("6h", 0, dt.timedelta(hours=6)),
        ("30min", 0, dt.timedelta(minutes=30)),
        ("20s", 0, dt.timedelta(seconds=20)),
        ("2W", 0, dt.timedelta(days=14)),
        ("D", 0, dt.timedelta(days=1)),
        ("1MS", 1, dt.timedelta()),
        ("1YS", 12, dt.timedelta()),
        ("10YS", 120, dt.timedelta()),
    ],
)
def test_parse_step(text: str, months: int, delta: dt.timedelta) -> None:
    step = parse_step(text)
    assert (step.months, step.delta, step.is_yearly) == (months, delta, months in (12, 120))


@pytest.mark.parametrize(
    ("text", "hint"),
    [("1 D", "1D"), ("1d", "1D"), ("3H", "3h"), ("1M", "1MS"), ("5T", "5min"), ("1year", "1YS"), ("", "number and a unit"),
     ("0D", "number"), ("-1D", "number"), ("1.5D", "number"), ("99999999YS", "number"), ("1D" * 40, "number"), ("²D", "number")],
)  # fmt: skip
def test_not_a_step(text: str, hint: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_step(text, where="r.yaml:1:1")
    assert caught.value.code == "P112"
    assert hint in str(caught.value.hint)
    assert caught.value.where == "r.yaml:1:1"
