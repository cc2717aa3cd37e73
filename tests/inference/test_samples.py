"""Samples from folders, lists and calls."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pangeo_forge.errors import UsageError
from pangeo_forge.inference.samples import gather, name_expression
from pangeo_forge.pattern.expressions import NameExpression


def test_a_folder_leaves_out_what_is_no_data(tmp_path: Path) -> None:
    for name in ("a_1.nc", "a_2.nc", "README.md", "a_1.nc.md5", ".hidden.nc", "x.tif"):
        (tmp_path / name).touch()
    found = gather([str(tmp_path)])
    assert [Path(n).name for n in found.names] == ["a_1.nc", "a_2.nc"]
    assert found.complete
    assert found.listed == {"glob": str(tmp_path / "*.nc")}
    assert "README.md" in found.notes[0]


def test_folders_below_are_read_too(tmp_path: Path) -> None:
    for year in ("2000", "2001"):
        (tmp_path / year).mkdir()
        (tmp_path / year / f"a_{year}.nc").touch()
    found = gather([str(tmp_path)])
    assert len(found.names) == 2
    assert found.listed is None


def test_a_glob(tmp_path: Path) -> None:
    for name in ("a_1.nc", "a_2.nc", "b_1.nc"):
        (tmp_path / name).touch()
    assert [Path(n).name for n in gather([str(tmp_path / "a_*.nc")]).names] == ["a_1.nc", "a_2.nc"]


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        gather([str(tmp_path)])
    assert caught.value.code == "U201"


def test_the_expression_of_a_listing_fits_its_names_and_no_others() -> None:
    names = [f"g_v01r03_d1996100{i}_c2017053{i}.nc" for i in range(3)]
    expression = NameExpression(name_expression(names))
    assert all(expression.fits(n) for n in names)
    assert not expression.fits("g_v01r03_d19961001_c20170530.nc.md5")
    assert not re.search(r"\*|\+", expression.text)


def test_a_secret_in_a_url_is_refused_unseen() -> None:
    with pytest.raises(UsageError) as caught:
        gather(["https://me:hunter2@host/a.nc"])
    assert "hunter2" not in str(caught.value)
