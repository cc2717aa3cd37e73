"""What one process tells of its work."""

from __future__ import annotations

import time

import pytest

from pangeo_forge.progress import Recorder, Reporter, Stopped


def test_counts_go_to_the_front_end_and_are_kept() -> None:
    told = Recorder()
    reporter = Reporter(told)
    reporter.start("write", 10, 1000)
    reporter.advance("write", 2, 50)
    reporter.advance("inputs")
    reporter.note("a line")
    assert told.done == {"write": 2, "inputs": 1}
    assert told.notes == ["a line"]
    assert reporter.moved() == (3, 50)
    assert (reporter.stages["write"].total, reporter.stages["write"].total_bytes) == (10, 1000)


def test_what_is_under_way_is_told_the_longest_first() -> None:
    reporter = Reporter()
    began = time.monotonic() - 100
    reporter.watch("fetch", lambda: {"https://host/a.nc": began})
    with reporter.doing("write", "task 1"), reporter.doing("read", "time=3"):
        found = reporter.under_way()
        assert [(d.step, d.name) for d in found] == [
            ("fetch", "https://host/a.nc"),
            ("write", "task 1"),
            ("read", "time=3"),
        ]
        assert found[0].seconds >= 100
    assert [d.step for d in reporter.under_way()] == ["fetch"]


def test_what_fails_is_no_longer_under_way() -> None:
    reporter = Reporter()
    with pytest.raises(ValueError, match="x"), reporter.doing("read", "a"):
        raise ValueError("x")
    assert reporter.under_way() == []


def test_stopped_work_does_not_begin() -> None:
    reporter = Reporter()
    reporter.stopped.set()
    with pytest.raises(Stopped):
        reporter.check()
