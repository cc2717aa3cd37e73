"""Versions, their pointer, their removal; status; checksums."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from pangeo_forge.cli import app
from pangeo_forge.errors import PangeoForgeError, TargetError
from pangeo_forge.runs.place import Place
from pangeo_forge.runs.retention import list_versions, prune_versions, roll_back
from pangeo_forge.runs.workspace import Workspace
from pangeo_forge.verify.checksums import check_checksums
from tests.publish.archive import Daily, expected, read


@pytest.fixture
def archive(tmp_path: Path) -> Daily:
    made = Daily(tmp_path, str(tmp_path / "arco"))
    made.write(range(4))
    return made


def call(*arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_life_of_versions(archive: Daily) -> None:
    place = Place.of(archive.target, "daily")
    names = []
    for edition in range(3):
        archive.write([1], edition)
        names.append(Path(archive.run(rebuild=True).store).stem)
    assert [v.name for v in list_versions(place)] == names[::-1]
    assert [v.is_latest for v in list_versions(place)] == [True, False, False]
    assert roll_back(place) == names[1]
    np.testing.assert_array_equal(read(str(place.current()))["sst"], expected(range(4), {1: 1}))
    # The latest is kept whatever its age, and counts.
    assert prune_versions(place, 1, dry_run=True) == [names[2], names[0]]
    assert prune_versions(place, 2) == [names[0]]
    assert {v.name for v in list_versions(place)} == {names[1], names[2]}
    with pytest.raises(TargetError) as caught:
        roll_back(place, names[0])
    assert caught.value.code == "T059"
    for version in list_versions(place):
        assert check_checksums(place.url_of(version.name)).passed
    states = {v.state for v in list_versions(place)}
    assert {p.stem for p in (Path(place.home) / "ledger").iterdir()} == states


@pytest.mark.parametrize("section", [{}, {"format": "icechunk"}], ids=["zarr", "icechunk"])
def test_removal_that_was_killed_is_ended_by_the_next(
    archive: Daily, section: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies there without a root takes room, and nothing else would ever remove it."""
    archive.target_section = {"append": "time", **section}
    home = Path(archive.target) / "daily"
    for _ in range(3):
        archive.run(rebuild=True)
    place = Place.of(archive.target, "daily", ending=f".{section.get('format', 'zarr')}")
    kept = {p.name for p in home.glob("2*")}
    victim = home / f"{prune_versions(place, 2, dry_run=True)[0]}{place.ending}"

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pangeo_forge.targets.objects.shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            prune_versions(place, 2)
    for root in (*victim.glob("zarr.json"), *victim.glob("refs/*/*"), *victim.glob("repo")):
        root.unlink()
    assert victim.exists()
    # A version that somebody is building has no root either.
    building = home / "20990101T000000000-beefbeef.zarr"
    (building / "sst").mkdir(parents=True)
    (building / "sst" / "0").write_bytes(b"1")
    work = Workspace(place, "0123")
    work.begin(building.stem)
    assert prune_versions(place, 2) == []
    assert {p.name for p in home.glob("2*")} == kept - {victim.name} | {building.name}
    work.clear()
    prune_versions(place, 2)
    assert not building.exists()


def test_keep(archive: Daily) -> None:
    for _ in range(3):
        archive.run(rebuild=True, keep=2)
    assert len(list_versions(Place.of(archive.target, "daily"))) == 2


def test_append_keeps_the_version(archive: Daily) -> None:
    first = archive.run()
    archive.write([4])
    assert archive.run().store == first.store


