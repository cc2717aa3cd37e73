from __future__ import annotations

from typing import Any

import pytest

from pangeo_forge.dataset.model import Template
from pangeo_forge.errors import PlanError
from pangeo_forge.plan import Layout, Resources, VariableLayout, make_plan
from pangeo_forge.plan.planner import compressor_of
from tests.plan.templates import array, oisst


def blocks(plan: Any) -> list[tuple[str, dict[str, int]]]:
    return [(s.name, dict(zip(g.dims, g.block, strict=True))) for s in plan.stages for g in s.groups]


def test_whole_inputs_are_one_pass_with_all_variables_together() -> None:
    plan = make_plan(oisst(400), Layout(chunks={"time": 20}))
    assert blocks(plan) == [("direct", {"time": 20, "zlev": 1, "lat": 720, "lon": 1440})]
    assert plan.stages[0].groups[0].amplification == 1


def test_chunks_across_inputs_grow_the_block_when_memory_allows() -> None:
    plan = make_plan(oisst(400), Layout(chunks={"lat": 90, "lon": 90}), resources=Resources(8 * 10**9))
    assert blocks(plan) == [("direct", {"time": 400, "zlev": 1, "lat": 720, "lon": 1440})]


def test_less_memory_writes_variables_one_by_one() -> None:
    plan = make_plan(oisst(400), Layout(chunks={"lat": 90, "lon": 90}), resources=Resources(2 * 10**9))
    assert len(plan.stages[0].groups) == 4
    assert max(g.amplification for g in plan.stages[0].groups) == 1


def test_little_memory_takes_two_passes() -> None:
    resources = Resources(400_000_000)
    plan = make_plan(oisst(400), Layout(chunks={"lat": 90, "lon": 90}), resources=resources)
    assert [s.name for s in plan.stages] == ["gather", "scatter"]
    assert all(g.amplification <= 1.1 for s in plan.stages for g in s.groups)
    assert plan.memory <= 400_000_000
    assert plan.intermediate_array("sst").chunks[2:] <= (720, 1440)
    assert plan.summary()["passes"] == 2


def test_parallel_tasks_share_the_memory() -> None:
    one = make_plan(oisst(400), Layout(chunks={"time": 20}), resources=Resources(600_000_000, concurrency=1))
    with pytest.raises(PlanError, match="P220"):
        make_plan(oisst(400), Layout(chunks={"time": 20}), resources=Resources(120_000_000, concurrency=2))
    assert one.memory <= 600_000_000


def test_many_workers_get_a_task_each() -> None:
    layout, plenty = Layout(chunks={"lat": 90, "lon": 90}), 8 * 10**9
    plan = make_plan(oisst(400), layout, resources=Resources(plenty, workers=4))
    assert sum(s.n_tasks for s in plan.stages) >= 4


def test_too_large_chunks_are_refused_with_numbers_and_a_remedy_that_works() -> None:
    resources = Resources(400_000_000)
    with pytest.raises(PlanError) as error:
        make_plan(oisst(400), Layout(chunks={"time": 400}), resources=resources)
    assert error.value.code == "P220"
    assert (
        "chunks {time: 400, zlev: 1, lat: 720, lon: 1440} of sst need 1.7 GB per task, allowed 400 MB"
        in error.value.message
    )
    hint = error.value.hint or ""
    assert "--max-memory 1.7GB" in hint
    advised = dict(p.split(": ") for p in hint[hint.index("{") + 1 : hint.index("}")].split(", "))
    make_plan(oisst(400), Layout(chunks={k: int(v) for k, v in advised.items()}), resources=resources)
    make_plan(oisst(400), Layout(chunks={"time": 400}), resources=Resources(1_700_000_000))


def test_companions_are_written_with_the_variables_that_share_their_inputs() -> None:
    template = oisst(40, 10, 10)
    bounds = array("time_bnds", {"time": 40, "nv": 2}, "<f8")
    mask = array("mask", {"lat": 10, "lon": 10})
    sizes = {**template.sizes, "nv": 2}
    template = Template(**{**template.__dict__, "arrays": (*template.arrays, bounds, mask), "sizes": sizes})
    plan = make_plan(template, Layout(chunks={"time": 4}), resources=Resources(20_000))
    [group] = plan.stages[0].groups if len(plan.stages[0].groups) == 1 else [None]
    if group is not None:
        assert set(group.arrays) >= {"sst", "time_bnds"}
    names = [n for g in plan.stages[0].groups for n in g.arrays]
    assert sorted(names) == ["anom", "err", "ice", "mask", "sst", "time_bnds"]


def test_bounds_join_their_variables() -> None:
    template = oisst(40, 10, 10)
    bounds = array("time_bnds", {"time": 40, "nv": 2}, "<f8")
    template = Template(**{**template.__dict__, "arrays": (*template.arrays, bounds)})
    [group] = make_plan(template, Layout(chunks={"time": 4})).stages[0].groups
    assert group.arrays == ("sst", "anom", "err", "ice", "time_bnds")


def test_layout_of_variables_codecs_and_attributes() -> None:
    layout = Layout(
        chunks={"time": 5},
        compressor={"name": "zstd"},
        variables={"ice": VariableLayout(chunks={"time": 2}, compressor={"name": "none"})},
        attrs_set={"a": 1},
        attrs_delete=("ti*",),
    )
    plan = make_plan(oisst(10, 4, 4), layout)
    assert plan.array("ice").chunks == (2, 1, 4, 4)
    assert plan.array("ice").compressor == {"name": "none"}
    assert plan.array("sst").compressor == {"name": "zstd", "level": 3}
    assert plan.attrs == {"a": 1}


BLOSC = {"name": "blosc", "shuffle": "bitshuffle"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, {**BLOSC, "cname": "zstd", "level": 1, "blocksize": 1 << 19}),
        ({"name": "lz4"}, {**BLOSC, "cname": "lz4", "level": 1, "blocksize": 0}),
        ({"name": "blosc", "clevel": 5}, {**BLOSC, "cname": "zstd", "level": 5, "blocksize": 1 << 19}),
        ({"name": "blosc", "blocksize": 0}, {**BLOSC, "cname": "zstd", "level": 1, "blocksize": 0}),
        ({"name": "zlib", "level": 1}, {"name": "gzip", "level": 1}),
    ],
)
def test_compressors(asked: dict[str, Any] | None, expected: dict[str, Any]) -> None:
    assert compressor_of(asked, "<i2") == expected


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "rar"},
        {"name": "zstd", "speed": 3},
        {"name": "gzip", "level": 12},
        {"name": "blosc", "cname": "x"},
        {"name": "blosc", "blocksize": -1},
    ],
)
def test_unknown_compressors(asked: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match="the choices are blosc"):
        compressor_of(asked, "<i2")


def test_bad_names() -> None:
    with pytest.raises(PlanError, match="P207"):
        make_plan(oisst(2, 2, 2), Layout(variables={"sss": VariableLayout()}))
    with pytest.raises(PlanError, match=r"did you mean 'time'.*P202"):
        make_plan(oisst(2, 2, 2), Layout(chunks={"tim": 1}))
    with pytest.raises(PlanError, match="P208"):
        make_plan(oisst(2000), Layout(chunks={"time": 2000}), resources=Resources(10**12))
    with pytest.raises(PlanError, match="P200"):
        make_plan(Template({}, (), {}, {}, (), {}, ((),)), Layout())
