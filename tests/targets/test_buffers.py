"""Blocks are used again, and never more of them are kept than tasks used at one time."""

from __future__ import annotations

import numpy as np
import pytest

from pangeo_forge.targets.buffers import SMALLEST, BlockBuffers

INT16 = np.dtype("<i2")
LARGE = (3, SMALLEST)
"""Shape of a block of int16 that is worth keeping."""


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_a_block_that_was_given_back_is_taken_again():
    blocks = BlockBuffers()
    first = blocks.take(LARGE, INT16)
    place = address(first)
    first[...] = 7
    blocks.give(first)
    assert blocks.nbytes == first.nbytes
    again = blocks.take(LARGE, INT16)
    assert (address(again), again.shape, again.dtype) == (place, LARGE, INT16)
    assert blocks.nbytes == 0


def test_a_block_in_use_is_never_taken_twice():
    blocks = BlockBuffers()
    one, other = blocks.take(LARGE, INT16), blocks.take(LARGE, INT16)
    assert not np.shares_memory(one, other)


def test_a_smaller_block_fits_in_a_larger_one():
    blocks = BlockBuffers()
    blocks.give(blocks.take(LARGE, INT16))
    small = blocks.take((SMALLEST,), np.dtype("<f4"))
    assert small.shape == (SMALLEST,)
    assert small.dtype == np.dtype("<f4")
    assert blocks.nbytes == 0
    blocks.give(small)
    assert blocks.take(LARGE, INT16).shape == LARGE


def test_a_larger_block_takes_the_place_of_those_that_are_too_small():
    blocks = BlockBuffers()
    kept = [blocks.take(LARGE, INT16) for _ in range(3)]
    for block in kept:
        blocks.give(block)
    larger = blocks.take((4, SMALLEST), INT16)
    # Two of three went: together they are as large as the new one at least.
    assert blocks.nbytes == kept[0].nbytes
    assert larger.nbytes + blocks.nbytes <= sum(b.nbytes for b in kept)


@pytest.mark.parametrize(("shape", "dtype"), [((4,), INT16), ((), np.dtype("f8")), ((SMALLEST,), np.dtype(object))])
def test_small_arrays_and_objects_are_plain_arrays(shape, dtype):
    blocks = BlockBuffers()
    array = blocks.take(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    blocks.give(array)
    assert blocks.nbytes == 0


def test_arrays_of_others_are_not_kept():
    blocks = BlockBuffers()
    foreign = np.zeros(LARGE, INT16)
    blocks.give(foreign)
    blocks.give(foreign[1:])
    blocks.give(np.full(SMALLEST * 2, 3, np.uint8))
    assert blocks.nbytes == 0


def test_clear_gives_all_back():
    blocks = BlockBuffers()
    blocks.give(blocks.take(LARGE, INT16))
    blocks.clear()
    assert blocks.nbytes == 0
