"""Kill runs at random moments, with a reader beside them."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pangeo_forge.runs.place import Place
from tests.publish.archive import Daily, read

PROJECT = Path(__file__).resolve().parents[2]
READ_EVERY = 0.05


@dataclass
class Zygote:
    """The other end of ``zygote.py``."""

    process: subprocess.Popen[str]
    log: Path

    def run(self, archive: Daily, kill_after: float | None = None, **given: Any) -> int:
        """Run once; SIGKILL to the whole group after ``kill_after`` seconds. The exit code (-9: killed)."""
        command = {
            "folder": str(archive.folder),
            "target": archive.target,
            "options": archive.storage_options,
            "given": {"max_memory": "900B", **given},
            "target_section": archive.target_section,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        pid = int(self.process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                # It ended before, or has not made its group yet.
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return int(self.process.stdout.readline())


@contextmanager
def zygote(folder: Path) -> Iterator[Zygote]:
    """A zygote, stopped at the end."""
    log = folder / "zygote.log"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "ZYGOTE_LOG": str(log), "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.publish.zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=PROJECT,
        env=environment,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield Zygote(process, log)
    finally:
        process.kill()
        process.wait()


@dataclass
class Reader:
    """Opens and reads the dataset every 50 ms and remembers what it saw that was neither old nor new."""

    place: Place
    allowed: list[np.ndarray | None]
    wrong: list[str] = field(default_factory=list)
    reads: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Reader:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.look()

    def _watch(self) -> None:
        while not self._stop.wait(READ_EVERY):
            self.look()

    def look(self) -> None:
        """Read once."""
        try:
            store = self.place.current()
            seen = None if store is None else read(store, dict(self.place.options))["sst"]
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
            return
        self.reads += 1
        if not any(_same(seen, a) for a in self.allowed):
            self.wrong.append(f"shape {None if seen is None else seen.shape}")


def _same(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    if one is None or two is None:
        return one is two
    return np.array_equal(one, two)


def kill_at_random(
    zygote: Zygote,
    archive: Daily,
    given: dict[str, Any],
    longest: float,
    rng: random.Random,
    check: Callable[[], None],
    allowed: list[np.ndarray | None],
    kills: int = 1,
) -> int:
    """Kill a run some times, then let it end; ``check`` looks at the result. How many kills hit a running run."""
    place = Place.of(archive.target, "daily", archive.storage_options)
    hit = 0
    with Reader(place, allowed) as reader:
        for _ in range(kills):
            hit += zygote.run(archive, rng.uniform(0, longest), **given) == -9
        code = zygote.run(archive, **given)
        assert code == 0, zygote.log.read_text()[-3000:]
    assert not reader.wrong, reader.wrong[:5]
    assert reader.reads > 0
    check()
    return hit
