"""Scanning in batches, before and when it is asked for: the same as input by input, whatever state the files are in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pangeo_forge.dataset import ahead
from pangeo_forge.dataset.archive import Archive as Inputs
from pangeo_forge.dataset.scanning import Scanned
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.inputs import isolation
from pangeo_forge.pipeline.prepare_inputs import InputPreparer, Prepared
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.runs.session import opened_session
from pangeo_forge.runs.settings import RunSettings
from tests.cli.archive import Archive, make_archive

RANGES = [(0, 3), (3, 5)]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_archive(tmp_path, 5)


def _inputs(archive: Archive) -> tuple[Inputs, CombineSettings]:
    recipe = load_recipe(archive.recipe)
    with opened_session(recipe, RunSettings()) as session:
        return session.archive, CombineSettings.from_recipe(recipe)


def _prepared(inputs: Inputs, settings: CombineSettings, begin: bool) -> Prepared:
    preparer = InputPreparer(inputs, settings)
    if begin:
        ahead.start(inputs, settings, RANGES, 2)
    try:
        one, other = (preparer.prepare(*r) for r in RANGES)
    finally:
        ahead.end(inputs)
    return one.merge(other)


def _one_by_one(inputs: Inputs, settings: CombineSettings, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    with monkeypatch.context() as patch:
        patch.setattr(ahead, "scan_together", lambda *_: None)
        return _prepared(inputs, settings, begin=False)


def _crash(request: object) -> None:
    os.abort()


def _known(prepared: Prepared) -> tuple[object, ...]:
    failed = [(f.index, f.label, str(f.error), f.absent) for f in prepared.failed]
    return repr(sorted(prepared.combination.inputs.items())), prepared.combination.attrs, prepared.ledger, failed


@pytest.mark.parametrize("begin", [False, True])
def test_batches_know_what_single_scans_know(archive: Archive, begin: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.files[1].write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 500)
    inputs, settings = _inputs(archive)
    archive.files[4].unlink()
    alone = _one_by_one(inputs, settings, monkeypatch)
    assert [f.index for f in alone.failed] == [(1,), (4,)]
    assert _known(_prepared(inputs, settings, begin)) == _known(alone)


def test_what_was_scanned_ahead_is_taken_once(archive: Archive) -> None:
    inputs, settings = _inputs(archive)
    ahead.start(inputs, settings, RANGES, 1)
    found = ahead.take(inputs, 0, 3)
    assert found is not None
    assert sorted(found.combination.inputs) == [(0,), (1,), (2,)]
    assert ahead.take(inputs, 0, 3) is None
    ahead.end(inputs)
    assert ahead.take(inputs, 3, 5) is None


def test_a_file_that_changed_since_is_scanned_again(archive: Archive) -> None:
    inputs, settings = _inputs(archive)
    ahead.start(inputs, settings, RANGES, 1)
    found = ahead.take(inputs, 0, 3)
    ahead.end(inputs)
    assert found is not None
    path = str(archive.files[0])
    assert found.is_of((0,), path)
    assert not found.is_of((0,), str(archive.files[1]))
    os.utime(path, ns=(1, 1))
    assert not found.is_of((0,), path)


def test_a_lost_child_leaves_its_inputs_to_single_opens(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, settings = _inputs(archive)
    alone = _one_by_one(inputs, settings, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(ahead, "scan_files", _crash)
        item = inputs.pattern[0]
        lost = ahead.scan_together(inputs, settings, [(item, str(archive.files[0]))])
        assert isinstance(lost, Scanned)
        assert not lost.stamps
        found = _prepared(inputs, settings, begin=True)
    assert _known(found) == _known(alone)
    isolation.close()