def test_a_store_at_a_path_has_no_versions(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as caught:
        list_versions(Place.of(str(tmp_path / "x.zarr"), "daily"))
    assert caught.value.code == "T058"


def test_commands(archive: Daily) -> None:
    recipe = str(archive.folder / "daily" / "recipe.yaml")
    one, two = archive.run().run_id, archive.run(rebuild=True).run_id
    listed = call("versions", "list", recipe, "--target", archive.target)
    assert [v["name"] for v in listed["datasets"][0]["versions"]] == [two, one]  # type: ignore[index]
    assert call("versions", "rollback", archive.target)["latest"] == one
    assert list(call("versions", "prune", archive.target, "--keep", "1")["removed"].values()) == [[two]]  # type: ignore[attr-defined]
    (dataset,) = call("status", recipe, "--target", archive.target)["datasets"]  # type: ignore[misc]
    assert dataset["running"] is None
    assert dataset["store"].endswith(f"{one}.zarr")
    assert [r["run_id"] for r in dataset["runs"]] == [two, one]
    assert call("status", dataset["store"])["datasets"] == call("status", archive.target)["datasets"]
    shown = CliRunner().invoke(app, ["status", archive.target], catch_exceptions=False).output
    assert one in shown
    assert CliRunner().invoke(app, ["status", str(archive.folder / "in")]).exit_code != 0


def test_status_tells_failures(archive: Daily) -> None:
    with pytest.raises(PangeoForgeError):
        archive.run(archive.recipe(checks=[{"variable": "sst", "max": 0.1}]))
    (dataset,) = call("status", archive.target)["datasets"]  # type: ignore[misc]
    assert dataset["store"] is None
    assert dataset["runs"][0]["outcome"] == "failed"
    assert dataset["runs"][0]["error"]["code"] == "V001"


def test_checksums_tell_damage(archive: Daily) -> None:
    archive.run()
    archive.write([4, 5, 6])
    store = Path(archive.run().store)
    good = check_checksums(str(store))
    assert good.passed
    chunks = [p for p in store.rglob("c/**/*") if p.is_file()]
    assert good.figures["objects"] == len(chunks)
    victim = store / "sst" / "c" / "1" / "0" / "0"
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    assert "sst/c/1/0/0 has other bytes" in check_checksums(str(store)).detail
    victim.write_bytes(data[:-1])
    assert "bytes, not" in check_checksums(str(store)).detail
    victim.unlink()
    assert "sst/c/1/0/0 is gone" in check_checksums(str(store)).detail
    result = CliRunner().invoke(app, ["verify", str(store), "--full", "--json"])
    assert result.exit_code == 1


def test_long_chains_of_appends_are_written_together(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pangeo_forge.targets.checksums.DEEPEST", 2)
    archive.run()
    for day in range(4, 8):
        archive.write([day])
        store = archive.run().store
        assert check_checksums(store).passed
    home = Path(Place.of(archive.target, "daily").home)
    assert max(json.loads(p.read_text())["depth"] for p in (home / "objects").iterdir()) < 2


def test_storage_options_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    from pangeo_forge.cli.options import storage_options

    monkeypatch.setenv("MY_SECRET", "s3cr3t")
    found = storage_options(
        ("anon=true", "endpoint_url=http://x:1", "client_kwargs.region_name=eu", "secret=env:MY_SECRET")
    )
    assert found == {
        "anon": True,
        "endpoint_url": "http://x:1",
        "client_kwargs": {"region_name": "eu"},
        "secret": "s3cr3t",
    }
    with pytest.raises(click.UsageError, match="NOT_THERE"):
        storage_options(("secret=env:NOT_THERE",))


def test_a_pruned_run_moves_no_pointer_unless_asked(archive: Daily) -> None:
    whole = archive.run()
    place = Place.of(archive.target, "daily")
    tried = archive.run(prune=1, rebuild=True)
    assert not tried.published
    assert any("--make-latest" in w for w in tried.warnings)
    assert place.current() == whole.store
    with xr.open_zarr(tried.store) as ds:
        assert ds.attrs["pangeo_forge:pruned"] == 1
        assert ds.sizes["time"] == 1
    record = json.loads((Path(place.home) / "runs" / f"{tried.run_id}.json").read_text())
    assert (record["pruned"], record["published"]) == (1, False)
    newest, older = list_versions(place)
    assert (newest.pruned, newest.is_latest, older.is_latest) == (1, False, True)
    shown = CliRunner().invoke(app, ["versions", "list", archive.target], catch_exceptions=False).output
    assert "pruned" in shown
    asked = archive.run(prune=1, rebuild=True, make_latest=True)
    assert asked.published
    assert place.current() == asked.store
    # Going back means to the version before that is whole.
    assert roll_back(place) == whole.run_id
    assert prune_versions(place, 1) == [asked.run_id, tried.run_id]


def test_a_first_pruned_run_to_a_root_publishes_nothing(archive: Daily) -> None:
    archive.run(prune=1)
    place = Place.of(archive.target, "daily")
    assert place.current() is None
    result = archive.run()
    assert (result.action, result.published) == ("build", True)
    np.testing.assert_array_equal(read(str(place.current()))["sst"], expected(range(4)))


def test_nothing_is_appended_to_a_pruned_store(tmp_path: Path) -> None:
    archive = Daily(tmp_path, str(tmp_path / "x.zarr"))
    archive.write(range(5))
    archive.run(prune=1)
    with pytest.raises(TargetError, match="--prune 1") as caught:
        archive.run()
    assert caught.value.code == "T051"


@pytest.mark.parametrize("damage", ['{"sto', "[]", "{}"])
def test_a_damaged_pointer_is_told_and_written_anew(archive: Daily, damage: str) -> None:
    version = Path(archive.run().store).stem
    place = Place.of(archive.target, "daily")
    pointer = Path(place.home) / "latest.json"
    pointer.write_text(damage)
    for attempt in (
        lambda: list_versions(place),
        lambda: roll_back(place),
        archive.run,
        lambda: prune_versions(place, 1),
    ):
        with pytest.raises(TargetError, match="pointer to the latest version is damaged") as caught:
            attempt()
        assert caught.value.code == "T077"
        assert pointer.read_text() == damage
    result = CliRunner().invoke(app, ["versions", "rollback", place.home, version])
    assert result.exit_code == 0, result.output
    assert [v.name for v in list_versions(place) if v.is_latest] == [version]
