"""Inputs that change under a run are found by their size and time of change."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.pipeline.prepare_inputs import LedgerEntry
from pangeo_forge.runs.stillness import refuse_changed


def _entry(path: Path, number: int = 0) -> LedgerEntry:
    found = path.stat()
    modified = datetime.fromtimestamp(found.st_mtime, UTC).isoformat()
    return LedgerEntry((number,), f"time={number} {path}", str(path), found.st_size, None, modified, None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a.nc"
    made.write_bytes(b"12345")
    return made


def test_files_that_stand_still(path: Path) -> None:
    refuse_changed([_entry(path)])


def test_other_size(path: Path) -> None:
    entry = _entry(path)
    path.write_bytes(b"123")
    with pytest.raises(InputError, match=r"1 input changed while the run read them: time=0 .*a\.nc.*I002"):
        refuse_changed([entry])


def test_same_size_other_time(path: Path) -> None:
    entry = _entry(path)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    with pytest.raises(InputError, match="I002"):
        refuse_changed([entry])


def test_gone(path: Path) -> None:
    entry = _entry(path)
    path.unlink()
    with pytest.raises(InputError, match="I002"):
        refuse_changed([entry])


def test_many_are_counted(path: Path) -> None:
    entries = [_entry(path, i) for i in range(12)]
    path.unlink()
    with pytest.raises(InputError, match=r"12 inputs changed.*and 7 more"):
        refuse_changed(entries)


def test_remote_inputs_and_folders_are_not_asked(tmp_path: Path) -> None:
    remote = LedgerEntry((0,), "x", "https://example.org/a.nc", 5, '"etag"', "yesterday", None)
    refuse_changed([remote, _entry(tmp_path)])
