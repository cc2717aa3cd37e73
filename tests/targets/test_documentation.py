"""The snippets of docs/targets.md run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.invocation import PROJECT
from tests.targets.referring import expected, oisst_like, refer, write_recipe
from tests.targets.test_icechunk_repository import build
from tests.targets.test_zarr import make

TEXT = (PROJECT / "docs" / "targets.md").read_text()


def test_snippets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "series"
    folder.mkdir()
    wanted = expected(oisst_like(folder, 2))
    for form, name in (("json", "sst.json"), ("parquet", "sst.parquet"), ("icechunk", "virtual.icechunk")):
        target = {"format": "reference", "reference": {"format": form}}
        refer(write_recipe(folder, target=target), target=tmp_path / name)
    build(tmp_path / "sst.icechunk", make())
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    assert len(blocks) == 5
    names: dict[str, object] = {}
    for number, block in enumerate(blocks):
        exec(block, names)
        opened = names["sst"]
        if number == 0:
            assert "count" in opened.variables  # type: ignore[attr-defined]
        else:
            assert opened["sst"].load().equals(wanted["sst"])  # type: ignore[index]


def test_codes_of_the_tables_are_raised_somewhere() -> None:
    source = "".join(p.read_text() for p in (PROJECT / "pangeo_forge").rglob("*.py"))
    for code in re.findall(r"[RT]\d{3}", TEXT):
        assert f'"{code}"' in source, code
