from __future__ import annotations

import json
import pickle
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pangeo_forge.dataset.model import Template
from pangeo_forge.errors import PlanError
from pangeo_forge.plan import Layout, Plan, Resources, Task, make_plan
from pangeo_forge.plan.plan import ArrayPlan
from tests.plan.templates import array, oisst, random_templates


def check_covered(plan: Plan, arrays: tuple[ArrayPlan, ...], stages: list[int]) -> None:
    """Each cell of each array is written by exactly one task, and only whole objects are."""
    counts = {a.name: np.zeros(a.shape, int) for a in arrays}
    for stage in stages:
        for task in plan.tasks(stage):
            for target, region in plan.regions(task):
                for s, g, n in zip(region, target.granule, target.shape, strict=True):
                    assert s.start % g == 0
                    assert s.stop % g == 0 or s.stop == n
                counts[target.name][region] += 1
    for count in counts.values():
        assert (count == 1).all()


@settings(deadline=None)
@given(random_templates(), st.data())
def test_tasks_cover_each_array_exactly_once_in_whole_objects(template: Template, data: st.DataObject) -> None:
    chunks = {d: data.draw(st.integers(1, 4)) for d in template.sizes}
    shards = {d: 2 * n for d, n in chunks.items()} if data.draw(st.booleans()) else None
    memory = data.draw(st.sampled_from([300, 1000, 10**9]))
    layout = Layout(chunks=chunks, shards=shards)
    # Small arrays are one chunk by default; their own chunks make them cut.
    variables = {a.name: _own(a.dims, chunks) for a in template.arrays if data.draw(st.booleans())}
    layout = Layout(**{**layout.__dict__, "variables": variables})
    resources = Resources(memory, data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)), max_amplification=1.1)
    try:
        plan = make_plan(template, layout, resources=resources)
    except PlanError as error:
        assert error.code == "P220"  # noqa: PT017
        return
    assert all(g.memory <= resources.task_memory for s in plan.stages for g in s.groups)
    writes = [i for i, s in enumerate(plan.stages) if s.writes_target]
    check_covered(plan, tuple(a for a in plan.arrays if a.values is None), writes)
    gathers = [i for i, s in enumerate(plan.stages) if not s.writes_target]
    check_covered(plan, plan.intermediate, gathers)
    assert Plan.from_json(plan.to_json()).to_json() == plan.to_json()


def _own(dims: tuple[str, ...], chunks: dict[str, int]):
    from pangeo_forge.plan import VariableLayout

    return VariableLayout(chunks={d: chunks[d] for d in dims})


def test_json_gives_everything_back() -> None:
    template = oisst(30, 4, 5)
    names = np.array(["é", ""], object)
    extra = (
        array("name", {"lat": 2}, "str", values=names),
        array("nan", {}, "<f4", fill_value=float("nan"), attrs={"valid_max": float("inf")}, merge=((0,),)),
    )
    positions = tuple((i, m) for i in range(30) for m in range(2))
    template = Template(**{**template.__dict__, "arrays": (*template.arrays, *extra), "positions": positions})
    plan = make_plan(template, Layout(chunks={"time": 4}), recipe={"id": "x", "title": "t", "fingerprint": "f"})
    back = Plan.from_json(plan.to_json())
    assert back.to_json() == plan.to_json()
    assert json.loads(plan.to_json())["schema_version"] == 1
    assert list(back.tasks()) == list(plan.tasks())
    assert np.isnan(back.array("nan").fill_value)
    assert back.array("nan").attrs == {"valid_max": float("inf")}
    assert back.array("nan").merge == ((0,),)
    assert back.array("time").values is not None
    assert back.array("time").values.tolist() == list(range(30))
    assert list(back.array("name").values) == list(names)
    for task in plan.tasks():
        for (a, ra), (b, rb) in zip(plan.regions(task), back.regions(task), strict=True):
            assert (a.name, ra) == (b.name, rb)
            assert list(plan.overlaps(a, ra)) == list(back.overlaps(b, rb))


def test_plan_of_another_version_is_refused() -> None:
    text = make_plan(oisst(2, 2, 2), Layout()).to_json().replace('"schema_version":1', '"schema_version":99')
    with pytest.raises(PlanError, match=r"99.*P210"):
        Plan.from_json(text)


def test_tasks_are_numbered() -> None:
    plan = make_plan(oisst(30, 4, 5), Layout(chunks={"time": 4, "lat": 4}), resources=Resources(1500))
    tasks = list(plan.tasks())
    assert [t.number for t in tasks] == list(range(plan.n_tasks()))
    assert tasks == [plan.task(i) for i in range(len(tasks))]
    assert isinstance(pickle.loads(pickle.dumps(tasks[0])), Task)
    with pytest.raises(IndexError):
        plan.task(len(tasks))


def test_a_million_inputs_and_tasks() -> None:
    n = 1_000_000
    began = time.process_time()
    template = Template(
        sizes={"time": n, "x": 100_000},
        concat_dims=("time",),
        lengths={"time": np.ones(n, np.int64)},
        starts={"time": np.arange(n)},
        arrays=(array("a", {"time": n, "x": 100_000}, storage_chunks=(1, 100_000)),),
        attrs={},
        positions=tuple((i,) for i in range(n)),
    )
    plan = make_plan(template, Layout(chunks={"time": 1}), resources=Resources(max_memory=1_700_000))
    assert plan.n_tasks() >= 10**6 / 5
    text = plan.to_json()
    assert len(text) < 3000
    back = Plan.from_json(text)
    last = back.task(back.n_tasks() - 1)
    [(target, region)] = back.regions(last)
    assert region[0].stop == n
    assert list(back.overlaps(target, region))[-1].index == (n - 1,)
    assert time.process_time() - began < 10


def test_summary_is_json_and_says_how() -> None:
    plan = make_plan(oisst(400), Layout(chunks={"time": 20}))
    summary = json.loads(json.dumps(plan.summary()))
    assert summary["passes"] == 1
    assert summary["tasks"] == 20
    assert summary["bytes_read"] == 400 * 720 * 1440 * 2 * 4
    assert summary["arrays"][0]["n_chunks"] == 20
    assert summary["arrays"][4]["written_by"] == "driver"
    assert summary["text"].startswith("one pass: 20 tasks")
