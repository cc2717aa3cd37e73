"""What work took: it adds up in any order, and stays small."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.pipeline.effort import SLOWEST, Effort, Slow, slowest_of

slow = st.builds(Slow, st.floats(0, 1e4), st.sampled_from(["fetch", "scan", "read"]), st.sampled_from("abcdefgh"))
effort = st.builds(
    Effort,
    fetched=st.integers(0, 9),
    bytes_fetched=st.integers(0, 10**12),
    retries=st.integers(0, 9),
    slowest=st.lists(slow, max_size=9).map(slowest_of),
    peak_task=st.integers(0, 10**9),
    workers=st.frozensets(st.sampled_from(["a:1", "a:2", "b:1"])),
)


@given(effort, effort, effort)
def test_merging_is_associative_and_commutative(a: Effort, b: Effort, c: Effort) -> None:
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(Effort()) == a


@given(st.lists(slow, max_size=30))
def test_slowest_are_few_each_once_with_its_slowest_step(found: list[Slow]) -> None:
    kept = slowest_of(found)
    assert len(kept) <= SLOWEST
    assert len({s.input for s in kept}) == len(kept)
    assert [s.seconds for s in kept] == sorted((s.seconds for s in kept), reverse=True)
    if found:
        assert kept[0].seconds == max(s.seconds for s in found)


def test_record_counts_workers_and_names_inputs() -> None:
    made = Effort(fetched=2, slowest=(Slow(1.23456, "fetch", "time=1 (https://host/1.nc)"),), workers=frozenset("ab"))
    data = made.to_json()
    assert data["workers"] == 2
    assert data["slowest"] == [{"seconds": 1.235, "step": "fetch", "input": "time=1 (https://host/1.nc)"}]
