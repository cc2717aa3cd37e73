from __future__ import annotations

from pathlib import Path

import pytest

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.locations import file_name, resolve, split_member


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("data/a.nc", "/r/data/a.nc"),
        ("../a.nc", "/a.nc"),
        ("/data/a.nc", "/data/a.nc"),
        ("https://h/a.nc", "https://h/a.nc"),
        ("s3://b/a.nc", "s3://b/a.nc"),
        ("zip://m.nc::data/a.zip", "zip://m.nc::/r/data/a.zip"),
        ("zip://m.nc::https://h/a.zip", "zip://m.nc::https://h/a.zip"),
    ],
)
def test_resolve(location: str, expected: str) -> None:
    assert resolve(location, Path("/r")) == expected
    assert resolve(location, None) == location


def test_split_member() -> None:
    assert split_member("zip://a/b.tif::https://h/x.zip") == ("https://h/x.zip", "a/b.tif")
    assert split_member("tar://b.nc::/x.tar") == ("/x.tar", "b.nc")
    assert split_member("https://h/x.zip", "b.tif") == ("https://h/x.zip", "b.tif")
    assert split_member("https://h/x.nc") == ("https://h/x.nc", None)
    assert split_member("simplecache::https://h/x.nc") == ("simplecache::https://h/x.nc", None)


@pytest.mark.parametrize(
    ("location", "member"), [("zip://::https://h/x.zip", None), ("zip://a::", None), ("zip://a::https://h/x", "b")]
)
def test_chain_errors(location: str, member: str | None) -> None:
    with pytest.raises(PlanError, match="P107"):
        split_member(location, member)


def test_file_name() -> None:
    assert file_name("https://h/d/a%20b.nc?x=1/2") == "a b.nc"
    assert file_name("/d/a#1?.nc") == "a#1?.nc"
    assert file_name("zip://m.nc::/d/a.zip") == "a.zip"
