from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import TargetError
from pangeo_forge.targets.sharding import chunks_in, join, split


@given(st.lists(st.none() | st.binary(max_size=20), min_size=1, max_size=12))
def test_split_undoes_join(encoded: list[bytes | None]) -> None:
    shard, stored = join(encoded)
    assert stored == sum(e is not None for e in encoded)
    parts = split(bytes(shard), len(encoded), "k")
    assert [None if p is None else bytes(p) for p in parts] == encoded


def test_damage_is_seen() -> None:
    shard = join([b"abc", None])[0]
    shard[5] ^= 1
    with pytest.raises(TargetError, match="T021"):
        split(bytes(shard), 2, "k")
    with pytest.raises(TargetError, match="T021"):
        split(b"short", 2, "k")


def test_chunks_are_in_c_order() -> None:
    assert chunks_in((4, 2), (2, 1)) == [
        (slice(0, 2), slice(0, 1)),
        (slice(0, 2), slice(1, 2)),
        (slice(2, 4), slice(0, 1)),
        (slice(2, 4), slice(1, 2)),
    ]
