"""The driver's side: gathers what all processes tell, shows it, and sees when nothing moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from pangeo_forge.errors import BakeryError
from pangeo_forge.progress.front_end import Progress
from pangeo_forge.progress.report import STOP, Report, ReportFolder
from pangeo_forge.progress.reporter import Doing, Reporter, Stage
from pangeo_forge.progress.stall import Patience, StallClock, describe

LOOKS = 1.0
"""Seconds between two looks at reports, at least: of remote ones an interval."""
STALLED = "B120"


class Screen:
    """Shows the counts of all processes as one; what a retried task counts twice is shown once."""

    def __init__(self, front_end: Progress) -> None:
        self._front_end = front_end
        self.shown: dict[str, Stage] = {}
        self.active: list[str] = []
        self._lock = threading.Lock()

    def start(self, stage: str, total: int, total_bytes: int | None = None) -> None:
        """A stage begins."""
        with self._lock:
            self.shown[stage] = Stage(total, total_bytes)
            self.active = [s for s in self.active if s != stage] + [stage]
        self._front_end.start(stage, total, total_bytes)

    def advance(self, stage: str, count: int = 1, nbytes: int = 0) -> None:
        """Show more, up to the total."""
        with self._lock:
            known = self.shown.setdefault(stage, Stage())
            if known.total:
                count = max(0, min(count, known.total - known.done))
            known.done += count
            known.nbytes += nbytes
        if count or nbytes:
            self._front_end.advance(stage, count, nbytes)

    def note(self, text: str) -> None:
        """A line."""
        self._front_end.note(text)

    def finish(self, stage: str) -> None:
        """The stage is over."""
        with self._lock:
            self.active = [s for s in self.active if s != stage]
        self._front_end.finish(stage)

    def settle(self, stage: str, done: int, nbytes: int) -> None:
        """Show what is known for sure: the last reports of workers come late, or never."""
        with self._lock:
            known = self.shown.get(stage, Stage())
            missing = done - known.done, nbytes - known.nbytes
        if missing[0] > 0 or missing[1] > 0:
            self.advance(stage, max(0, missing[0]), max(0, missing[1]))

    def steps(self) -> list[str]:
        """``write (3 of 40 done)``, the stages that are under way."""
        with self._lock:
            stages = [(s, self.shown[s]) for s in self.active]
        return [f"{name} ({s.done:,} of {s.total:,} done)" if s.total else name for name, s in stages]


class Monitor:
    """Reads reports and minds the clock, in a thread, until it is closed.

    Parameters
    ----------
    reporter: of the driver's own process; its front end is ``screen``.
    folder: where other processes report; None: there are none.
    """

    def __init__(
        self,
        reporter: Reporter,
        screen: Screen,
        folder: ReportFolder | None,
        interval: float,
        patience: Patience,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reporter, self.screen = reporter, screen
        self.verdict: BakeryError | None = None
        """Why the run must end."""
        self._folder = folder
        self._interval = interval
        self._clock = clock
        self._stall = StallClock(patience, clock())
        self._tags: dict[str, object] = {}
        self._reports: dict[str, tuple[Report, float]] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._tick = min(LOOKS, patience.warn / 4, patience.end / 4)

    def start(self) -> None:
        """Begin to watch."""
        if self._folder is not None:
            self._folder.make()
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._closed.set()
        self._thread.join(5)

    def give_up(self) -> None:
        """Tell all workers to stop before they write again."""
        self.reporter.stopped.set()
        if self._folder is not None:
            with suppress(Exception):
                self._folder.put(STOP, b"")

    def settle(self, stage: str, done: int, nbytes: int) -> None:
        """A stage is over, and exactly so much was done: show it, whatever reports have told; its fetching is over, too."""
        if self._folder is not None:
            with suppress(Exception):
                self.gather()
        self.screen.settle(stage, done, nbytes)
        for name in (stage, "fetch"):
            if name in self.screen.active:
                self.screen.finish(name)
        self._stall.reset(self._clock())

    def _run(self) -> None:
        looked = 0.0
        while not self._closed.wait(self._tick):
            # Whatever goes wrong with a report, the work goes on, and the next look may succeed.
            with suppress(Exception):
                if self._folder is not None and self._clock() - looked >= self._interval:
                    looked = self._clock()
                    self.gather()
                self.mind()

    def gather(self) -> None:
        """Read the reports that are new, and show what they add."""
        assert self._folder is not None
        for name, report in self._folder.changed(self._tags):
            before = self._reports.get(name, (Report(report.worker, {}), 0.0))[0]
            self._reports[name] = report, self._clock()
            for stage, now in report.stages.items():
                then = before.stages.get(stage, Stage())
                if now.total and stage not in self.screen.shown:
                    self.screen.start(stage, now.total, now.total_bytes)
                self.screen.advance(stage, now.done - then.done, now.nbytes - then.nbytes)
            fresh = report.noted - before.noted
            for line in report.notes[len(report.notes) - min(fresh, len(report.notes)) :]:
                self.screen.note(line)

    def mind(self) -> None:
        """Warn, or decide to end, when nothing has moved for too long."""
        now = self._clock()
        if not self.screen.active and not self.under_way(now):
            # The program is getting ready.
            self._stall.reset(now)
        totals = [self.reporter.moved(), *(_moved(r) for r, _ in self._reports.values())]
        due = self._stall.see(now, sum(t[0] for t in totals), sum(t[1] for t in totals))
        if self._stall.is_over(now) and self.verdict is None:
            self.verdict = BakeryError(
                f"{self._said(now)}\n",
                code=STALLED,
                hint="what is done is kept: run again, or give it longer with --stall-limit",
            )
        elif due:
            self.screen.note(f"warning: {self._said(now)}")

    def _said(self, now: float) -> str:
        return describe(now - self._stall.since, self.screen.steps(), self.under_way(now))

    def under_way(self, now: float) -> list[Doing]:
        """What all processes have under way, the longest first."""
        found = list(self.reporter.under_way())
        for report, heard in self._reports.values():
            found += [Doing(d.step, d.name, d.seconds + now - heard, d.worker) for d in report.doing]
        # A task waits for the input that it reads: the input comes first.
        return sorted(found, key=lambda d: (d.step == "write", -d.seconds))


def _moved(report: Report) -> tuple[int, int]:
    return sum(s.done for s in report.stages.values()), sum(s.nbytes for s in report.stages.values())
