from __future__ import annotations

import datetime as dt
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.keys import IntegerSequence, KeySequence, KeyValue, Without, iterate, written_value
from pangeo_forge.pattern.values import build_values, without


def built(spec: Any, **options: Any) -> KeySequence:
    values = build_values(spec, **options)
    assert values is not None
    return values


def labels(values: KeySequence) -> list[str]:
    return [v.label for v in iterate(values)]


def test_lists() -> None:
    assert [v.value for v in iterate(built(["aet", 3, 0.5]))] == ["aet", 3, 0.5]
    dates = built(["1990-01-03", dt.date(1990, 1, 4)])
    assert [v.value for v in iterate(dates)] == [dt.datetime(1990, 1, 3), dt.datetime(1990, 1, 4)]
    assert dates[0].text == "1990-01-03"
    mixed = built(["1990-01-03", "latest"])
    assert [v.value for v in iterate(mixed)] == ["1990-01-03", "latest"]
    assert built(["1500-02-30"])[0].value == "1500-02-30"
    assert build_values({}) is None


def test_integers() -> None:
    assert [v.value for v in iterate(built({"start": 1958, "end": 1960}))] == [1958, 1959, 1960]
    assert labels(built({"start": 10, "end": 0, "step": -5})) == ["10", "5", "0"]
    assert labels(built({"start": "0", "end": "4", "step": "2"})) == ["0", "2", "4"]
    assert labels(built({"start": 0, "end": 4, "exclude": [1, 3]})) == ["0", "2", "4"]
    assert labels(built({"start": 1, "end": "{last}"}, parameters={"last": 2})) == ["1", "2"]


def test_dates() -> None:
    values = built({"start": "1981-09-01", "end": "1981-09-05", "step": "1D", "exclude": ["1981-09-03"]})
    assert labels(values) == ["1981-09-01", "1981-09-02", "1981-09-04", "1981-09-05"]
    assert values.find("1981-09-04") == 2
    assert values.find("1981-09-03") is None
    assert labels(built({"start": 1958, "end": 1960, "step": "1YS"})) == ["1958-01-01", "1959-01-01", "1960-01-01"]
    shorter = built({"start": "1981-09-01", "end": "1981-09-02", "step": "1D", "exclude": ["1990-01-03"]})
    assert len(shorter) == 2, "an exception beyond the range is passed over"


def test_tables_and_fields() -> None:
    values = built({"tmax": {"kind": "mean", "n": 3}, "rain": {"kind": "total", "n": 4}})
    assert values[1].kind == "total"
    assert values[1].fields["n"] == 4
    again = pickle.loads(pickle.dumps(values[1]))
    assert again == values[1]
    assert again.kind == "total"
    with pytest.raises(AttributeError, match="no field 'kin'"):
        _ = values[0].kin
    assert KeyValue(dt.datetime(2000, 1, 2)).day_of_year == 2


def test_when() -> None:
    spec = {
        "start": "2016-12-31",
        "end": "2017-01-01",
        "step": "1D",
        "when": [{"before": "2017-01-01", "org": "STAR"}, {"org": "OSPO"}],
    }
    assert [v.org for v in iterate(built(spec))] == ["STAR", "OSPO"]
    bounds = [{"until": 1, "x": "a"}, {"after": 1, "before": 4, "x": "b"}, {"from": 5, "x": "c"}]
    values = built({"start": 0, "end": 6, "when": bounds})
    assert [values[i].x for i in (0, 1, 2, 3, 5, 6)] == ["a", "a", "b", "b", "c", "c"]
    with pytest.raises(PlanError, match="P123"):
        values[4]
    assert built({"values": ["a", "b"], "when": [{"before": "b", "x": "1"}, {"x": "2"}]})[0].x == "1"


