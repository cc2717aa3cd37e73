"""Bad input through the real command line: an error that names the file and the remedy, and nothing left behind.

Each test damages a copy of real NetCDF-4 files (see ``tests.cli.archive``).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.runs import build
from tests.cli.archive import Archive, make_archive
from tests.cli.invocation import Invocation

ODD = "195501-196912.nc"
"""End of the name of the second input, which the tests damage."""


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_archive(tmp_path)


def expect_error(got: Invocation, archive: Archive, code: str, *said: str, exit_code: int = 1) -> None:
    """One error with code and remedy, no traceback, and nothing at the store's place."""
    assert got.code == exit_code, got.err
    assert f"[{code}]" in got.err
    assert "Traceback" not in got.err
    assert not got.out
    for text in said:
        assert text in got.err
    assert archive.leftovers == []


# -- the recipe ------------------------------------------------------------------------------------------------------


def test_unknown_key(archive: Archive) -> None:
    archive.write_recipe(inptus={"glob": "x"})
    expect_error(archive.run(), archive, "R010", "recipe.yaml:", "did you mean 'inputs'")


def test_wrong_type(archive: Archive) -> None:
    archive.write_recipe(target={"chunks": {"time": "many"}})
    expect_error(archive.run(), archive, "R061", "recipe.yaml:", "target.chunks.time", "'many'", "-1 for the whole")


def test_all_that_is_wrong_is_said_at_once(archive: Archive) -> None:
    archive.write_recipe(target={"chunks": {"time": "many"}}, titel="x", combine={"gaps": "perhaps"})
    got = archive.run()
    assert got.code == 1
    assert got.err.count("recipe.yaml:") >= 3


def test_empty_pattern(archive: Archive) -> None:
    archive.write_recipe(inputs={"glob": "../in/*.nix", "concat": {"time": {}}})
    expect_error(archive.run(), archive, "I601", "*.nix", "no file fits")


# -- one file --------------------------------------------------------------------------------------------------------


def test_absent_file(archive: Archive) -> None:
    files = [f"../in/{p.name}" for p in archive.files] + ["../in/never.nc"]
    archive.write_recipe(inputs={"files": files, "concat": {"time": {}}})
    expect_error(archive.run(), archive, "I301", "never.nc", "on_missing")


def test_several_absent_files_are_named_at_once(archive: Archive) -> None:
    files = [f"../in/{p.name}" for p in archive.files] + ["../in/never.nc", "../in/nowhere.nc"]
    archive.write_recipe(inputs={"files": files, "concat": {"time": {}}})
    expect_error(archive.run(), archive, "I001", "2 of 5 inputs failed", "never.nc", "nowhere.nc")


def test_web_page_with_the_name_of_data(archive: Archive) -> None:
    archive.files[1].write_text("<!DOCTYPE html><html><head><title>Please log in</title></head></html>")
    expect_error(archive.run(), archive, "I103", ODD, "web page", "Please log in", "instead of data: get it again")


def test_truncated_file(archive: Archive) -> None:
    path = archive.files[1]
    path.write_bytes(path.read_bytes()[:20000])
    expect_error(archive.run(), archive, "I105", ODD, "20000 bytes of 40176", "copy it here again")


def test_truncated_netcdf3(tmp_path: Path) -> None:
    from tests.cli.archive import DATA

    archive = make_archive(tmp_path, 3, DATA / "cmip5_hadgem2es_tas_netcdf3")
    path = archive.files[1]
    path.write_bytes(path.read_bytes()[:15000])
    got = archive.run()
    assert got.code == 1
    assert path.name in got.err
    assert "Traceback" not in got.err
    assert "truncated" in got.err or "shorter" in got.err or "ends" in got.err
    assert archive.leftovers == []


def test_empty_file(archive: Archive) -> None:
    archive.files[1].write_bytes(b"")
    expect_error(archive.run(), archive, "I102", ODD, "empty", "copy it here again")


