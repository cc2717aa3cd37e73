from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.plan.memory import Source, cut_length, is_contiguous, task_memory
from pangeo_forge.plan.overlaps import InputGrid, Slabs
from pangeo_forge.plan.plan import ArrayPlan
from tests.plan.templates import axes


def brute(size: int, block: int, pieces: list[tuple[int, int]]) -> int:
    """Elements decoded: every piece once for each block that touches it."""
    total = 0
    for start in range(0, size, block):
        stop = min(size, start + block)
        total += sum(b - a for a, b in pieces if a < stop and b > start)
    return total


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 20))
def test_a_dimension_that_inputs_share(size: int, block: int, chunk: int) -> None:
    pieces = [(a, min(size, a + chunk)) for a in range(0, size, chunk)]
    assert size + cut_length(size, block, chunk, None)[0] == brute(size, block, pieces)


@given(axes(), st.integers(1, 12), st.integers(1, 6))
def test_a_concat_dimension(axis: tuple, block: int, chunk: int) -> None:
    lengths, starts, _, size = axis
    slabs: Slabs = InputGrid(("t",), (len(lengths),), np.arange(len(lengths)), {"t": starts}, {"t": lengths}).slabs["t"]
    pieces = [
        (a, min(low + n, a + chunk))
        for low, n in zip(starts.tolist(), lengths.tolist(), strict=True)
        for a in range(low, low + n, chunk)
    ]
    inputs = [(low, low + n) for low, n in zip(starts.tolist(), lengths.tolist(), strict=True) if n]
    more, opened = cut_length(size, block, chunk, slabs)
    assert size + more == brute(size, block, pieces)
    touched = sum(a < min(size, s + block) and b > s for s in range(0, size, block) for a, b in inputs)
    assert len(inputs) + opened == touched


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=4))
def test_is_contiguous_is_never_wrong(pairs: list[tuple[int, int]]) -> None:
    chunk = tuple(min(c, b) for c, b in pairs)
    block = tuple(b for _, b in pairs)
    view = np.empty(block)[tuple(map(slice, chunk))]
    if is_contiguous(chunk, block):
        assert view.flags.c_contiguous


def test_the_numbers_of_a_task() -> None:
    array = ArrayPlan("a", ("t", "x"), (100, 1000), "<f4", (10, 1000), None, {"name": "none"}, None, {})
    sources = {"a": Source((1, 1000), {})}
    # Block 20 x 1000 x 4 bytes, and for each thread a storage chunk twice and one encoded chunk.
    assert task_memory([array], sources, {"t": 20, "x": 1000}, 2) == 80_000 + 2 * (2 * 4000 + 40_000)
    recoded = {"a": Source((1, 1000), {}, recode=True)}
    assert task_memory([array], recoded, {"t": 20, "x": 1000}, 1) > task_memory(
        [array], sources, {"t": 20, "x": 1000}, 1
    )
