"""``run``, ``plan``, ``dry-run`` and ``verify`` through the real command line, on real files."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.cli.archive import ID, Archive, make_archive
from tests.cli.invocation import PROJECT, Invocation, invoke


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Archive, Invocation]:
    """One finished run with ``--json``; tests read it, and copy what they damage."""
    archive = make_archive(tmp_path_factory.mktemp("finished"))
    archive.write_recipe(
        checks=[{"variable": "ta", "min": 150, "max": 350}, {"dim": "time", "monotonic": "increasing"}]
    )
    return archive, archive.run("--json")


@pytest.fixture
def store(finished: tuple[Archive, Invocation], tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished[0].store, tmp_path / "copy.zarr"))


def _expected(archive: Archive) -> xr.Dataset:
    coder = xr.coders.CFDatetimeCoder(use_cftime=True)
    parts = [xr.open_dataset(p, engine="h5netcdf", decode_times=coder).load() for p in archive.files]
    return xr.concat(parts, "time", data_vars="minimal", coords="minimal", compat="override", join="override")


# -- run -------------------------------------------------------------------------------------------------------------


def test_store_equals_the_inputs(finished: tuple[Archive, Invocation]) -> None:
    archive, got = finished
    assert got.code == 0
    expected = _expected(archive)
    with xr.open_zarr(archive.store, chunks=None) as ds:
        np.testing.assert_array_equal(ds.ta.values, expected.ta.values)
        assert list(ds.indexes["time"]) == list(expected.indexes["time"])
        assert ds.ta.attrs["units"] == "K"


def test_json_of_a_run_is_one_document_and_stderr_is_quiet(finished: tuple[Archive, Invocation]) -> None:
    archive, got = finished
    record = got.json
    assert record["ok"] is True
    assert record["store"] == str(archive.store)
    assert record["inputs"] == 3
    assert all(c["passed"] for c in record["checks"])
    assert {c["name"] for c in record["checks"]} >= {"ta >= 150.0", "ta <= 350.0", "sample of ta", "sample of time"}
    assert record["versions"]["xarray"]
    assert not got.err


def test_second_run_refuses_and_overwrite_replaces(finished: tuple[Archive, Invocation], tmp_path: Path) -> None:
    archive = Archive(Path(shutil.copytree(finished[0].folder, tmp_path / "again")))
    before = (archive.store / "zarr.json").stat().st_mtime_ns
    refused = archive.run("--json")
    assert refused.code == 1
    assert refused.json["error"]["code"] == "T001"
    assert "--overwrite" in refused.json["error"]["hint"]
    assert (archive.store / "zarr.json").stat().st_mtime_ns == before
    archive.write_recipe(inputs={"glob": "../in/*19[45]*.nc", "concat": {"time": {}}})
    assert archive.run("--overwrite").code == 0
    with xr.open_zarr(archive.store, chunks=None) as ds:
        assert ds.sizes["time"] == 360
    assert [p for p in os.listdir(archive.folder / "out") if not p.startswith(".")] == ["ta.zarr"]


def test_failed_overwrite_leaves_the_old_store(finished: tuple[Archive, Invocation], tmp_path: Path) -> None:
    archive = Archive(Path(shutil.copytree(finished[0].folder, tmp_path / "again")))
    archive.write_recipe(checks=[{"variable": "ta", "max": 200}])
    got = archive.run("--overwrite")
    assert got.code == 1
    assert "[V001]" in got.err
    assert archive.unfinished == []
    with xr.open_zarr(archive.store, chunks=None) as ds:
        assert ds.sizes["time"] == 540


def test_root_target_keeps_versions_and_latest(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, 2)
    root = tmp_path / "arco"
    pointers = []
    for _ in range(2):
        assert archive.run("--no-verify", target=root).code == 0
        pointers.append(json.loads((root / ID / "latest.json").read_text()))
    stores = sorted(p.name for p in (root / ID).glob("*.zarr"))
    assert len(stores) == 2
    assert [p["store"] for p in pointers] == stores
    for name in stores:
        with xr.open_zarr(root / ID / name, chunks=None) as ds:
            assert ds.sizes["time"] == 360


def test_failed_run_does_not_move_latest(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, 2)
    root = tmp_path / "arco"
    assert archive.run("--no-verify", target=root).code == 0
    before = (root / ID / "latest.json").read_text()
    archive.write_recipe(checks=[{"variable": "ta", "max": 200}])
    assert archive.run(target=root).code == 1
    assert (root / ID / "latest.json").read_text() == before
    assert len(list((root / ID).glob("*.zarr"))) == 1


def test_full_disk_then_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run after a full disk ends well, equals the inputs, and leaves nothing unfinished."""
    archive = make_archive(tmp_path)
    real = os.write

    def full(handle: int, data: memoryview) -> int:
        # The disk of the target, not that of temporary files.
        if len(data) > 1500 and "/pangeo-forge-" not in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr("pangeo_forge.targets.objects.os.write", full)
        assert archive.run().code == 1
    assert archive.run().code == 0
    assert archive.unfinished == []
    with xr.open_zarr(archive.store, chunks=None) as ds:
        np.testing.assert_array_equal(ds.ta.values, _expected(archive).ta.values)


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 600], ids=["none", "some"])
@pytest.mark.parametrize("mode", ["threads", "single"])
def test_full_disk_of_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, room: int) -> None:
    """It is no fault of this program, nor of the target: told so, by the code of a full disk; then there is room again."""
    archive = make_archive(tmp_path)
    real = os.write

    def full(handle: int, data: memoryview) -> int:
        if len(data) > room and "/pangeo-forge-" in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr("pangeo_forge.targets.objects.os.write", full)
        got = archive.run("--mode", mode, "--json")
    assert got.code == 1
    error = got.json["error"]
    assert error["code"] == "T010", error
    assert "temporary files" in error["message"]
    assert "TMPDIR" in error["hint"]
    assert not archive.store.exists()
    assert archive.run().code == 0
    assert archive.unfinished == []


