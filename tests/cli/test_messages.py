"""What `lint` and `plan` say of slips that only show when inputs are listed or read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.archive import make_archive
from tests.cli.invocation import invoke

HEADER = """format_version: 1
id: r
title: T
description: D
license: CC0-1.0
providers: [{name: N, roles: [producer], url: "https://x.org"}]
maintainers: [{name: M, github: m}]
target: {chunks: {time: 1}}
inputs:
"""


@pytest.mark.parametrize(
    ("inputs", "code", "says"),
    [
        (
            "url: 'https://x.org/{time}.nc', concat: {time: {start: 1, end: 10, step: 2}}",
            "P115",
            "write end: 9 or end: 11",
        ),
        (
            "url: 'https://x.org/{time:%Y}.nc', concat: {time: {start: 2000-01-01, end: 2000-01-03, step: 1D}}",
            "P126",
            "2000-01-01 and 2000-01-02 are both https://x.org/2000.nc",
        ),
    ],
)
def test_lint_names_the_place_and_the_remedy(tmp_path: Path, inputs: str, code: str, says: str) -> None:
    path = tmp_path / "r" / "recipe.yaml"
    path.parent.mkdir()
    path.write_text(HEADER.rstrip() + f" {{{inputs}}}\n")
    got = invoke("lint", path)
    assert got.code == 1
    assert f"[{code}]" in got.err
    assert says in got.err
    assert "recipe.yaml:9:" in got.err


def test_plan_knows_names_of_the_dataset(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    archive.write_recipe(target={"chunks": {"tme": 1}, "variables": {"sick": {"dtype": "float32"}}})
    got = invoke("plan", "--probe", archive.recipe)
    assert got.code == 1
    assert "P202" in got.err
    assert "did you mean 'time'?" in got.err
    assert "sick" in got.err
    archive.write_recipe(target={"chunks": {"time": 1}, "variables": {"sick": {"dtype": "float32"}}})
    got = invoke("plan", "--probe", archive.recipe)
    assert "[P207]" in got.err
    assert "sick" in got.err
