from __future__ import annotations

import pytest

from pangeo_forge.errors import RecipeError
from pangeo_forge.pattern.keys import KeyValue

from .made import apply, reads, sst


def test_set_delete_replace() -> None:
    ds = sst()
    change = {"set": {"title": "new {variable}", "time_coverage_start": None, "n": 3}, "delete": ["tit*"]}
    assert apply(ds, ("attrs", change), key={"variable": KeyValue("q", "q")}).attrs == {"title": "new q", "n": 3}
    assert apply(ds, ("attrs", {"replace": {"a": 1}, "set": {"b": 2}})).attrs == {"a": 1, "b": 2}
    assert apply(ds, ("attrs", {"replace": {}})).attrs == {}
    assert reads(ds) == {}
    assert ds.attrs["title"] == "made"


def test_of_variables() -> None:
    ds = sst()
    change = {
        "variables": {
            "time": {"set": {"calendar": "360_day"}},
            "l*": {"replace": {"axis": "?"}},
            "sst": {"delete": ["_FillValue"]},
        }
    }
    out = apply(ds, ("attrs", change))
    assert out.variables["time"].attrs["calendar"] == "360_day"
    assert out.variables["lat"].attrs == out.variables["lon"].attrs == {"axis": "?"}
    assert "_FillValue" not in out.variables["sst"].attrs
    assert "_FillValue" in ds.variables["sst"].attrs
    assert out.attrs == ds.attrs


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("R201", {"delete": ["nothing"]}),
        ("R201", {"variables": {"SST": {"set": {"a": 1}}}}),
        ("R201", {"variables": {"sst": {"delete": ["unit"]}}}),
        ("R203", {"sett": {}}),
        ("R203", {"set": []}),
        ("R203", {"variables": {"sst": {"variables": {}}}}),
    ],
)
def test_mistakes(code: str, change: object) -> None:
    with pytest.raises(RecipeError) as caught:
        apply(sst(), ("attrs", change))
    assert caught.value.code == code
    if code == "R201":
        assert apply(sst(), ("attrs", change, True)).attrs == sst().attrs
