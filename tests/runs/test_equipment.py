"""What a bakery gives to a run, and what it lacks; found before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pangeo_forge.errors import BakeryError, UsageError
from pangeo_forge.inputs.fetch.storage_options import StorageOptions
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.runs.equipment import check, equipped
from pangeo_forge.runs.session import opened_session
from pangeo_forge.runs.settings import RunSettings
from tests.differential.works import bakery
from tests.targets.referring import oisst_like, write_recipe


def codes(problems: object) -> list[str]:
    return [e.code for e in problems]  # type: ignore[attr-defined]


def test_without_a_bakery_work_is_done_here_and_nothing_is_missing() -> None:
    made = equipped(RunSettings(workers=3))
    assert made.engine.workforce.here
    assert made.engine.workforce.tasks == 3
    assert list(made.problems()) == []


def test_the_command_line_goes_before_the_bakery(monkeypatch: pytest.MonkeyPatch) -> None:
    where = bakery(
        "b", runner="local", workers=5, max_memory="1GB", target="gs://b/arco", cache={"url": "gs://b/c", "secret": "s"}
    )
    said = equipped(RunSettings(bakery=where)).settings
    assert (said.workers, said.memory, said.target, said.cache) == (5, 10**9, "gs://b/arco", "gs://b/c")
    assert isinstance(said.cache_options, StorageOptions)
    given = RunSettings(
        bakery=where, workers=2, max_memory="3GB", target="x.zarr", target_options={"a": 1}, mode="single"
    )
    own = equipped(given)
    assert (own.settings.memory, own.settings.target, own.settings.target_options) == (3 * 10**9, "x.zarr", {"a": 1})
    assert own.engine.workforce.tasks == 1


def test_paths_are_absolute_where_workers_have_another_working_folder() -> None:
    where = bakery("d", runner="dask", cache="c")
    found = equipped(RunSettings(bakery=where, target="x.zarr")).settings
    assert (found.target, found.cache) == (str(Path("x.zarr").absolute()), str(Path("c").absolute()))


def test_mode_is_of_this_machine_only() -> None:
    with pytest.raises(UsageError, match="U033"):
        equipped(RunSettings(bakery=bakery("d", runner="dask"), mode="threads"))


def test_paths_of_this_machine_are_refused_where_workers_are_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    recipe = load_recipe(
        str(
            write_recipe(
                tmp_path,
                id="made-here",
                inputs={"url": "in/{d}.nc", "concat": {"d": {"dim": "time", "values": ["02"]}}},
            )
        )
    )
    away = {
        "runner": "portable",
        "options": {"job_endpoint": "127.0.0.1:1"},
        "environment": {"kind": "docker", "image": "i"},
    }
    found = list(equipped(RunSettings(bakery=bakery("away", **away))).problems(recipe))
    assert codes(found) == ["B014", "B015", "B015", "B015", "B015"]
    told = [str(e) for e in found[1:]]
    assert [t.split(": ")[1].split(" is")[0] for t in told] == ["target", "temp", "cache", "inputs"]
    shared = equipped(RunSettings(bakery=bakery("away", shared_filesystem=True, **away)))
    assert codes(shared.problems(recipe)) == ["B014"]
    good = {name: f"memory://{name}" for name in ("target", "temp", "cache")}
    assert codes(equipped(RunSettings(bakery=bakery("away", **good, **away))).problems()) == ["B014"]


def test_secrets_that_are_not_there_are_found_with_the_variable_that_holds_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MINE", "PANGEO_FORGE_SECRET_TWO"):
        monkeypatch.delenv(name, raising=False)
    where = bakery("b", runner="local", secrets={"one": "MINE"}, temp={"url": "memory://t", "secret": "two"})
    made = equipped(RunSettings(bakery=where))
    with pytest.raises(BakeryError, match=r"2 things are missing") as caught:
        check(made)
    assert caught.value.code == "B000"
    assert "export MINE=" in str(caught.value)
    assert "export PANGEO_FORGE_SECRET_TWO=" in str(caught.value)
    monkeypatch.setenv("MINE", "a")
    with pytest.raises(BakeryError, match="B013"):
        check(made)
    monkeypatch.setenv("PANGEO_FORGE_SECRET_TWO", "b")
    check(made)


def test_a_package_for_a_location_that_is_not_installed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pangeo_forge.runs.equipment.find_spec", lambda name: None)
    [error] = equipped(RunSettings(bakery=bakery("b", runner="local", target="s3://b/x"))).problems()
    assert (error.code, error.hint) == ("B010", "pip install 'pangeo-forge[s3]', here and where the workers run")


def test_a_session_refuses_before_it_opens_anything(tmp_path: Path) -> None:
    recipe = load_recipe(str(write_recipe(tmp_path, id="made-here")))
    where = bakery("d", runner="dask", options={"scheduler": "tcp://127.0.0.1:1"}, shared_filesystem=True)
    with pytest.raises(BakeryError, match="B014"), opened_session(recipe, RunSettings(bakery=where)):
        pytest.fail("it was opened")


def test_scratch_space_is_of_the_run_and_removed_at_its_end(tmp_path: Path) -> None:
    oisst_like(tmp_path, 1)
    recipe = load_recipe(str(write_recipe(tmp_path, id="made-here")))
    where = bakery("b", runner="local", temp=str(tmp_path / "temp"))
    with opened_session(recipe, RunSettings(bakery=where)) as session:
        assert session.temp.url.startswith(f"{tmp_path}/temp/pangeo-forge-")
        session.temp.objects.put("a", b"1")
    assert list((tmp_path / "temp").rglob("a")) == []