def test_corrupt_chunk_in_the_middle_of_an_input(archive: Archive) -> None:
    layout = {"zlib": True, "shuffle": True, "chunksizes": (60, 2, 2, 2), "_FillValue": None}
    path = archive.change(1, lambda ds: ds, ta=layout)
    with h5py.File(path) as file:
        info = file["ta"].id.get_chunk_info(1)
    data = bytearray(path.read_bytes())
    data[info.byte_offset + 5 : info.byte_offset + 200] = b"\xff" * 195
    path.write_bytes(data)
    expect_error(archive.run(), archive, "I203", ODD, "/ta", "corrupt", "copy it here again")


# -- files that disagree ---------------------------------------------------------------------------------------------


def _half(ds: xr.Dataset) -> xr.Dataset:
    return ds.isel(lat=slice(0, 1))


def _wider(ds: xr.Dataset) -> xr.Dataset:
    return ds.assign(ta=ds.ta.astype("f8").assign_attrs(ds.ta.attrs))


def _moved(ds: xr.Dataset) -> xr.Dataset:
    return ds.assign_coords(lat=ds.lat + 0.25)


def _other_calendar(ds: xr.Dataset) -> xr.Dataset:
    ds.time.attrs["calendar"] = "360_day"
    return ds


def _other_units(ds: xr.Dataset) -> xr.Dataset:
    ds.ta.attrs["units"] = "degC"
    return ds


def _without(ds: xr.Dataset) -> xr.Dataset:
    return ds.drop_vars("ta")


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (_half, "C006", ("shape", "lat: 1", "isel")),
        (_wider, "C005", ("dtype", "<f8", "cast")),
        (_moved, "C009", ("values", "lat", "tolerance")),
        (_other_calendar, "C022", ("360_day", "noleap", "attrs")),
        (_other_units, "C015", ("degC", '"K"', "scale")),
        (_without, "C010", ("absent", "intersection")),
    ],
)
def test_files_that_disagree(
    archive: Archive, change: Callable[[xr.Dataset], xr.Dataset], code: str, said: tuple[str, ...]
) -> None:
    archive.change(1, change)
    got = archive.run()
    expect_error(got, archive, code, *said)
    odd = [line for line in got.err.splitlines() if line.strip().startswith("!")]
    assert odd, "the odd one is marked"
    assert ODD in odd[0]


def test_time_units_that_mean_nothing(archive: Archive) -> None:
    def change(ds: xr.Dataset) -> xr.Dataset:
        ds.time.attrs["units"] = "furlongs since yesterday"
        return ds

    archive.change(1, change)
    expect_error(archive.run(), archive, "C012", ODD, "furlongs", "decode_times")


def test_overlapping_time_step(archive: Archive) -> None:
    def change(ds: xr.Dataset) -> xr.Dataset:
        times = ds.time.values.copy()
        times[0] -= 31
        return ds.assign_coords(time=("time", times, ds.time.attrs))

    archive.change(1, change)
    expect_error(archive.run(), archive, "C030", "194001-195412.nc", ODD, "1954-12-16", "duplicates")


def test_same_file_twice_under_two_names(archive: Archive) -> None:
    archive.files[2].write_bytes(archive.files[1].read_bytes())
    expect_error(archive.run(), archive, "C030", "179 more", "duplicates")


def test_time_step_twice_in_one_file(archive: Archive) -> None:
    def change(ds: xr.Dataset) -> xr.Dataset:
        times = ds.time.values.copy()
        times[5] = times[4]
        return ds.assign_coords(time=("time", times, ds.time.attrs))

    archive.change(1, change)
    expect_error(archive.run(), archive, "C030", ODD, "twice", "isel")


def test_other_time_units_are_no_error_and_dates_stay_right(archive: Archive) -> None:
    """The files of this archive all have time units of their own: 540 months must come out, in order."""
    assert archive.run("--no-verify").code == 0
    with xr.open_zarr(archive.store, chunks=None) as ds:
        dates = [(t.year, t.month) for t in ds.indexes["time"]]
    assert dates == [(year, month) for year in range(1940, 1985) for month in range(1, 13)]


# -- the target ------------------------------------------------------------------------------------------------------


def test_target_below_a_file(archive: Archive) -> None:
    (archive.folder / "file").write_text("x")
    target = archive.folder / "file" / "x.zarr"
    expect_error(archive.run(target=target), archive, "T012", str(target), "address")


