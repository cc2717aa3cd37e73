from __future__ import annotations

import os
import pickle
import uuid
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.dataset.model import Template
from pangeo_forge.errors import TargetError
from pangeo_forge.plan import Layout, Plan, Resources, Stage, make_plan
from pangeo_forge.plan.blocks import Workload
from pangeo_forge.plan.rechunk import two_passes
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.protocol import Target
from pangeo_forge.targets.zarr import ZarrTarget, is_ours
from tests.plan.templates import array
from tests.targets.arrays import values_of

DAYS = 10


def template() -> Template:
    """Packed, float, string, boolean, byte-string and scalar variables; coordinates of every kind."""
    grid = {"time": DAYS, "lat": 6, "lon": 5}
    lat2 = np.random.default_rng(1).random((6, 5))
    arrays = (
        array("sst", grid, fill_value=-999, attrs={"scale_factor": 0.01, "add_offset": 1.5, "units": "degC"}),
        array("plain", grid, "<f4", attrs={"long_name": "no fill value"}),
        array("nan", grid, "<f8", fill_value=float("nan")),
        array("count", grid, "<u4"),
        array("name", {"lon": 5}, "str"),
        array("flag", {"lon": 5}, "|b1"),
        array("code", {"lon": 5}, "|S3"),
        array("crs", {}, "<i4", attrs={"grid_mapping_name": "latitude_longitude"}),
        array("bounds", {"time": DAYS, "nv": 2}, "<f8", is_coord=True),
        array(
            "time",
            {"time": DAYS},
            "<i8",
            is_coord=True,
            values=np.arange(DAYS),
            attrs={"units": "days since 2000-01-01"},
        ),
        array("lat", {"lat": 6}, "<f4", is_coord=True, values=np.linspace(-1, 1, 6, dtype="f4")),
        array("lat2", {"lat": 6, "lon": 5}, "<f8", is_coord=True, values=lat2, fill_value=float("nan")),
        array("height", {}, "<f8", is_coord=True, values=np.array(2.0)),
    )
    return Template(
        sizes={**grid, "nv": 2},
        concat_dims=("time",),
        lengths={"time": np.ones(DAYS, np.int64)},
        starts={"time": np.arange(DAYS)},
        arrays=arrays,
        attrs={"title": "all kinds"},
        positions=tuple((i,) for i in range(DAYS)),
    )


def make(**layout: Any) -> Plan:
    return make_plan(template(), Layout(**{"chunks": {"time": 4, "lat": 4}, **layout}), recipe={"id": "kinds"})


def write(target: ZarrTarget, plan: Plan, values: dict[str, np.ndarray]) -> None:
    for task in plan.tasks():
        for item, region in plan.regions(task):
            target.write_block(item, region, values[item.name][region])


def values_for(plan: Plan, seed: int = 0) -> dict[str, np.ndarray]:
    return {a.name: values_of(a, seed) for a in plan.arrays if a.values is None}


def oracle(plan: Plan, values: dict[str, np.ndarray]) -> xr.Dataset:
    """The dataset that xarray itself makes of the same stored values."""
    data = {}
    for a in plan.arrays:
        stored = values[a.name] if a.values is None else np.asarray(a.values)
        attrs = dict(a.attrs) | ({} if a.fill_value is None else {"_FillValue": a.fill_value})
        data[a.name] = xr.Variable(a.dims, stored, attrs)
    ds = xr.Dataset(data, attrs=plan.attrs).set_coords([a.name for a in plan.arrays if a.is_coord])
    return xr.decode_cf(ds)


def place(kind: str, tmp_path: Path) -> str:
    return str(tmp_path / "out.zarr") if kind == "local" else f"memory://{uuid.uuid4().hex}/out.zarr"


def opened(url: str) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=FutureWarning)
        return xr.open_zarr(url, consolidated=True, chunks=None)


