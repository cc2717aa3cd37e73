"""Append to references: only new inputs are opened; JSON, Parquet and virtual Icechunk, on the ledger of Zarr stores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.dataset.archive import Archive
from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.runs.place import Place
from pangeo_forge.targets.opening import open_dataset
from tests.publish.archive import Daily, expected, read, write_file

pytestmark = pytest.mark.slow

FORMS = ["parquet", "json", "icechunk"]


def made(folder: Path, form: str, root: bool = False) -> Daily:
    section = {"format": "reference", "reference": {"format": form}, "append": "time", "chunks": "auto"}
    return Daily(folder, str(folder / "out" / ("arco" if root else f"x.{form}")), target_section=section)


@pytest.fixture(params=FORMS)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Daily:
    archive = made(tmp_path, request.param)
    archive.write(range(5))
    return archive


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the inputs that are opened."""
    names: list[str] = []
    real = Archive._source

    def noting(self: Archive, item: Any) -> Any:
        names.append(Path(item.url).name)
        return real(self, item)

    monkeypatch.setattr(Archive, "_source", noting)
    return names


def test_appended_is_as_if_built_at_once(archive: Daily, tmp_path: Path, opened: list[str]) -> None:
    assert archive.run().action == "build"
    assert archive.run().action == "nothing"
    for days in ([5], [6, 7, 8, 9]):
        archive.write(days)
        opened.clear()
        result = archive.run()
        assert (result.action, result.inputs) == ("append", len(days))
        assert set(opened) == {archive.path(d).name for d in days}
        assert archive.run().action == "nothing"
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(10)))
    at_once = Daily(tmp_path, str(Path(archive.target).parent / "y") + Path(archive.target).suffix)
    at_once.target_section, at_once.chunks = archive.target_section, archive.chunks
    at_once.run()
    found, wanted = (open_dataset(a.target, chunks=None).load() for a in (archive, at_once))
    xr.testing.assert_identical(found, wanted)
    if archive.target.endswith(".json"):
        assert Path(archive.target).read_bytes() == Path(at_once.target).read_bytes()


@pytest.mark.parametrize("form", ["parquet", *(pytest.param(f, marks=pytest.mark.long) for f in FORMS[1:])])
def test_below_a_root_the_version_grows(tmp_path: Path, form: str) -> None:
    archive = made(tmp_path, form, root=True)
    archive.write(range(3))
    first = archive.run()
    archive.write([3])
    second = archive.run()
    assert (second.action, second.store) == ("append", first.store)
    np.testing.assert_array_equal(read(second.store)["sst"], expected(range(4)))


def test_changed_inputs_cannot_be_ignored(archive: Daily) -> None:
    archive.run()
    archive.write([2], edition=1)
    for policy in ("fail", "ignore"):
        with pytest.raises(PangeoForgeError) as caught:
            archive.run(archive.recipe(target={"on_changed": policy}))
        assert caught.value.code == "T052"
    assert archive.run(archive.recipe(target={"on_changed": "rewrite"})).action == "build"
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(5), {2: 1}))


@pytest.mark.long
def test_touched_inputs_concern_only_who_compares_dates(archive: Daily) -> None:
    archive.run()
    os.utime(archive.path(2), (2e9, 2e9))
    if archive.target.endswith(".icechunk"):
        with pytest.raises(PangeoForgeError, match="T052"):
            archive.run()
    else:
        assert archive.run().action == "nothing"


@pytest.mark.long
def test_what_does_not_continue_is_refused(archive: Daily) -> None:
    archive.run()
    before = read(archive.target)["sst"]
    write_file(archive.path(5), 3)
    with pytest.raises(PangeoForgeError, match="T057"):
        archive.run()
    archive.write([5])
    with pytest.raises(PangeoForgeError, match="V001"):
        archive.run(archive.recipe(checks=[{"variable": "sst", "max": 0.1}]))
    np.testing.assert_array_equal(read(archive.target)["sst"], before)
    assert archive.run().action == "append"


@pytest.mark.long
def test_other_packing_cannot_be_referenced(archive: Daily) -> None:
    from scipy.io import netcdf_file

    archive.run()
    archive.write([5])
    with netcdf_file(str(archive.path(5)), "a") as f:
        f.variables["sst"].scale_factor = 0.02
    with pytest.raises(PangeoForgeError, match="T070"):
        archive.run()
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(5)))


def test_many_chunks_are_kept_in_several_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pangeo_forge.targets.reference_parquet.RECORD_SIZE", 3)
    archive = made(tmp_path, "parquet")
    archive.write(range(4))
    archive.run()
    for day in (4, 5, 6):
        archive.write([day])
        archive.run()
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(7)))
    assert len(list((Path(archive.target) / "sst").iterdir())) == 3


def test_on_an_object_store_the_metadata_come_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader sees the old extent until then, also while tables are longer already."""
    from pangeo_forge.targets import reference_extension

    archive = made(tmp_path, "parquet")
    archive.target = f"memory://refs{tmp_path.name}/x.parquet"
    archive.write(range(3))
    archive.run()
    archive.write([3])

    def dying(*_: object) -> None:
        raise KeyboardInterrupt

    real = reference_extension.put_if
    monkeypatch.setattr(reference_extension, "put_if", dying)
    with pytest.raises(KeyboardInterrupt):
        archive.run()
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(3)))
    np.testing.assert_array_equal(read(archive.target)["time"], np.arange(3.0))
    monkeypatch.setattr(reference_extension, "put_if", real)
    assert archive.run().action == "append"
    np.testing.assert_array_equal(read(archive.target)["sst"], expected(range(4)))


def test_one_of_two_runs_at_once_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pangeo_forge.runs import append_references

    archive = made(tmp_path, "json")
    archive.write(range(3))
    archive.run()
    archive.write([3])
    real = append_references.make_references

    def robbed(*given: Any, **more: Any) -> Any:
        document = Path(archive.target)
        document.write_text(document.read_text() + " ")
        return real(*given, **more)

    monkeypatch.setattr(append_references, "make_references", robbed)
    with pytest.raises(PangeoForgeError, match="T034"):
        archive.run()
    assert Place.of(archive.target, "daily").current() is not None