def test_target_where_nobody_may_write(archive: Archive) -> None:
    """Root may write anywhere but below /proc, so this holds for all users."""
    got = archive.run(target="/proc/x.zarr")
    assert got.code == 1
    assert "/proc/" in got.err
    assert "[T01" in got.err
    assert "Traceback" not in got.err


def test_unwritable_target_is_found_before_inputs_are_read(archive: Archive) -> None:
    for path in archive.files:
        path.write_bytes(b"")  # reading them would be another error
    got = archive.run(target="/proc/x.zarr")
    assert "[T01" in got.err


def test_target_that_permission_denies(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pangeo_forge.targets.objects.os.makedirs", denied)
    expect_error(archive.run(), archive, "T011", "Permission denied", "choose another --target")


def test_target_that_someone_else_made(archive: Archive) -> None:
    archive.store.mkdir(parents=True)
    (archive.store / "precious.txt").write_text("mine")
    for more in ((), ("--overwrite",)):
        got = archive.run(*more)
        assert got.code == 1
        assert "[T002]" in got.err
        assert (archive.store / "precious.txt").read_text() == "mine"
        assert archive.leftovers == ["ta.zarr", "ta.zarr/precious.txt"]


def test_disk_that_fills_up(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def full(handle: int, data: memoryview) -> int:
        # The disk of the target, not that of the scratch folder.
        if len(data) > 1500 and os.readlink(f"/proc/self/fd/{handle}").startswith(str(archive.folder)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr("pangeo_forge.targets.objects.os.write", full)
    expect_error(archive.run(), archive, "T010", "disk is full", "make room")


def test_unknown_protocol_of_the_target(archive: Archive) -> None:
    expect_error(archive.run(target="nix://there/x.zarr"), archive, "T012", "nix://there/x.zarr", "protocol")


# -- memory, checks, change ------------------------------------------------------------------------------------------


def test_memory_refused(archive: Archive) -> None:
    expect_error(archive.run("--max-memory", "1kB"), archive, "P220", "16 kB", "allowed 1 kB", "--max-memory")


def test_memory_that_is_no_size(archive: Archive) -> None:
    for path in archive.files:
        path.write_bytes(b"")  # it is found before inputs are read
    expect_error(archive.run("--max-memory", "lots"), archive, "U001", "'lots'", "2GB", exit_code=2)


def test_failed_check(archive: Archive) -> None:
    archive.write_recipe(checks=[{"variable": "ta", "max": 200}])
    got = archive.run()
    expect_error(got, archive, "V001", "ta <= 200", "278.2", "not published")


def test_input_that_changes_between_scan_and_write(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the same layout, so nothing else would notice: half of its values belong to other dates."""
    real = build.write_tasks

    def changing(*given: object, **more: object) -> object:
        archive.files[1].write_bytes(archive.files[0].read_bytes())
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "write_tasks", changing)
    expect_error(archive.run("--no-verify"), archive, "I002", ODD, "changed", "run again")


def test_input_that_vanishes_between_scan_and_write(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    real = build.write_tasks

    def vanishing(*given: object, **more: object) -> object:
        archive.files[1].unlink()
        return real(*given, **more)  # type: ignore[arg-type]

    name = archive.files[1].name
    monkeypatch.setattr(build, "write_tasks", vanishing)
    got = archive.run()
    assert got.code == 1
    assert name in got.err
    assert "Traceback" not in got.err
    assert archive.leftovers == []


def test_wrong_values_are_found_by_the_sample(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of our own: the writer stores other values than the inputs hold."""
    from pangeo_forge.pipeline.write_task import TaskWriter
    from pangeo_forge.plan import Task
    from pangeo_forge.progress import Reporter

    real = TaskWriter._read_inputs

    def wrong(self: TaskWriter, task: Task, tell: Reporter) -> object:
        found = real(self, task, tell)
        for array, _, block in found[0]:
            if array.name == "ta":
                block[...] = np.roll(block, 1, axis=0)
        return found

    monkeypatch.setattr(TaskWriter, "_read_inputs", wrong)
    expect_error(archive.run(), archive, "V001", "sample of ta", "differ")
