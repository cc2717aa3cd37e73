from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pangeo_forge.plan import compact


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data, allow_nan=False))


@given(st.lists(st.integers(-(2**40), 2**40), max_size=30), st.integers(1, 200), st.sampled_from([0, 7]))
def test_integers(values: list[int], times: int, step: int) -> None:
    values = [v + step * i for i in range(times) for v in values]
    back = compact.integers_from_json(through_json(compact.integers_to_json(np.array(values, np.int64))))
    assert back.dtype == np.int64
    assert back.tolist() == values


def test_regular_and_monthly_lengths_are_small() -> None:
    regular = compact.integers_to_json(np.arange(10**6) * 24)
    months = compact.integers_to_json(np.tile([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], 1000))
    assert len(json.dumps(regular)) < 100
    assert len(json.dumps(months)) < 2000


@given(hnp.arrays(hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, max_dims=2, max_side=4)))
def test_arrays_are_bit_exact(values: np.ndarray) -> None:
    if values.dtype.kind in "mM":
        return
    back = compact.array_from_json(through_json(compact.array_to_json(values)))
    assert back is not None
    assert back.shape == values.shape
    if values.dtype.kind == "U":
        assert [str(v) for v in back.ravel()] == [str(v) for v in values.ravel()]
    else:
        assert back.tobytes() == values.astype(values.dtype.newbyteorder("<")).tobytes()


@pytest.mark.parametrize(
    "value", [None, 0, -999, 1.5, math.nan, math.inf, -math.inf, "x", b"\xff", True, complex(1, math.inf)]
)
def test_scalars(value: Any) -> None:
    back = compact.scalar_from_json(through_json(compact.scalar_to_json(value)))
    assert back == value or (math.isnan(back) and math.isnan(value))
    assert type(back) is type(value)


def test_attributes() -> None:
    attrs = {"a": np.float32(0.5), "b": np.array([1, 2], "i2"), "c": [math.nan, {"d": math.inf}], "e": np.bool_(True)}
    plain = compact.plain(attrs)
    back = compact.attrs_from_json(through_json(compact.attrs_to_json(plain)))
    assert back["a"] == 0.5
    assert back["b"] == [1, 2]
    assert math.isnan(back["c"][0])
    assert back["c"][1] == {"d": math.inf}
    assert back["e"] is True
