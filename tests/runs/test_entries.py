"""Catalog entries follow what readers follow: builds, appends, rollbacks; one that is stale is mended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pystac
import pytest
from click.testing import CliRunner

from pangeo_forge.cli import app
from pangeo_forge.runs import entries
from pangeo_forge.runs.entries import entry_of
from pangeo_forge.runs.place import Place
from pangeo_forge.runs.retention import roll_back
from tests.catalog.test_collection import check
from tests.publish.archive import Daily
from tests.publish.conftest import without_beam  # noqa: F401


def entry(archive: Daily) -> dict[str, Any]:
    found = entry_of(Place.of(archive.target, "daily"))
    assert found is not None
    check(found)
    return found


def last_day(archive: Daily) -> str:
    return str(entry(archive)["extent"]["temporal"]["interval"][0][1])


@pytest.fixture
def archive(tmp_path: Path) -> Daily:
    made = Daily(tmp_path, str(tmp_path / "arco"))
    made.write(range(4))
    return made


def test_an_entry_follows_builds_appends_and_rollbacks(archive: Daily) -> None:
    first = archive.run()
    found = entry(archive)
    assert found["assets"]["data"]["href"] == first.store
    assert found["pangeo_forge:version"] == first.run_id
    assert last_day(archive) == "2000-01-04T00:00:00Z"
    archive.write([4])
    second = archive.run()
    assert entry(archive)["pangeo_forge:state"] == second.state
    assert last_day(archive) == "2000-01-05T00:00:00Z"
    third = archive.run(archive.recipe(title="Renamed"), rebuild=True)
    assert entry(archive)["assets"]["data"]["href"] == third.store
    assert entry(archive)["title"] == "Renamed"
    archive.run(rebuild=True, prune=1)
    assert entry(archive)["assets"]["data"]["href"] == third.store, "readers are not sent to a pruned version"
    shown = CliRunner().invoke(app, ["versions", "rollback", archive.target], catch_exceptions=False)
    assert shown.exit_code == 0
    assert entry(archive)["assets"]["data"]["href"] == first.store
    catalog = pystac.Catalog.from_file(str(Path(archive.target) / "catalog.json"))
    check(json.loads((Path(archive.target) / "catalog.json").read_text()))
    (child,) = catalog.get_children()
    assert (child.id, child.title) == ("daily", "Renamed")


def test_a_stale_entry_is_mended_by_the_next_run(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.run()
    archive.write([4])
    with monkeypatch.context() as patch:
        patch.setattr("pangeo_forge.runs.execution.refresh_entry", lambda *_: [])
        archive.run()
    assert last_day(archive) == "2000-01-04T00:00:00Z"
    assert archive.run().action == "nothing"
    assert last_day(archive) == "2000-01-05T00:00:00Z"


def test_an_entry_that_cannot_be_made_is_a_warning(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(*_: object) -> None:
        raise ValueError("odd coordinates")

    monkeypatch.setattr(entries, "make_collection", odd)
    result = archive.run()
    assert any("odd coordinates" in w and "pangeo-forge catalog" in w for w in result.warnings)


def test_a_store_at_a_path_of_its_own_has_one_in_its_home(tmp_path: Path) -> None:
    archive = Daily(tmp_path, str(tmp_path / "x.zarr"))
    archive.write(range(2))
    archive.run()
    assert entry(archive)["assets"]["data"]["href"] == archive.target
    assert not (tmp_path / "catalog.json").exists()


def test_command(archive: Daily) -> None:
    recipe = str(archive.folder / "daily" / "recipe.yaml")
    archive.recipe()
    nothing = CliRunner().invoke(app, ["catalog", recipe, "--target", archive.target])
    assert "T080" in str(nothing.exception)
    archive.run()
    shown = CliRunner().invoke(app, ["catalog", archive.target], catch_exceptions=False)
    assert json.loads(shown.output)["id"] == "daily"
    archive.recipe(title="Other words", license="CC0-1.0")
    done = CliRunner().invoke(app, ["catalog", recipe, "--target", archive.target, "--write"], catch_exceptions=False)
    assert "collection.json" in done.output
    assert (entry(archive)["title"], entry(archive)["license"]) == ("Other words", "CC0-1.0")


def test_rollback_alone_moves_the_pointer(archive: Daily) -> None:
    first = archive.run()
    archive.run(rebuild=True)
    place = Place.of(archive.target, "daily")
    assert roll_back(place) == first.run_id
    assert entries.refresh_entry(place) == []
    assert entry(archive)["pangeo_forge:version"] == first.run_id
