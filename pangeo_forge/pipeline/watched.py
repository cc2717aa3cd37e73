"""Runs a pipeline under the eyes of the run's watchdog: when nothing moves for too long, the wait ends with an error."""

from __future__ import annotations

import ctypes
import threading
from contextlib import suppress

from pangeo_forge import progress
from pangeo_forge.pipeline.engines.local import LocalEngine
from pangeo_forge.pipeline.engines.protocol import Build, Engine
from pangeo_forge.pipeline.offspring import end_offspring, offspring

CHECKS = 0.2
"""Seconds between two looks at the watchdog."""
GRACE = 15.0
"""Seconds that an engine has to cancel a job."""


def run_watched(engine: Engine, build: Build, channel: progress.Channel | None) -> None:
    """Run a pipeline in a thread of its own, and wait for its end.

    A thread, because code that hangs cannot be interrupted: it can only be left behind. What is left behind must not write
    any more: reporters are told to stop, which tasks ask before they put anything. Jobs and processes elsewhere are ended.

    Raises
    ------
    BakeryError: B120, nothing has moved for longer than the run's patience.
    """
    ended = threading.Event()
    failures: list[BaseException] = []

    def call() -> None:
        try:
            engine.run(build)
        except BaseException as error:  # noqa: BLE001 - raised below, in the caller's thread
            failures.append(error)
        finally:
            ended.set()

    elsewhere = engine.workforce.travels or not isinstance(engine, LocalEngine)
    before = offspring() if elsewhere else frozenset()
    thread = threading.Thread(target=call, name="pipeline", daemon=True)
    thread.start()
    try:
        while not ended.wait(CHECKS):
            if (error := progress.verdict(channel)) is not None:
                raise error
    except BaseException:
        progress.give_up(channel)
        if elsewhere:
            _interrupt(thread)
            with suppress(KeyboardInterrupt):
                ended.wait(GRACE)
            end_offspring(but=before)
        raise
    if failures:
        raise failures[0]


def _interrupt(thread: threading.Thread) -> None:
    """As Ctrl-C does to the main thread: on it an engine cancels its job."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(KeyboardInterrupt))
