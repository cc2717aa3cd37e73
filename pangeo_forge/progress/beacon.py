"""The thread by which a worker process tells a driver elsewhere how it goes.

It puts one small file over and over: when something is new, at most once an interval; and once a minute while something is
under way, as a sign of life. A hung input is told by what stands in the last file. Nothing here may end the work: a put
that fails is tried again at the next interval.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from uuid import uuid4

from pangeo_forge.progress.report import ENDING, STOP, Report, ReportFolder
from pangeo_forge.progress.reporter import Reporter

SIGN_OF_LIFE = 60.0
"""Seconds after which a report is put although nothing is new."""
IDLE = 600.0
"""Seconds without any work after which the thread ends; the next work starts another."""


class Beacon:
    """Reports for one reporter, from a thread of its own."""

    def __init__(self, reporter: Reporter, folder: ReportFolder, interval: float) -> None:
        self.reporter = reporter
        self._folder = folder
        self._interval = interval
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._file = f"{self._worker.replace(':', '-')}-{uuid4().hex[:8]}{ENDING}"
        self._last: Report | None = None
        self._put_at = time.monotonic()
        self._worked_at = time.monotonic()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def ensure(self) -> None:
        """Start the thread, if it does not run."""
        self._worked_at = time.monotonic()
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while time.monotonic() - self._worked_at < IDLE:
            time.sleep(self._interval)
            with suppress(Exception):
                self.beat()
            if self._folder.is_local and not os.path.isdir(self._folder.url):
                # The driver is gone.
                self.reporter.stopped.set()
                return

    def beat(self) -> bool:
        """Put a report if it is time to; whether it was."""
        now = time.monotonic()
        report = Report.of(self.reporter, self._worker)
        if report.doing:
            self._worked_at = now
        news = report.is_news(self._last)
        if news or (report.doing and now - self._put_at >= SIGN_OF_LIFE):
            self._folder.put(self._file, report.to_bytes())
            self._last, self._put_at = report, now
            news = True
        if report.doing and self._folder.exists(STOP):
            self.reporter.stopped.set()
        return news
