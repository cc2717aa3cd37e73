from __future__ import annotations

import pickle
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.dataset.model import ArrayTemplate, Template
from pangeo_forge.plan.overlaps import InputGrid, Overlap, overlaps
from tests.plan.templates import array, oisst, random_templates


def owners(template: Template, target: ArrayTemplate) -> dict[tuple[int, ...], tuple[tuple[int, ...], tuple[int, ...]]]:
    """Written out cell by cell: which input holds each cell of an array, and where in it."""
    result = {}
    for cell in np.ndindex(*target.shape):
        at = dict(zip(target.dims, cell, strict=True))
        for position in template.positions:
            tail = position[len(template.concat_dims) :]
            if target.merge is not None and tail not in target.merge:
                continue
            source = dict(at)
            for key, dim in enumerate(template.concat_dims):
                p = position[key]
                if dim not in at:
                    continue
                start, length = template.starts[dim][p], template.lengths[dim][p]
                if not start <= at[dim] < start + length:
                    break
                source[dim] = at[dim] - start + template.trims.get(dim, {}).get(p, (0, 0))[0]
            else:
                result[cell] = position, tuple(int(source[d]) for d in target.dims)
                break
    return result


@given(random_templates(), st.data())
def test_overlaps_are_what_cell_by_cell_search_says(template: Template, data: st.DataObject) -> None:
    target = data.draw(st.sampled_from(template.arrays))
    region = []
    for n in target.shape:
        a = data.draw(st.integers(0, n))
        region.append(slice(a, data.draw(st.integers(a, n))))
    expected = {
        c: o
        for c, o in owners(template, target).items()
        if all(s.start <= i < s.stop for i, s in zip(c, region, strict=True))
    }
    found: dict[tuple[int, ...], tuple[tuple[int, ...], tuple[int, ...]]] = {}
    for piece in overlaps(template, target, tuple(region)):
        assert template.positions[piece.ordinal] == piece.index
        shape = [s.stop - s.start for s in piece.block]
        assert shape == [s.stop - s.start for s in piece.source]
        for offset in np.ndindex(*shape):
            cell = tuple(r.start + b.start + o for r, b, o in zip(region, piece.block, offset, strict=True))
            assert cell not in found
            found[cell] = piece.index, tuple(s.start + o for s, o in zip(piece.source, offset, strict=True))
    assert found == expected


def test_missing_inputs_leave_gaps() -> None:
    template = oisst(4, 2, 2)
    template = Template(**{**template.__dict__, "positions": ((0,), (1,), (3,))})
    found = list(overlaps(template, template.array("sst"), (slice(1, 4), slice(0, 1), slice(0, 2), slice(0, 2))))
    assert [(p.index, p.ordinal, p.block[0]) for p in found] == [((1,), 1, slice(0, 1)), ((3,), 2, slice(2, 3))]


def test_array_without_concat_dim_is_read_from_the_first_input_there_is() -> None:
    template = oisst(4, 2, 2)
    template = Template(**{**template.__dict__, "positions": ((2,), (3,))})
    mask = array("mask", {"lat": 2})
    assert list(overlaps(template, mask, (slice(0, 2),))) == [Overlap((2,), 0, (slice(0, 2),), (slice(0, 2),))]
    scalar = array("crs", {})
    assert list(overlaps(template, scalar, ())) == [Overlap((2,), 0, (), ())]


def test_position_numbers_follow_the_template_even_when_it_is_not_sorted() -> None:
    template = Template(**{**oisst(3, 1, 1).__dict__, "positions": ((2,), (0,), (1,))})
    found = overlaps(template, template.array("sst"), (slice(0, 3), slice(0, 1), slice(0, 1), slice(0, 1)))
    assert [(p.index, p.ordinal) for p in found] == [((0,), 1), ((1,), 2), ((2,), 0)]


@given(random_templates())
def test_json_and_pickle_give_the_grid_back(template: Template) -> None:
    grid = InputGrid.from_template(template)
    for other in (InputGrid.from_json(grid.to_json()), pickle.loads(pickle.dumps(grid))):
        assert other.to_json() == grid.to_json()
        for target in template.arrays:
            region = tuple(slice(0, n) for n in target.shape)
            assert list(other.overlaps(target, region)) == list(grid.overlaps(target, region))


def test_a_million_inputs_are_quick_and_small() -> None:
    n = 1_000_000
    grid = InputGrid(("time",), (n,), np.arange(n), {"time": np.arange(n) * 24}, {"time": np.full(n, 24)})
    target = array("t", {"time": 24 * n})
    began = time.process_time()
    for i in range(0, n, 1000):
        pieces = list(grid.overlaps(target, (slice(i * 24, i * 24 + 480),)))
        assert len(pieces) == 20
        assert pieces[0].index == (i,)
    assert time.process_time() - began < 3
    assert len(repr(grid.to_json())) < 1000


@pytest.mark.parametrize("tail", [((1,),), ((1,), (0,))])
def test_merge_positions_are_tried_in_order(tail: tuple[tuple[int, ...], ...]) -> None:
    grid = InputGrid(("time",), (2, 2), np.array([0, 1, 2]), {"time": np.array([0, 1])}, {"time": np.array([1, 1])})
    found = [p.index for p in grid.overlaps(array("a", {"time": 2}, merge=tail), (slice(0, 2),))]
    assert found == ([(0, 1)] if len(tail) == 1 else [(0, 1), (1, 0)])