@pytest.mark.parametrize("where", ["local", "memory"])
@pytest.mark.parametrize(
    "layout", [{}, {"zarr_format": 2}, {"shards": {"time": 8, "lat": -1}}, {"compressor": {"name": "none"}}]
)
def test_xarray_gives_the_dataset_back(where: str, layout: dict[str, Any], tmp_path: Path) -> None:
    plan = make(**layout)
    url = place(where, tmp_path)
    target = ZarrTarget(url, "r1", plan.zarr_format)
    assert isinstance(target, Target)
    values = values_for(plan)
    target.create(plan)
    write(pickle.loads(pickle.dumps(target)), Plan.from_json(plan.to_json()), values)
    target.commit(plan)
    found, expected = opened(url), oracle(plan, values)
    assert set(found.coords) == set(expected.coords)
    assert set(found.data_vars) == set(expected.data_vars)
    for name in expected.variables:
        if name == "code":
            assert found[name].values.tolist() == values["code"].tolist()
            continue
        xr.testing.assert_equal(found[name].variable, expected[name].variable)
        assert found[name].attrs == expected[name].attrs, name
        for key in ("scale_factor", "add_offset", "_FillValue", "units"):
            wanted = expected[name].encoding.get(key)
            got = found[name].encoding.get(key)
            if not (name == "plain" and plan.zarr_format == 2) and not (wanted is None and plan.zarr_format == 2):
                assert got == wanted or (np.isnan(got) and np.isnan(wanted)), (name, key)
    assert found.sst.dtype == np.float64
    assert found.sst.encoding["dtype"] == np.dtype("<i2")
    assert found.attrs["title"] == "all kinds"
    assert found.attrs["pangeo_forge:recipe_id"] == "kinds"


def test_bytes_are_those_of_zarr_python(tmp_path: Path) -> None:
    import zarr

    plan = make()
    values = values_for(plan)
    target = ZarrTarget(str(tmp_path / "out.zarr"), "r")
    target.create(plan)
    write(target, plan, values)
    target.commit(plan)
    other = tmp_path / "other.zarr"
    group = zarr.open_group(tmp_path / "out.zarr", mode="r")
    for name in ("sst", "plain", "count", "flag", "crs"):
        source = group[name]
        copy = zarr.create_array(
            other / name, shape=source.shape, dtype=source.dtype, chunks=source.chunks,
            compressors=source.compressors, fill_value=source.fill_value,
        )  # fmt: skip
        copy[...] = values[name]
        ours = {
            p.relative_to(tmp_path / "out.zarr"): p.read_bytes()
            for p in (tmp_path / "out.zarr" / name).rglob("c*")
            if p.is_file()
        }
        theirs = {p.relative_to(other): p.read_bytes() for p in (other / name).rglob("c*") if p.is_file()}
        assert ours == theirs


@pytest.mark.parametrize("where", ["local", "memory"])
@pytest.mark.parametrize("version", [2, 3])
def test_nothing_opens_before_commit_and_abort_leaves_nothing(where: str, version: int, tmp_path: Path) -> None:
    plan, url = make(zarr_format=version), place(where, tmp_path)
    target = ZarrTarget(url, "r1", version)
    target.create(plan)
    write(target, plan, values_for(plan))
    for address in (url, target.building_url):
        with pytest.raises(FileNotFoundError):
            xr.open_zarr(address)
    target.abort()
    if where == "local":
        assert os.listdir(tmp_path) == []
    else:
        fs, root = fsspec.core.url_to_fs(url)
        assert not fs.exists(root)


@pytest.mark.parametrize("where", ["local", "memory"])
def test_an_existing_store_is_replaced_only_when_told(where: str, tmp_path: Path) -> None:
    plan, url = make(), place(where, tmp_path)
    first, second = values_for(plan, 1), values_for(plan, 2)
    ZarrTarget(url, "r1").create(plan)
    write(ZarrTarget(url, "r1"), plan, first)
    ZarrTarget(url, "r1").commit(plan)
    again = ZarrTarget(url, "r2")
    with pytest.raises(TargetError, match=r"exists already.*--overwrite.*T001"):
        again.create(plan)
    again.create(plan, overwrite=True)
    if where == "local":
        assert (opened(url)["count"].values == first["count"]).all()
    write(again, plan, second)
    again.commit(plan)
    assert (opened(url)["count"].values == second["count"]).all()
    if where == "local":
        assert os.listdir(tmp_path) == ["out.zarr"]


@pytest.mark.parametrize("where", ["local", "memory"])
def test_what_is_not_ours_is_never_overwritten(where: str, tmp_path: Path) -> None:
    plan, url = make(), place(where, tmp_path)
    xr.Dataset({"a": ("x", [1])}).to_zarr(url)
    with pytest.raises(TargetError, match="T002"):
        ZarrTarget(url, "r").create(plan, overwrite=True)
    assert opened(url).a.values.tolist() == [1]


def test_a_file_in_the_way_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "out.zarr").write_text("notes")
    with pytest.raises(TargetError, match="T002"):
        ZarrTarget(str(tmp_path / "out.zarr"), "r").create(make(), overwrite=True)


