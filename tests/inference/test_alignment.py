"""Columns of names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.inference.alignment import align


def varying(names: list[str]) -> list[tuple[str, ...]]:
    return [c.texts for c in align(names) if not c.constant]


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), min_size=1, max_size=6))
def test_columns_joined_are_the_names(names: list[str]) -> None:
    columns = align(names)
    assert ["".join(c.texts[i] for c in columns) for i in range(len(names))] == names


def test_names_of_one_shape() -> None:
    assert varying(["a_t01_x.nc", "a_s02_x.nc"]) == [("t", "s"), ("01", "02")]


def test_words_of_different_shapes() -> None:
    assert varying(["v/air_MC_mean.nc", "v/pr_wtr_MC_mean.nc", "v/hgt500_MC_mean.nc"]) == [("air", "pr_wtr", "hgt500")]


def test_a_folder_that_comes_again() -> None:
    names = ["v/precip/total/a_precip_total_1.nc", "v/vapour_h09/mean/a_vapour_h09_mean_1.nc"]
    assert varying(names) == [("precip", "vapour_h09"), ("total", "mean")] * 2


def test_no_value_is_empty() -> None:
    assert all(all(texts) for texts in varying(["a_b.nc", "a_b_v2.nc"]))