def test_no_temporary_folder_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_archive(tmp_path)

    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pangeo_forge.runs.session.tempfile.TemporaryDirectory", full)
    got = archive.run()
    assert got.code == 1
    assert "[T010]" in got.err
    assert "TMPDIR" in got.err


def test_disk_that_a_library_fills_is_no_fault_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_archive(tmp_path)

    def full(*_: object, **__: object) -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/file")
        except OSError as error:
            raise RuntimeError("a library's own words") from error

    monkeypatch.setattr("pangeo_forge.runs.execution.refuse_inputs", full)
    got = archive.run("--json")
    assert (got.code, got.json["error"]["code"], got.json["error"]["where"]) == (1, "T010", "/somewhere/file")


@pytest.mark.parametrize("more", [("--mode", "threads", "--workers", "2"), ("--mode", "single", "--workers", "3")])
def test_modes_and_workers_write_the_same_bytes(
    finished: tuple[Archive, Invocation], tmp_path: Path, more: tuple[str, ...]
) -> None:
    archive, _ = finished
    target = tmp_path / "x.zarr"
    assert invoke("run", archive.recipe, "--target", target, "--no-verify", *more).code == 0
    _assert_same_chunks(archive.store, target)


@pytest.mark.long
def test_processes_write_the_same_bytes(finished: tuple[Archive, Invocation], tmp_path: Path) -> None:
    target = tmp_path / "x.zarr"
    got = invoke("run", finished[0].recipe, "--target", target, "--mode", "processes", "--workers", "2")
    assert got.code == 0, got.err
    _assert_same_chunks(finished[0].store, target)


def _assert_same_chunks(one: Path, other: Path) -> None:
    names = [sorted(str(p.relative_to(s)) for p in s.rglob("*") if p.is_file()) for s in (one, other)]
    assert names[0] == names[1]
    for name in names[0]:
        if name != "zarr.json":  # it says which run made it
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_prune_takes_first_and_last(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, 5)
    got = archive.run("--prune", "1", "--no-verify", "--json")
    assert got.code == 0
    assert got.json["inputs"] in (1, 2)
    with xr.open_zarr(archive.store, chunks=None) as ds:
        assert ds.indexes["time"][0].year == 1940


