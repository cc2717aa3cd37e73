"""Attributes as plain values."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pangeo_forge.dataset.attributes import canonical, plain, plain_attrs


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.array([3], "i2"), 3),
        (np.array([1, 2], "i2"), [1, 2]),
        (np.array([], "i2"), []),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "café"),
        ("bad \udce9", "bad ?"),
        (np.str_("x"), "x"),
        (np.bool_(True), True),
        (np.array(["a", "b"]), ["a", "b"]),
        (("a", np.int8(1)), ["a", 1]),
        (None, None),
    ],
)
def test_plain(value: Any, expected: Any) -> None:
    got = plain(value)
    assert got == expected
    assert type(got) is type(expected)
    json.dumps(got).encode()


def test_float32_keeps_its_value() -> None:
    assert np.float32(plain(np.float32(0.01))) == np.float32(0.01)
    assert plain_attrs({"scale": np.float32(0.01)})["scale"] == float(np.float32(0.01))


def test_canonical() -> None:
    assert canonical(1) == canonical(1.0)
    assert canonical(1) != canonical("1")
    assert canonical(float("nan")) == canonical(float("nan"))
    assert canonical([1, 2]) != canonical([2, 1])
