"""A child that crashes, hangs or raises: always an error with the input's place, and the next call works."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs import isolation


def test_values_come_back() -> None:
    values = isolation.call(np.arange, 1_000_000, timeout=10, where="a")
    assert values.sum() == 499999500000


def test_crash_hang_and_exception_are_errors() -> None:
    with pytest.raises(InputError, match="SIGABRT") as caught:
        isolation.call(os.abort, timeout=10, where="time=1 (file)")
    assert (caught.value.code, caught.value.where) == ("I120", "time=1 (file)")
    isolation.call(int, "1", timeout=10, where="a")
    start = time.monotonic()
    with pytest.raises(InputError, match="longer") as caught:
        isolation.call(time.sleep, 30, timeout=0.3, where="b")
    assert caught.value.code == "I121"
    assert time.monotonic() - start < 20  # not the 30 s of the call
    with pytest.raises(InputError, match="ValueError") as caught:
        isolation.call(int, "x", timeout=10, where="c")
    assert caught.value.code == "I110"


def test_a_child_is_used_again() -> None:
    first = isolation.call(os.getpid, timeout=10, where="a")
    assert isolation.call(os.getpid, timeout=10, where="a") == first != os.getpid()
