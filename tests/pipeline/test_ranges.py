from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.pipeline.ranges import ranges


@given(st.integers(0, 5000), st.integers(1, 300), st.integers(1, 64))
def test_ranges_cover_everything_once_and_in_order(count: int, at_most: int, shares: int) -> None:
    made = ranges(count, at_most, shares=shares)
    assert [i for start, stop in made for i in range(start, stop)] == list(range(count))
    assert all(0 < stop - start <= at_most for start, stop in made)
    assert len(made) >= min(count, shares)
