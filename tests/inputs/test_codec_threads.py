"""Work is spread over a bounded number of threads, and never lost or left running."""

from __future__ import annotations

import threading
import time

import pytest

from pangeo_forge.inputs.codec_threads import available_cpus, run_all


@pytest.mark.parametrize("threads", [0, 1, 2, 5])
def test_every_item_is_done_once(threads: int) -> None:
    done: list[int] = []
    run_all(done.append, range(200), threads)
    assert sorted(done) == list(range(200))


def test_no_more_than_the_threads_asked_for() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1

    run_all(work, range(30), 2)
    assert 1 <= most <= min(2, available_cpus() + 1)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_is_raised_when_all_have_ended(threads: int) -> None:
    running = 0

    def work(n: int) -> None:
        nonlocal running
        running += 1
        try:
            if n == 3:
                raise KeyError(n)
            time.sleep(0.001)
        finally:
            running -= 1

    with pytest.raises(KeyError):
        run_all(work, range(100), threads)
    assert running == 0


def test_nested_calls_do_not_wait_for_each_other() -> None:
    done: list[tuple[int, int]] = []

    def outer(i: int) -> None:
        run_all(lambda j: done.append((i, j)), range(10), 4)

    run_all(outer, range(10), 4)
    assert len(done) == len(set(done)) == 100
