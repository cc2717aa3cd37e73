from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import RecipeErrors, TargetError
from pangeo_forge.recipe.target import Target
from pangeo_forge.runs.referencing import refuse_settings
from pangeo_forge.targets.opening import open_dataset
from pangeo_forge.targets.references import modified_at, public_url
from pangeo_forge.targets.virtual_icechunk import prefixes_of
from tests.targets.referring import (
    assert_same,
    expected,
    group_file,
    netcdf3_series,
    oisst_like,
    ranged_server,
    refer,
    write_recipe,
)

FORMS = ["json", "parquet", "icechunk"]


def target(form: str, **more: Any) -> dict[str, Any]:
    return {"format": "reference", "reference": {"format": form}, **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "series"
    made.mkdir()
    return made


def opened(place: Path) -> xr.Dataset:
    return open_dataset(str(place), chunks=None).load()


@pytest.mark.parametrize("form", FORMS)
def test_packed_daily_files(folder: Path, form: str) -> None:
    paths = oisst_like(folder)
    place = refer(write_recipe(folder, target=target(form)))
    found = opened(place)
    assert_same(found, expected(paths))
    assert found["sst"].encoding["dtype"] == np.int16
    assert found["sst"].isnull().sum() == 3 * len(paths)


@pytest.mark.parametrize("form", FORMS)
def test_netcdf3_records_of_uneven_lengths(folder: Path, form: str) -> None:
    paths = netcdf3_series(folder)
    assert_same(opened(refer(write_recipe(folder, target=target(form)))), expected(paths, "scipy"))


@pytest.mark.parametrize("form", FORMS)
def test_a_group_with_chunks_that_reach_over_the_edge(folder: Path, form: str) -> None:
    paths = [group_file(folder, f"{day}.nc", day) for day in range(3)]
    place = refer(write_recipe(folder, open={"group": "/Grid"}, target=target(form)))
    assert_same(opened(place), expected(paths, group="Grid"))


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_readable_by_the_kerchunk_engine(folder: Path, form: str) -> None:
    paths = oisst_like(folder)
    place = refer(write_recipe(folder, target=target(form)))
    assert_same(xr.open_dataset(str(place), engine="kerchunk").load(), expected(paths))


def test_byte_ranges_are_those_that_kerchunk_finds(folder: Path) -> None:
    from kerchunk.hdf import SingleHdf5ToZarr

    paths = oisst_like(folder, fletcher32=False)  # which kerchunk 0.2.10 refuses
    refs = json.loads(refer(write_recipe(folder, target=target("json"))).read_text())["refs"]
    for number, path in enumerate(paths):
        theirs = SingleHdf5ToZarr(str(path), inline_threshold=0).translate()["refs"]
        for name in ("sst", "ice"):
            url, offset, length = refs[f"{name}/{number}.0.0.0"]
            assert url == path.as_uri()
            assert [offset, length] == theirs[f"{name}/0.0.0.0"][1:]
    ours, theirs = (json.loads(r["sst/.zarray"]) for r in (refs, theirs))
    assert [c["id"] for c in ours["filters"]] == [c["id"] for c in theirs["filters"]]


def test_no_array_data_is_copied(folder: Path) -> None:
    oisst_like(folder)
    refs = json.loads(refer(write_recipe(folder, target=target("json"))).read_text())["refs"]
    inline = {k.split("/")[0] for k, v in refs.items() if isinstance(v, str) and v.startswith("base64:")}
    assert inline == {"time", "lat", "lon", "zlev"}


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_remote_inputs_are_named_by_their_own_urls(folder: Path, tmp_path: Path, form: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    paths = oisst_like(data)
    with ranged_server(data) as (url, seen):
        inputs = {"url": url + "/{n}.nc", "concat": {"n": {"dim": "time", "values": ["02", "03", "04", "05"]}}}
        recipe = write_recipe(folder, inputs=inputs, target=target(form))
        place = refer(recipe, cache=tmp_path / "cache")
        text = place.read_text() if form == "json" else ""
        assert form != "json" or (url in text and str(tmp_path) not in text)
        seen.clear()
        assert_same(opened(place), expected(paths))
    assert any("03.nc bytes=" in request for request in seen), seen


def test_icechunk_would_lose_the_port_of_a_web_server() -> None:
    with pytest.raises(TargetError, match="T061"):
        prefixes_of(["http://127.0.0.1:8080/a.nc"])
    assert prefixes_of(["https://host/a/b.nc", "s3://bucket/c.nc", "s3://bucket/d/e.nc"]) == [
        "https://host/",
        "s3://bucket/",
    ]
    assert prefixes_of(["file:///data/x/1.nc", "file:///data/y/2.nc"]) == ["file:///data/"]


def test_flat_values_are_cut_where_all_inputs_end(folder: Path) -> None:
    netcdf3_series(folder, (4, 6))
    for path in folder.glob("*.nc"):
        with xr.open_dataset(path, engine="scipy") as ds:
            ds[["tas"]].load().to_netcdf(path.with_suffix(".n"), engine="scipy", unlimited_dims=())
        path.with_suffix(".n").replace(path)
    paths = sorted(folder.glob("*.nc"))
    place = refer(write_recipe(folder, target=target("json")))
    assert json.loads(json.loads(place.read_text())["refs"]["tas/.zarray"])["chunks"] == [2, 5, 3]
    assert_same(opened(place), expected(paths, "scipy"))


@pytest.mark.parametrize("form", FORMS)
def test_views_that_keep_chunks_whole(folder: Path, form: str) -> None:
    paths = [group_file(folder, f"{day}.nc", day) for day in range(3)]
    steps = [{"rename": {"rain": "precipitation"}}, {"isel": {"lon": {"start": 4}}}, {"attrs": {"set": {"a": 1}}}]
    place = refer(write_recipe(folder, open={"group": "/Grid"}, transforms=steps, target=target(form)))
    wanted = expected(paths, group="Grid").rename(rain="precipitation").isel(lon=slice(4, None))
    assert_same(opened(place), wanted)


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_input_is_missing_values(folder: Path, form: str) -> None:
    paths = oisst_like(folder)
    wanted = expected(paths)
    paths[2].unlink()
    inputs = {
        "url": str(folder / "{time:%d}.nc"),
        "concat": {"time": {"start": "1978-01-02", "end": "1978-01-05", "step": "1D"}},
        "items_per_file": 1,
        "on_missing": "fill",
    }
    found = opened(refer(write_recipe(folder, inputs=inputs, target=target(form))))
    assert found["sst"].isel(time=2).isnull().all()
    kept = [0, 1, 3]
    np.testing.assert_array_equal(found["sst"].values[kept], wanted["sst"].values[kept])


def test_icechunk_does_not_read_from_an_input_that_was_changed(folder: Path) -> None:
    import os

    import icechunk

    paths = oisst_like(folder)
    place = refer(write_recipe(folder, target=target("icechunk")))
    stat = paths[1].stat()
    assert opened(place).sizes["time"] == 4
    paths[1].write_bytes(paths[1].read_bytes()[::-1])
    os.utime(paths[1], (stat.st_atime, stat.st_mtime + 60))
    with pytest.raises(icechunk.IcechunkError, match="checksum of the object"):
        opened(place)


def test_moments_of_change_are_understood() -> None:
    web, disk = modified_at("Wed, 21 Oct 2015 07:28:00 GMT"), modified_at("2015-10-21T07:28:00+00:00")
    assert web is not None
    assert web == disk
    assert modified_at("yesterday, perhaps") is None
    assert modified_at(None) is None


# -- refusals ----------------------------------------------------------------------------------------------------------


def refused(recipe: Path, code: str, match: str = "") -> TargetError:
    with pytest.raises(TargetError, match=match) as caught:
        refer(recipe)
    assert caught.value.code == code, caught.value
    assert caught.value.hint
    assert not (recipe.parent / "out").exists() or not list((recipe.parent / "out").glob("*.json"))
    return caught.value


def test_refuses_inputs_that_are_packed_in_different_ways(folder: Path) -> None:
    import h5py

    paths = oisst_like(folder, 3)
    with h5py.File(paths[1], "a") as f:
        f["sst"].attrs["scale_factor"] = 0.02
    error = refused(write_recipe(folder, target=target("json")), "T070", "sst")
    assert "format: zarr" in str(error)


def test_transforms_of_values_are_refused_before_anything_is_read(folder: Path) -> None:
    recipe = write_recipe(folder, transforms=[{"mask": {"sst": {"above": 5}}}], target=target("json"))
    with pytest.raises(RecipeErrors, match="format: zarr"):
        refer(recipe)


@pytest.mark.parametrize(
    "step", [{"transpose": ["time", "lat", "lon"]}, {"isel": {"lon": 1}}, {"isel": {"lon": {"start": 0, "step": 2}}}]
)
def test_refuses_views_that_cut_chunks(folder: Path, step: Any) -> None:
    group_file(folder)
    refused(write_recipe(folder, open={"group": "/Grid"}, transforms=[step], target=target("json")), "T070", "rain")


def test_refuses_a_slice_that_begins_inside_a_chunk(folder: Path) -> None:
    group_file(folder)
    step = {"isel": {"lon": {"start": 1}}}
    refused(write_recipe(folder, open={"group": "/Grid"}, transforms=[step], target=target("json")), "T072", "rain")


def test_refuses_inputs_that_are_chunked_in_different_ways(folder: Path) -> None:
    oisst_like(folder, 3)
    with xr.open_dataset(folder / "03.nc", engine="h5netcdf", decode_cf=False) as ds:
        ds.load()
    ds.to_netcdf(
        folder / "03.nc", engine="h5netcdf", encoding={n: {"chunksizes": (1, 1, 6, LON_HALF)} for n in ("sst", "ice")}
    )
    error = refused(write_recipe(folder, target=target("json")), "T072", "another way")
    assert "03.nc" in str(error)


LON_HALF = 10


def test_refuses_lengths_that_are_no_whole_chunks(folder: Path) -> None:
    for number, length in enumerate((3, 2, 4)):
        times = np.arange(length) + 10 * number
        ds = xr.Dataset({"a": (("time", "x"), np.ones((length, 4), "f4"))}, {"time": times})
        ds["time"].attrs["units"] = "days since 2000-01-01"
        ds.to_netcdf(folder / f"{number}.nc", engine="h5netcdf", encoding={"a": {"chunksizes": (2, 4), "zlib": True}})
    refused(write_recipe(folder, target=target("json")), "T072", "chunks of 2")


def test_refuses_filters_that_no_codec_undoes(folder: Path) -> None:
    oisst_like(folder, 2, fletcher32=False, compression="lzf")
    refused(write_recipe(folder, target=target("json")), "T073", "filter 32000")


def test_refuses_compressed_inputs(folder: Path) -> None:
    for path in oisst_like(folder, 2):
        path.with_suffix(".nc.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    inputs = {"glob": "*.nc.gz", "concat": {"time": {}}}
    refused(write_recipe(folder, inputs=inputs, target=target("json")), "T071", "compressed")


def test_refuses_unwritten_chunks_that_mean_something_else(folder: Path) -> None:
    import h5py

    path = group_file(folder)
    with h5py.File(path, "a") as f:
        grid = f["Grid"]
        odd = grid.create_dataset("odd", (1, 10, 7), "f4", chunks=(1, 4, 5), fillvalue=7.0)
        odd[0, :4, :5] = 1
        for axis, dim in enumerate(("time", "lon", "lat")):
            odd.dims[axis].attach_scale(grid[dim])
    refused(write_recipe(folder, open={"group": "/Grid"}, target=target("json")), "T074", "odd")


def test_urls_are_absolute_and_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert public_url("a b.nc", "k") == (tmp_path / "a b.nc").as_uri()
    assert public_url("https://host/a.nc?x=1", "k") == "https://host/a.nc?x=1"
    for url in ("https://me:hush@host/a.nc", "https://host/a.nc?X-Amz-Signature=hush", "https://host/a.nc?mine=hush"):
        with pytest.raises(TargetError, match="T075") as caught:
            public_url(url, "k", frozenset({"mine"}))
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "setting", [{"chunks": {"time": 2}}, {"compressor": {"name": "zstd"}}, {"shards": {"time": 2}}]
)
def test_refuses_settings_that_references_cannot_have(setting: Any) -> None:
    with pytest.raises(TargetError, match=f"T076|{next(iter(setting))}"):
        refuse_settings(Target(**{"format": "zarr", **setting}))


# -- the place ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_what_is_there_is_replaced_only_when_asked(folder: Path, form: str) -> None:
    oisst_like(folder, 2)
    recipe = write_recipe(folder, target=target(form))
    place = refer(recipe)
    with pytest.raises(TargetError, match="T001"):
        refer(recipe)
    assert opened(place).sizes["time"] == 2


def test_what_killed_runs_have_left_is_removed(folder: Path) -> None:
    oisst_like(folder, 2)
    left = folder / "out" / ".made.parquet.partial-r0"
    left.mkdir(parents=True)
    refer(write_recipe(folder, target=target("parquet")))
    assert [p.name for p in left.parent.iterdir()] == ["made.parquet"]


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_what_others_made_is_not_replaced(folder: Path, form: str) -> None:
    oisst_like(folder, 2)
    place = folder / "out" / f"made.{form}"
    place.parent.mkdir()
    if form == "json":
        place.write_text('{"mine": 1}')
    else:
        place.mkdir()
        (place / "thesis.txt").write_text("mine")
    with pytest.raises(TargetError, match="T002"):
        refer(write_recipe(folder, target=target(form)))


@pytest.mark.parametrize("form", FORMS)
def test_nothing_appears_when_inspection_refuses(folder: Path, form: str) -> None:
    oisst_like(folder, 2)
    seen = []

    def inspect(store: Any) -> None:
        seen.append(xr.open_zarr(store, consolidated=False, chunks=None).sizes["time"])
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        refer(write_recipe(folder, target=target(form)), inspect=inspect)
    assert seen == [2]
    place = folder / "out" / f"made.{form}"
    if form == "icechunk":
        from pangeo_forge.targets.icechunk_storage import open_repository

        repository = open_repository(str(place))
        assert repository is not None
        assert len(list(repository.ancestry(branch="main"))) == 1
    else:
        assert not place.exists()
