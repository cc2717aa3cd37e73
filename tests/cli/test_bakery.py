"""``pangeo-forge bakery``, and ``--bakery``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.archive import make_archive
from tests.cli.invocation import invoke

FILE = """
mine: {runner: local, workers: 1, options: {mode: single}, secrets: [edl-token]}
far: {runner: dask, options: {scheduler: "tcp://127.0.0.1:1"}, shared_filesystem: true}
"""


@pytest.fixture(autouse=True)
def _bakeries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "feedstocks").mkdir()
    (tmp_path / "feedstocks" / "bakeries.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PANGEO_FORGE_SECRET_EDL_TOKEN", "hunter2-hush")


def test_list_shows_all_and_no_secret() -> None:
    told = invoke("bakery", "list", "--json")
    assert [b["name"] for b in told.json["bakeries"]] == ["local", "mine", "far"]
    assert "hunter2" not in told.out
    assert "far" in invoke("bakery", "list").out


def test_check_says_what_is_missing_and_what_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    good = invoke("bakery", "check", "mine")
    assert (good.code, "nothing is missing" in good.out) == (0, True)
    far = invoke("bakery", "check", "far", "--json")
    assert far.code == 2
    assert [p["code"] for p in far.json["problems"]] == ["B014"]
    monkeypatch.delenv("PANGEO_FORGE_SECRET_EDL_TOKEN")
    bad = invoke("bakery", "check", "mine")
    assert bad.code == 2
    assert "export PANGEO_FORGE_SECRET_EDL_TOKEN=" in bad.out


def test_prepare_brings_nothing_that_is_not_needed() -> None:
    assert invoke("bakery", "prepare", "mine").out == "nothing is to be brought\n"


def test_a_recipe_runs_on_a_bakery_by_name_and_by_file(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a", 2)
    run = invoke("run", archive.recipe, "--target", archive.store, "--bakery", "mine")
    assert run.code == 0, run.err
    again = invoke("dry-run", archive.recipe, "--bakery", tmp_path / "feedstocks" / "bakeries.yaml:mine")
    assert again.code == 0, again.err
    assert invoke("plan", archive.recipe, "--bakery", "mine").code == 0


@pytest.mark.parametrize(("name", "code"), [("mein", "B001"), ("none.yaml", "B002"), ("far", "B014")])
def test_what_cannot_be_is_refused_before_anything_starts(tmp_path: Path, name: str, code: str) -> None:
    archive = make_archive(tmp_path / "a", 2)
    run = invoke("run", archive.recipe, "--target", archive.store, "--bakery", name)
    assert (run.code, f"[{code}]" in run.err) == (2, True)
    assert not archive.store.parent.exists()
