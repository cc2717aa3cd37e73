"""A job server as a child process: Beam's own in Python, or one of its Java ones for Flink and Spark."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pangeo_forge.errors import BakeryError

PATIENCE = 120.0
"""Seconds that a job server may take to start: a loaded machine needs half a minute for Java's."""
_STARTED = re.compile(r"JobService started on [^\s:]+:(\d+)")
_DIE_WITH_PARENT = 'exec 3<&0; (cat <&3 >/dev/null; kill -TERM 0) & exec "$@" </dev/null 3<&-'
"""Our end of the pipe closes when this process ends, however: then the group is ended, too."""
_SHOWN = 3
"""Lines of its log that an error shows."""


@dataclass
class JobServer:
    """One job server; started on first use, stopped by :meth:`stop` or with this process.

    Parameters
    ----------
    command: the program and its arguments; ``{port}`` and ``{folder}`` are filled in.
    where: the bakery, for messages.
    """

    command: Sequence[str]
    where: str
    _process: subprocess.Popen[bytes] | None = None
    _folder: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)
    _endpoint: str = ""

    def endpoint(self) -> str:
        """Its address.

        Raises
        ------
        BakeryError: B019 it does not start.
        """
        if not self._endpoint:
            self._start()
        return self._endpoint

    def stop(self) -> None:
        """Stop it and what it started, and remove its folder."""
        process, self._process, self._endpoint = self._process, None, ""
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdin is not None:
                process.stdin.close()
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.cleanup()
            self._folder = None

    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text(errors="replace") if self._folder is not None and self._log.exists() else ""

    @property
    def _log(self) -> Path:
        return Path(self._folder.name if self._folder else "") / "log"

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pangeo-forge-job-server-")
        port = free_port()
        filled = [part.format(port=port, folder=self._folder.name) for part in self.command]
        with self._log.open("wb") as log:
            # A group of its own: Ctrl-C must reach the driver only, which then cancels the job through this server.
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                ["/bin/sh", "-c", _DIE_WITH_PARENT, "sh", *filled],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
        latest = time.monotonic() + PATIENCE
        while time.monotonic() < latest:
            if self._process.poll() is not None:
                break
            told = _STARTED.search(self.log())
            if told is not None or answers(port):
                self._endpoint = f"localhost:{told[1] if told else port}"
                return
            time.sleep(0.05)
        lines = [line for line in self.log().splitlines() if line.strip()][-_SHOWN:]
        self.stop()
        raise BakeryError(
            "the job server does not start: " + (" | ".join(lines)[:500] or "it says nothing"),
            code="B019",
            where=self.where,
            hint=f"try it by hand: {' '.join(filled)}",
        )


def python_job_server(where: str) -> JobServer:
    """Beam's own job service, in a process of its own."""
    module = "apache_beam.runners.portability.local_job_service_main"
    staging = "--staging_dir={folder}/staging"
    return JobServer([sys.executable, "-m", module, "--port={port}", staging], where)


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as tried:
        tried.settimeout(1)
        return tried.connect_ex(("127.0.0.1", port)) == 0


def reachable(address: str, timeout: float = 5.0) -> str | None:
    """None when something listens at HOST:PORT (with a scheme or without); else why not."""
    host, _, port = re.sub(r"^[a-z]+://", "", address).rstrip("/").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout).close()
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return None
