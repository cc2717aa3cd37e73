from __future__ import annotations

from pangeo_forge.plan.blocks import Cost, group_arrays
from pangeo_forge.plan.plan import ArrayPlan


def plan(name: str, dims: str, shape: tuple[int, ...], chunks: tuple[int, ...], merge=None) -> ArrayPlan:
    return ArrayPlan(name, tuple(dims), shape, "<f4", chunks, None, {"name": "none"}, None, {}, merge=merge)


def names(groups: list[list[ArrayPlan]]) -> list[list[str]]:
    return [[a.name for a in g] for g in groups]


def test_equal_grids_are_grouped() -> None:
    a, b = plan("a", "tx", (10, 8), (2, 8)), plan("b", "tx", (10, 8), (2, 8))
    assert names(group_arrays([b, a])) == [["b", "a"]]


def test_other_chunks_or_other_inputs_are_apart() -> None:
    a, b = plan("a", "tx", (10, 8), (2, 8)), plan("b", "tx", (10, 8), (5, 8))
    c = plan("c", "tx", (10, 8), (2, 8), merge=((1,),))
    assert names(group_arrays([a, b, c])) == [["a"], ["b"], ["c"]]


def test_companions_with_dims_of_their_own_join_when_these_are_whole() -> None:
    a = plan("a", "tx", (10, 8), (2, 8))
    bounds, cut = plan("bounds", "tn", (10, 2), (2, 2)), plan("cut", "tn", (10, 2), (2, 1))
    assert names(group_arrays([a, bounds])) == [["a", "bounds"]]
    assert names(group_arrays([a, cut])) == [["a"], ["cut"]]
    assert names(group_arrays([a, plan("s", "", (), ())])) == [["a"], ["s"]]


def test_idle_workers_cost() -> None:
    one = Cost(memory=0, read=10**9, needed=10**9, opens=0, n_tasks=1)
    assert one.weigh(1, 4) > 3.9 * one.weigh(1, 1)
    assert one.weigh(4, 4) == one.weigh(1, 1)
