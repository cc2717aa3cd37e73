"""Memory that tasks take."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from pangeo_forge.pipeline.footprint import measured

MB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells")
def test_a_task_is_charged_what_it_took_at_its_peak() -> None:
    with measured() as small:
        pass
    with measured() as large:
        block = np.ones(64 * MB, np.uint8)
        del block
    with measured() as after:
        pass
    assert 60 * MB < large.task < 120 * MB
    assert large.process > large.task
    assert small.task < 30 * MB
    assert after.task < 30 * MB


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells")
def test_tasks_at_the_same_time_share() -> None:
    with measured() as one, measured() as other:
        block = np.ones(64 * MB, np.uint8)
        del block
    assert 30 * MB < one.task < 60 * MB
    assert 30 * MB < other.task < 60 * MB