@pytest.mark.parametrize(
    ("spec", "code", "says"),
    [
        ([], "P122", "empty"),
        (["a", "a"], "P121", "twice"),
        (["2000-01-01", "2000-01-01T00:00"], "P121", "twice"),
        ([True], "P121", "quote"),
        ([None], "P121", "quote"),
        ([["a"]], "P121", "quote"),
        ("abc", "P121", "not values"),
        (7, "P121", "not values"),
        ({"start": 1}, "P121", "needs 'end'"),
        ({"end": 1}, "P121", "needs 'start'"),
        ({"start": 1, "end": 2, "stpe": 1}, "P121", "did you mean 'step'"),
        ({"start": 3, "end": 1}, "P116", "after"),
        ({"start": 0, "end": 5, "step": 2}, "P115", "end: 4 or end: 6"),
        ({"start": 0, "end": 5, "step": 0}, "P112", "never"),
        ({"start": 0, "end": 0, "exclude": [0]}, "P122", "no value"),
        ({"start": 0, "end": 4, "step": 2, "exclude": [1]}, "P125", "not one of"),
        ({"start": "2000-01-01", "end": "2000-01-02"}, "P112", "step"),
        ({"start": "2000-01-01", "end": "2000-01-02", "step": 1}, "P112", "step"),
        ({"start": "2000-01-01", "end": "2000-01-02", "step": "6h", "exclude": ["2000-01-01"]}, "P115", "arrive"),
        ({"start": "2000-01-01", "end": "2000-01-03", "step": "6h", "exclude": ["2000-01-02"]}, "P125", "whole day"),
        ({"start": "2000-01-01", "end": "2000-01-03", "step": "1D", "exclude": ["2000-01-02T06:00"]}, "P125", "not one of"),
        ({"start": "2000-01-01", "end": "2000-01-03", "step": "1D", "calendar": "lunar"}, "P114", "calendar"),
        ({"a": {"k": "x"}, "b": {}}, "P121", "same fields"),
        ({"a": {"k k": "x"}}, "P121", "name of a field"),
        ({"a": {"k": None}}, "P121", "not text"),
        ({"strat": 1}, "P121", "did you mean 'start'"),
        ({"start": 0, "end": 1, "when": [{"x": "a"}, {"x": "b"}]}, "P123", "never used"),
        ({"start": 0, "end": 1, "when": [{"before": 1, "x": "a"}, {"y": "b"}]}, "P123", "same fields"),
        ({"start": 0, "end": 1, "when": [{"before": "2017-01-01", "x": "a"}, {"x": "b"}]}, "P123", "compares"),
        ({"start": 0, "end": 1, "when": ["x"]}, "P123", "mapping"),
        ({"when": [{"x": "a"}]}, "P123", "needs values"),
    ],
)  # fmt: skip
def test_errors(spec: Any, code: str, says: str) -> None:
    if code == "P115" and says == "arrive":
        spec = {**spec, "end": "2000-01-02T03:00"}
    with pytest.raises(PlanError) as caught:
        build_values(spec, where="inputs.concat.time")
    assert caught.value.code == code
    assert says in str(caught.value)
    assert caught.value.where == "inputs.concat.time"


@given(st.integers(1, 80), st.sets(st.integers(0, 79)))
def test_without_equals_filtering(count: int, excluded: set[int]) -> None:
    positions = [p for p in excluded if p < count]
    kept = [i for i in range(count) if i not in excluded]
    values = Without(IntegerSequence(range(count)), positions)
    assert [v.value for v in iterate(values)] == kept
    assert [values.find(i) for i in range(count)] == [kept.index(i) if i in kept else None for i in range(count)]


def test_a_million_positions_are_not_listed() -> None:
    values = built({"start": "1900-01-01", "end": "2100-01-01", "step": "1min"})
    assert len(values) == (dt.datetime(2100, 1, 1) - dt.datetime(1900, 1, 1)) // dt.timedelta(minutes=1) + 1 > 10**8
    less = without(values, ["1900-01-01T00:01", "2100-01-01T00:00"], what="exclude:", where=None)
    assert len(less) == len(values) - 2
    assert less[1].value == dt.datetime(1900, 1, 1, 0, 2)
    assert less[len(less) - 1].value == dt.datetime(2099, 12, 31, 23, 59)


def test_written_value_keeps_the_text() -> None:
    assert written_value("007").text == "007"
    assert written_value(dt.datetime(2000, 1, 1)).value == dt.datetime(2000, 1, 1)
