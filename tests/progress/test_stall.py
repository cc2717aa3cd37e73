"""When a run is stuck; time is handed in."""

from __future__ import annotations

import pytest

from pangeo_forge.progress import NEVER, Patience
from pangeo_forge.progress.reporter import Doing
from pangeo_forge.progress.stall import MEANINGFUL_BYTES, StallClock, describe, duration


def test_warns_once_for_each_time_that_passes_and_ends_at_the_limit() -> None:
    clock = StallClock(Patience(warn=10, end=35), since=0)
    due = [t for t in range(1, 40) if clock.see(t, 0, 0)]
    assert due == [10, 20, 30]
    assert [t for t in (34, 35, 36) if clock.is_over(t)] == [35, 36]


def test_anything_done_starts_the_clock_anew() -> None:
    clock = StallClock(Patience(warn=10, end=20), since=0)
    assert not clock.see(9, 1, 0)
    assert not clock.see(18, 1, 0)
    assert not clock.is_over(28)
    assert clock.see(19, 1, 0)
    assert clock.is_over(29)


def test_bytes_that_trickle_are_no_progress_but_they_add_up() -> None:
    clock = StallClock(Patience(warn=10), since=0)
    assert [t for t in range(1, 12) if clock.see(t, 0, t * 1000)] == [10]
    fast = StallClock(Patience(warn=10), since=0)
    assert not any(fast.see(t, 0, t * MEANINGFUL_BYTES // 4) for t in range(1, 60))


def test_never_is_never() -> None:
    clock = StallClock(Patience(NEVER, NEVER), since=0)
    assert not clock.see(1e9, 0, 0)
    assert not clock.is_over(1e9)


def test_description_names_step_inputs_and_how_long() -> None:
    doing = [Doing("read", f"time={n} (https://host/{n}.nc)", 1900.0 - n, "node-1:17") for n in range(7)]
    text = describe(1860, ["write (3 of 40 done)"], doing)
    assert text.splitlines()[0] == "no progress for 31 min in write (3 of 40 done); under way:"
    assert text.splitlines()[1].split() == [
        "read",
        "time=0",
        "(https://host/0.nc)",
        "for",
        "31",
        "min",
        "on",
        "node-1:17",
    ]
    assert text.splitlines()[-1] == "  ... and 2 more"
    assert describe(60, [], []) == "no progress for 60 s; no worker tells of anything under way"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "0.2 s"), (45, "45 s"), (119, "119 s"), (1860, "31 min"), (7500, "2 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
