"""Tables show what they are given, also where it looks like markup."""

from __future__ import annotations

import pytest

from pangeo_forge.cli.tables import print_plan, print_table


def test_columns_are_aligned_and_brackets_stay(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "number"], [("a", 1), ("[red]b", 1234567)])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines[0].split() == ["name", "number"]
    assert lines[2].split() == ["a", "1"]
    assert lines[3].split() == ["[red]b", "1234567"]
    assert lines[2].index("1") == lines[3].index("1234567")


def test_plan_shows_data_first_then_coordinates(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"dims": ("time",), "shape": (1200,), "dtype": "<f4", "chunks": (100,), "n_chunks": 12, "bytes": 4800}
    print_plan(
        {
            "sizes": {"time": 1200},
            "arrays": [
                {**row, "name": "time", "coordinate": True},
                {**row, "name": "crs", "coordinate": False, "dims": (), "shape": (), "chunks": (), "n_chunks": 1},
                {**row, "name": "sst", "coordinate": False},
            ],
            "inputs": 1000,
            "bytes": 9600,
            "bytes_read": 9600,
            "text": "one pass",
        }
    )
    out = capsys.readouterr().out
    assert "dims     time: 1,200" in out
    assert out.index("crs") < out.index("sst") < out.index("\n time")
    assert "(scalar)" in out
    assert "inputs   1,000" in out
    assert "4.8 kB" in out
    assert "work     one pass" in out