@pytest.mark.parametrize("where", ["local", "memory"])
def test_the_same_run_continues_where_it_stopped(where: str, tmp_path: Path) -> None:
    plan, url = make(), place(where, tmp_path)
    values = values_for(plan)
    first = ZarrTarget(url, "r1")
    first.create(plan)
    write(first, plan, values)
    second = ZarrTarget(url, "r1")
    second.create(plan)
    second.commit(plan)
    assert (opened(url)["count"].values == values["count"]).all()


def test_two_runs_do_not_build_in_one_place_on_an_object_store(tmp_path: Path) -> None:
    plan, url = make(), place("memory", tmp_path)
    ZarrTarget(url, "r1").create(plan)
    with pytest.raises(TargetError, match=r"run r1 .*T003"):
        ZarrTarget(url, "r2").create(plan)
    ZarrTarget(url, "r2").abort()
    assert ZarrTarget(url, "r1").chunks.objects.get("time/c/0") is not None
    ZarrTarget(url, "r2").create(plan, overwrite=True)


def damage_values(store: ZarrTarget) -> None:
    store.chunks.objects.delete("time/c/0")


def damage_metadata(store: ZarrTarget) -> None:
    store.chunks.objects.put("lat2/c/0/0", b"not a chunk")


@pytest.mark.parametrize("damage", [damage_values, damage_metadata])
@pytest.mark.parametrize("where", ["local", "memory"])
def test_a_damaged_store_is_not_published(damage: Callable[[ZarrTarget], None], where: str, tmp_path: Path) -> None:
    plan, url = make(), place(where, tmp_path)
    target = ZarrTarget(url, "r1")
    target.create(plan)
    damage(target)
    with pytest.raises(TargetError, match="T030"):
        target.commit(plan)
    with pytest.raises(FileNotFoundError):
        xr.open_zarr(url)
    with pytest.raises(FileNotFoundError):
        xr.open_zarr(target.building_url)


def test_values_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    wide = array("time", {"time": DAYS}, "<i1", is_coord=True, values=np.arange(DAYS) * 100)
    changed = Template(**{**template().__dict__, "arrays": (wide,)})
    with pytest.raises(TargetError, match="T031"):
        ZarrTarget(str(tmp_path / "o.zarr"), "r").create(make_plan(changed, Layout()))


def test_two_passes_give_the_same_values(tmp_path: Path) -> None:
    grid = {"time": 60, "lat": 40, "lon": 50}
    arrays = (
        array("sst", grid, fill_value=-9, storage_chunks=(1, 40, 50)),
        array("ice", grid, "<f4", storage_chunks=(1, 40, 50)),
    )
    days = np.arange(60)
    positions = tuple((i,) for i in range(60))
    source = Template(grid, ("time",), {"time": np.ones(60, int)}, {"time": days}, arrays, {}, positions)
    resources = Resources(150_000, max_amplification=1.5)
    plan = make_plan(source, Layout(chunks={"lat": 10, "lon": 10}), resources=resources)
    # Objects this small are not worth a second pass; what two passes do is the same.
    work = Workload(plan.arrays, {a.name: a for a in arrays}, plan.inputs)
    passes = two_passes(work, plan.arrays, resources)
    assert passes is not None
    stages = Stage("gather", passes.gather), Stage("scatter", passes.scatter)
    plan = replace(plan, stages=stages, intermediate=passes.arrays)
    assert max(g.amplification for s in stages for g in s.groups) < 1.2
    values = values_for(plan)
    target, between = ZarrTarget(str(tmp_path / "o.zarr"), "r"), ChunkStore(str(tmp_path / "between"))
    target.create(plan)
    for task in plan.tasks(0):
        for item, region in plan.regions(task):
            between.write_block(item, region, values[item.name][region])
    for task in plan.tasks(1):
        for item, region in plan.regions(task):
            target.write_block(item, region, between.read_block(plan.intermediate_array(item.name), region))
    target.commit(plan)
    stored = xr.open_zarr(tmp_path / "o.zarr", decode_cf=False, chunks=None)
    for name, expected in values.items():
        assert (stored[name].values == expected).all()


def test_is_ours() -> None:
    assert not is_ours(None)
    assert not is_ours(b"{")
    assert not is_ours(b'{"attributes": {"title": "x"}}')
    assert is_ours(b'{"attributes": {"pangeo_forge:version": "1"}}')