def test_parameters_and_settings(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    archive.write_recipe(
        parameters={"decade": {"default": "1940", "description": "first year"}},
        inputs={"glob": "../in/*_{decade}*.nc", "concat": {"time": {}}},
    )
    got = invoke("plan", archive.recipe, "--param", "decade=1955", "--json")
    assert got.code == 0, got.out
    assert "195501" in got.json["first"][0]
    assert got.json["inputs"] == 1
    wrong = invoke("plan", archive.recipe, "--param", "decad=1955", "--json")
    assert wrong.code == 1
    assert wrong.json["error"]["code"] == "R070"
    assert "decade" in wrong.out
    set_ = invoke("plan", archive.recipe, "--set", "target.chunks.time=7", "--json")
    assert set_.json["asked"]["chunks"] == {"time": 7}
    bad = invoke("plan", archive.recipe, "--set", "target.chunks.time=soon", "--json")
    assert bad.code == 1
    assert "soon" in bad.out


# -- paths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["with space", "Überläufe-日本", "100%[x]"])
def test_paths_of_all_kinds(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unicode, blanks, and signs that mean something in URLs and globs; seen from another folder."""
    archive = make_archive(tmp_path / name, 2)
    archive.write_recipe(
        inputs={
            "files": [f"../in/{p.name}" for p in sorted((tmp_path / name / "in").iterdir())],
            "concat": {"time": {}},
        }
    )
    monkeypatch.chdir(tmp_path)
    target = f"{name}/made here/x.zarr"
    got = invoke("run", f"{name}/{ID}", "--target", target, "--mode", "single", "--no-verify")
    assert got.code == 0, got.err
    with xr.open_zarr(tmp_path / target, chunks=None) as ds:
        assert ds.sizes["time"] == 360


def test_relative_inputs_are_relative_to_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_archive(tmp_path / "a", 2)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    got = invoke("plan", f"../a/{ID}/recipe.yaml", "--json")
    assert got.code == 0
    assert got.json["inputs"] == len(archive.files)


# -- plan, dry-run, lint ---------------------------------------------------------------------------------------------


def test_plan_opens_nothing_without_probe(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    for path in archive.files:
        path.write_bytes(b"")
    got = invoke("plan", archive.recipe)
    assert got.code == 0
    assert "add --probe" in got.out
    assert "194001-195412.nc" in got.out


def test_plan_with_probe_names_what_is_absent(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    files = [f"../in/{p.name}" for p in archive.files]
    archive.write_recipe(inputs={"files": [files[0], "../in/never.nc", files[2]], "concat": {"time": {}}})
    got = invoke("plan", archive.recipe, "--probe", "--mode", "single", "--json")
    assert got.code == 1
    assert got.json["ok"] is False
    assert any("never.nc" in label for label in got.json["absent"])
    assert not got.err


def test_plan_with_probe_knows_the_dataset(finished: tuple[Archive, Invocation]) -> None:
    got = invoke("plan", finished[0].recipe, "--probe", "--mode", "single")
    assert got.code == 0
    for text in ("time: 540", "ta", "100 x 2 x 2 x 2", "inputs   3"):
        assert text in got.out


def test_dry_run_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_archive(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.chdir(tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    got = invoke("dry-run", archive.recipe, "--mode", "single", "--json")
    assert got.code == 0, got.out
    assert got.json["ok"] is True
    assert got.json["checks"]
    assert got.json["store"] is None
    assert not got.err
    assert list(temporary.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_dry_run_says_what_is_wrong(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    archive.files[0].write_bytes(b"")
    got = invoke("dry-run", archive.recipe, "--mode", "single", "--json")
    assert got.code == 1
    assert got.json["error"]["code"] == "I102"
    assert not got.err


def test_lint_says_ok_or_all_that_is_wrong(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    good = invoke("lint", archive.recipe, "--json")
    assert (good.code, good.json["ok"]) == (0, True)
    archive.write_recipe(titel="x", target={"chunks": {"time": "many"}})
    bad = invoke("lint", archive.recipe, "--json")
    assert (bad.code, bad.json["ok"]) == (1, False)
    assert not bad.err
    codes = json.dumps(bad.json)
    assert "R010" in codes
    assert "R061" in codes


def test_lint_goes_on_after_a_recipe_that_is_absent(tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    got = invoke("lint", tmp_path / "nothing", archive.recipe, "--json")
    assert got.code == 1
    assert not got.err
    assert isinstance(got.json, dict)


def test_schema_is_json() -> None:
    assert invoke("schema").json["properties"]["inputs"]


def test_recipes_of_the_project_are_found_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    assert invoke("lint", "example-sea-ice-monthly").code == 0


# -- debug -----------------------------------------------------------------------------------------------------------


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    from pangeo_forge.errors import InputError

    archive = make_archive(tmp_path)
    archive.files[0].write_bytes(b"")
    with pytest.raises(InputError):
        archive.run("--debug")


def test_our_own_fault_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr("pangeo_forge.runs.execution.run_recipe", broken)
    archive = make_archive(tmp_path)
    got = archive.run("--json")
    assert got.code == 2
    assert got.json["error"]["code"] == "X000"
    assert "surprise" in got.json["error"]["message"]


# -- verify ----------------------------------------------------------------------------------------------------------


def test_verify_of_a_good_store(store: Path) -> None:
    got = invoke("verify", store, "--full", "--json")
    assert got.code == 0
    assert got.json["ok"] is True
    assert not got.err
    assert "ok     consolidated metadata" in invoke("verify", store).out


def test_verify_with_the_checks_of_a_recipe(store: Path, finished: tuple[Archive, Invocation]) -> None:
    archive = finished[0]
    good = invoke("verify", store, "--recipe", archive.recipe, "--json")
    assert good.code == 0
    assert any(c["name"] == "ta <= 350.0" for c in good.json["checks"])


def _chunks(store: Path, name: str) -> list[Path]:
    return sorted(p for p in (store / name / "c").rglob("*") if p.is_file())


def test_verify_finds_a_chunk_cut_short(store: Path) -> None:
    chunk = _chunks(store, "ta")[0]
    chunk.write_bytes(chunk.read_bytes()[:100])
    got = invoke("verify", store, "--json")
    assert got.code == 1
    bad = [c["name"] for c in got.json["checks"] if not c["passed"]]
    assert any("ta" in name for name in bad)


def test_verify_full_finds_damage_in_the_middle(store: Path) -> None:
    chunk = _chunks(store, "ta")[2]
    chunk.write_bytes(b"\0" * 40)
    assert invoke("verify", store, "--full").code == 1


@pytest.fixture
def recorded(finished: tuple[Archive, Invocation], tmp_path: Path) -> Path:
    """A copy of the store together with the records beside it."""
    shutil.copytree(finished[0].folder / "out", tmp_path / "out")
    return tmp_path / "out" / "ta.zarr"


def test_verify_finds_a_chunk_that_is_gone(recorded: Path) -> None:
    """To Zarr it is fill value: only the record of the run tells."""
    assert invoke("verify", recorded, "--full").code == 0
    _chunks(recorded, "ta")[1].unlink()
    got = invoke("verify", recorded, "--json")
    assert got.code == 1
    assert any("ta/c/1/0/0/0" in c["detail"] for c in got.json["checks"] if not c["passed"])


def test_verify_full_finds_flipped_bits_that_still_decode(recorded: Path) -> None:
    chunk = _chunks(recorded, "time")[0]
    good = chunk.read_bytes()
    for at in range(16, len(good)):
        chunk.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        if all(c["passed"] for c in invoke("verify", recorded, "--json").json["checks"]):
            break
    else:
        pytest.fail("no flipped bit decodes: this test shows nothing")
    got = invoke("verify", recorded, "--full")
    assert got.code == 1
    assert "time/c/0" in got.out


def test_verify_knows_the_record_of_a_version(tmp_path: Path) -> None:
    archive = make_archive(tmp_path, 2)
    assert archive.run("--no-verify", target=tmp_path / "arco").code == 0
    version = next((tmp_path / "arco" / ID).glob("*.zarr"))
    assert "objects as recorded: 1" in invoke("verify", version).out
    _chunks(version, "ta")[0].unlink()
    assert invoke("verify", version).code == 1


def test_verify_finds_stale_consolidated_metadata(store: Path) -> None:
    path = store / "ta" / "zarr.json"
    document = json.loads(path.read_text())
    document["attributes"]["units"] = "degC"
    path.write_text(json.dumps(document))
    got = invoke("verify", store)
    assert got.code == 1
    assert "FAILED consolidated metadata" in got.out
    assert "ta" in got.out


def test_verify_finds_missing_metadata(store: Path) -> None:
    (store / "ta" / "zarr.json").unlink()
    got = invoke("verify", store, "--json")
    assert got.code == 1
    assert not got.err


@pytest.mark.parametrize("kind", ["absent", "empty folder", "file", "broken json"])
def test_verify_of_what_is_no_store(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.zarr"
    if kind == "empty folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("no store")
    elif kind == "broken json":
        path.mkdir()
        (path / "zarr.json").write_text("{")
    got = invoke("verify", path)
    assert got.code == 1
    assert "[V00" in got.err
    assert "Traceback" not in got.err
    as_json = invoke("verify", path, "--json")
    assert as_json.code == 1
    assert as_json.json["ok"] is False
    assert not as_json.err
