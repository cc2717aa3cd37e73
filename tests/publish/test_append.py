"""Append: twice is once, new goes to the end, nothing else passes silently."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.ledger import Ledger
from pangeo_forge.runs.place import Place
from tests.publish.archive import Daily, expected, read, tree, write_file


@pytest.fixture
def archive(tmp_path: Path) -> Daily:
    made = Daily(tmp_path, str(tmp_path / "out" / "x.zarr"))
    made.write(range(5))
    return made


def ledger_of(archive: Daily) -> Ledger:
    found = list((Path(Place.of(archive.target, "daily").home) / "ledger").iterdir())
    assert len(found) == 1
    return Ledger.from_bytes(found[0].read_bytes())


def code_of(archive: Daily, **given: object) -> str:
    before = tree(archive.target)
    with pytest.raises(PangeoForgeError) as caught:
        archive.run(archive.recipe(**given))
    assert tree(archive.target) == before
    return caught.value.code


def test_twice_is_once(archive: Daily) -> None:
    assert archive.run().action == "build"
    before = tree(archive.target)
    stamps = {p: p.stat().st_mtime_ns for p in Path(archive.target).rglob("*")}
    assert archive.run().action == "nothing"
    assert tree(archive.target) == before
    assert {p: p.stat().st_mtime_ns for p in Path(archive.target).rglob("*")} == stamps


@pytest.mark.parametrize(
    ("zarr_format", "chunks"),
    [
        (3, {"time": 3, "lat": 4}),
        *(
            pytest.param(v, c, marks=pytest.mark.long)
            for v in (2, 3)
            for c in ({"time": 1}, {"time": 4}, {"time": 100})
        ),
    ],
    ids=str,
)
def test_appended_is_as_if_built_at_once(
    archive: Daily, tmp_path: Path, chunks: dict[str, int], zarr_format: int
) -> None:
    archive.chunks, archive.target_section = chunks, {"append": "time", "zarr_format": zarr_format}
    archive.run()
    for days in ([5], [6, 7, 8, 9]):
        archive.write(days)
        result = archive.run()
        assert result.action == "append"
        assert result.inputs == len(days)
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(10)))
    at_once = Daily(tmp_path, str(tmp_path / "other" / "y.zarr"), chunks=chunks, target_section=archive.target_section)
    at_once.run()
    assert tree(archive.target) == tree(at_once.target)


def test_only_new_inputs_are_opened(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    from pangeo_forge.dataset.archive import Archive

    archive.run()
    archive.write([5])
    opened: list[str] = []
    real = Archive._source

    def noting(self: Archive, item: object) -> object:
        opened.append(item.url)  # type: ignore[attr-defined]
        return real(self, item)  # type: ignore[arg-type]

    monkeypatch.setattr(Archive, "_source", noting)
    archive.run()
    assert {Path(u).name for u in opened} == {archive.path(5).name}


def test_readers_that_opened_before_keep_their_extent(archive: Daily) -> None:
    archive.run()
    before = xr.open_zarr(archive.target, decode_cf=False, chunks=None)
    archive.write(range(5, 9))
    archive.run()
    np.testing.assert_array_equal(before["sst"].values, expected(range(5)))
    np.testing.assert_array_equal(before["time"].values, np.arange(5.0))


def test_ledger_says_what_is_where(archive: Daily) -> None:
    first = archive.run()
    archive.write([5])
    second = archive.run()
    ledger = ledger_of(archive)
    assert [(r.start, r.stop) for r in ledger.rows] == [(i, i + 1) for i in range(6)]
    assert [r.run for r in ledger.rows] == [first.run_id] * 5 + [second.run_id]
    assert all(r.size == archive.path(0).stat().st_size and r.sha256 and len(r.sha256) == 64 for r in ledger.rows)
    assert ledger.state == second.state
    assert Ledger.from_bytes(ledger.to_bytes()).state == ledger.state


def test_touched_is_not_changed(archive: Daily) -> None:
    archive.run()
    os.utime(archive.path(2), (1, 1))
    assert archive.run().action == "nothing"


def test_changed_input(archive: Daily) -> None:
    archive.run()
    archive.write([2], edition=1)
    assert code_of(archive) == "T052"
    kept = archive.run(archive.recipe(target={"on_changed": "ignore"}))
    assert kept.action == "nothing"
    assert any("day00002.nc changed" in w for w in kept.warnings)
    rewritten = archive.run(archive.recipe(target={"on_changed": "rewrite"}))
    assert rewritten.action == "build"
    assert any("day00002.nc changed" in w for w in rewritten.warnings)
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(5), {2: 1}))


def test_vanished_input(archive: Daily) -> None:
    archive.run()
    archive.path(1).unlink()
    assert code_of(archive) == "T053"
    assert archive.run(archive.recipe(target={"on_changed": "ignore"})).action == "nothing"
    archive.run(archive.recipe(target={"on_changed": "rewrite"}))
    np.testing.assert_array_equal(read(archive.target)["sst"], expected([0, 2, 3, 4]))


def test_late_input(archive: Daily) -> None:
    archive.path(2).unlink()
    archive.run()
    archive.write([2])
    assert code_of(archive) == "T054"
    assert code_of(archive, target={"on_changed": "ignore"}) == "T054"
    archive.run(archive.recipe(target={"on_changed": "rewrite"}))
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(5)))


def test_changed_recipe_demands_a_rebuild(archive: Daily) -> None:
    archive.run()
    archive.write([5])
    assert code_of(archive, transforms=[{"drop": ["lat"]}]) == "T051"
    # What is no matter of old data is no reason.
    assert archive.run(archive.recipe(title="Other words", checks=[])).action == "append"
    assert archive.run(archive.recipe(transforms=[{"drop": ["lat"]}]), rebuild=True).action == "build"
    assert "lat" not in read(archive.target)


def test_changed_hook_demands_a_rebuild(archive: Daily) -> None:
    """The file of a ``python:`` transform is as much of the recipe as its YAML."""
    given = {"transforms": [{"python": "hooks.py:f"}]}
    archive.recipe()
    hooks = archive.folder / "daily" / "hooks.py"
    hooks.write_text("def f(ds):\n    return ds + 0\n")
    assert archive.run(archive.recipe(**given), allow_python=True).action == "build"
    archive.write([5])
    assert archive.run(archive.recipe(**given), allow_python=True).action == "append"
    loaded = archive.recipe(**given)
    before = tree(archive.target)
    # Also when it is changed after the recipe was loaded: what is run is what is compared.
    hooks.write_text("def f(ds):\n    return ds + 1\n")
    with pytest.raises(PangeoForgeError) as caught:
        archive.run(loaded, allow_python=True)
    assert caught.value.code == "T051"
    assert tree(archive.target) == before
    assert archive.run(loaded, allow_python=True, rebuild=True).action == "build"
    with xr.open_zarr(archive.target, chunks=None) as ds:
        np.testing.assert_allclose(ds["sst"].values[:, 0, 0], np.arange(6) * 0.5 + 1)


def test_store_without_ledger(archive: Daily) -> None:
    import shutil

    archive.run()
    shutil.rmtree(Place.of(archive.target, "daily").home)
    archive.write([5])
    assert code_of(archive) == "T050"


def test_repeated_time_is_refused(archive: Daily) -> None:
    archive.run()
    write_file(archive.path(5), 4)
    assert code_of(archive) == "T057"


def test_gap_is_refused_where_gaps_are(archive: Daily) -> None:
    rules = {"combine": {"gaps": "fail", "regular": "1D"}}
    archive.run(archive.recipe(**rules))
    archive.write([7])
    assert code_of(archive, **rules) == "T057"


def test_other_units_are_written_in_the_store_s(archive: Daily) -> None:
    archive.run()
    write_file(archive.path(5), 5 * 24, units="hours since 2000-01-01")
    with xr.open_dataset(archive.path(5), engine="scipy") as there:
        wanted = there["time"].values
    archive.run()
    with xr.open_zarr(archive.target, chunks=None) as ds:
        assert ds["time"].values[5] == wanted[0]
        assert ds["time"].encoding["units"] == "days since 2000-01-01"


def test_times_that_the_store_cannot_hold_are_refused(archive: Daily) -> None:
    for day in range(5):
        write_file(archive.path(day), day, dtype="i4")
    archive.run()
    write_file(archive.path(5), 5 * 24 + 12, units="hours since 2000-01-01", dtype="i4")
    assert code_of(archive).startswith("C02")
    write_file(archive.path(5), 5 * 24, units="hours since 2000-01-01", dtype="i4")
    assert archive.run().action == "append"
    assert read(archive.target)["time"].tolist() == list(range(6))


def test_other_grid_is_refused(archive: Daily, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.run()
    monkeypatch.setattr("tests.publish.archive.LON", 9)
    write_file(archive.path(5), 5)
    assert code_of(archive) == "T056"


def test_other_coordinates_are_refused(archive: Daily) -> None:
    from scipy.io import netcdf_file

    archive.run()
    archive.write([5])
    with netcdf_file(str(archive.path(5)), "a") as f:
        f.variables["lat"][:] = np.arange(6, dtype="f4") + 1
    assert code_of(archive) == "T056"


def test_failed_check_of_new_data_leaves_the_store(archive: Daily) -> None:
    archive.run()
    archive.write([5])
    checks = [{"variable": "sst", "max": 0.1}]
    assert code_of(archive, checks=checks) == "V001"


def templated(archive: Daily, on_missing: str) -> Recipe:
    """The recipe with a template and keys 0 ... 9 in place of a glob."""
    archive.recipe()
    path = archive.folder / "daily" / "recipe.yaml"
    document = yaml.safe_load(path.read_text())
    document["inputs"] = {
        "url": f"{archive.folder}/in/day{{time:05d}}.nc",
        "concat": {"time": {"start": 0, "end": 9, "step": 1}},
        "on_missing": on_missing,
    }
    if on_missing == "fill":
        # The coordinate of what is absent is made from the keys: these must be dates, too.
        days = {"start": "2000-01-01", "end": "2000-01-09", "step": "1D"}
        url = f"{archive.folder}/in/day000{{time:%d}}.nc"
        document["inputs"].update(items_per_file=1, url=url, concat={"time": days})
    path.write_text(yaml.safe_dump(document))
    return load_recipe(str(path))


def test_absent_tail_is_tried_again(archive: Daily) -> None:
    loaded = templated(archive, "skip")
    archive.run(loaded)
    assert archive.run(loaded).action == "nothing"
    archive.write([5])
    assert archive.run(loaded).action == "append"
    archive.write([7])
    assert archive.run(loaded).action == "append"
    assert archive.run(loaded).action == "nothing"
    archive.write([6])
    with pytest.raises(PangeoForgeError) as caught:
        archive.run(loaded)
    assert caught.value.code == "T054"
    np.testing.assert_array_equal(read(archive.target)["sst"], expected([*range(6), 7]))


def test_filled_places_are_not_appended_again(archive: Daily) -> None:
    loaded = templated(archive, "fill")
    archive.path(2).unlink()
    archive.run(loaded)
    assert read(archive.target)["sst"].shape[0] == 9
    assert (read(archive.target)["sst"][[1, *range(4, 9)]] == -999).all()
    assert archive.run(loaded).action == "nothing"
    archive.write([2])
    with pytest.raises(PangeoForgeError) as caught:
        archive.run(loaded)
    assert caught.value.code == "T054"


def test_append_of_several_keys(archive: Daily) -> None:
    """Two variables in files of their own, two halves of the grid in files of their own: time is the second key."""

    def write(day: int) -> None:
        for variable in "ab":
            for half in (0, 1):
                lat = np.arange(3.0) + 3 * half
                values = (np.arange(12.0).reshape(1, 3, 4) + 100 * day + 1000 * half + (variable == "b")).astype("f4")
                ds = xr.Dataset(
                    {variable: (("time", "lat", "lon"), values)},
                    coords={"time": ("time", [float(day)], {"units": "days since 2000-01-01"}), "lat": lat},
                )
                ds.to_netcdf(archive.folder / "in" / f"{variable}-{half}-{day}.nc", engine="scipy")

    def run(days: int, target: str) -> str:
        archive.recipe()
        path = archive.folder / "daily" / "recipe.yaml"
        document = yaml.safe_load(path.read_text())
        document["checks"] = []
        document["target"]["chunks"] = {"time": 2, "lat": 4}
        document["inputs"] = {
            "url": f"{archive.folder}/in/{{variable}}-{{half}}-{{time}}.nc",
            "concat": {"half": {"dim": "lat", "values": [0, 1]}, "time": list(range(days))},
            "merge": {"variable": ["a", "b"]},
        }
        path.write_text(yaml.safe_dump(document))
        archive.target = target
        return archive.run(load_recipe(str(path))).action

    for day in range(5):
        write(day)
    out = archive.folder / "out"
    assert run(3, str(out / "x.zarr")) == "build"
    assert run(5, str(out / "x.zarr")) == "append"
    assert run(5, str(out / "x.zarr")) == "nothing"
    assert run(5, str(out / "y.zarr")) == "build"
    assert tree(out / "x.zarr") == tree(out / "y.zarr")


def test_pruned_run_does_not_append(archive: Daily) -> None:
    archive.run()
    with pytest.raises(PangeoForgeError) as caught:
        archive.run(prune=1)
    assert caught.value.code == "U031"


def test_run_records(archive: Daily) -> None:
    first = archive.run()
    archive.write([2], edition=1)
    with pytest.raises(PangeoForgeError):
        archive.run()
    folder = Path(Place.of(archive.target, "daily").home) / "runs"
    good, bad = (json.loads(p.read_text()) for p in sorted(folder.iterdir()))
    assert (good["outcome"], good["run_id"], good["inputs"]) == ("done", first.run_id, 5)
    assert good["who"]["host"]
    assert good["versions"]["zarr"]
    assert good["checks"]
    assert (bad["outcome"], bad["error"]["code"]) == ("failed", "T052")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_cost_of_one_more_day_does_not_grow(tmp_path: Path) -> None:
    """The measure: at most 1.3 times the CPU time on a store of 5,000 days as on one of 50."""
    import resource
    import subprocess
    import sys

    def cost(days: int) -> float:
        """CPU seconds of the whole process, median of five."""
        archive = Daily(tmp_path / str(days), str(tmp_path / f"{days}.zarr"), chunks={"time": 20})
        archive.write(range(days))
        archive.run()
        recipe = archive.folder / "daily" / "recipe.yaml"
        command = [sys.executable, "-m", "pangeo_forge", "run", str(recipe), "--target", archive.target, "--json"]
        taken = []
        for day in range(days, days + 5):
            archive.write([day])
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(days + 5)))
        return sorted(taken)[2]

    small, large = cost(50), cost(5000)
    print(f"one more day: {small:.2f} CPU s on 50 days, {large:.2f} on 5,000 days, {large / small:.2f} times")
    assert large <= 1.3 * small
