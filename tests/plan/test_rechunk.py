from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.plan.rechunk import align, consolidate

lengths = st.fixed_dictionaries({"t": st.integers(1, 40), "x": st.integers(1, 40)})


@given(lengths, lengths, st.integers(1, 2000))
def test_consolidated_blocks_are_multiples_within_the_limit(sizes: dict, unit: dict, limit: int) -> None:
    block = consolidate(sizes, unit, ["x", "t"], lambda b: math.prod(b.values()), limit)
    if block is None:
        assert math.prod(unit.values()) > limit or any(unit[d] > sizes[d] for d in sizes)
        return
    assert math.prod(block.values()) <= limit
    assert all(block[d] % unit[d] == 0 for d in sizes)
    # As large as can be along the first dim.
    larger = {**unit, "x": block["x"] + unit["x"]}
    assert block["x"] >= sizes["x"] or math.prod(larger.values()) > limit


@given(lengths, lengths, lengths)
def test_aligned_reads_are_unions_of_whole_intermediate_chunks(sizes: dict, read: dict, write: dict) -> None:
    aligned = align(sizes, read, write)
    for dim, size in sizes.items():
        between = min(aligned[dim], write[dim])
        assert 1 <= aligned[dim] <= max(read[dim], write[dim])
        assert aligned[dim] % between == 0 or aligned[dim] >= size
