"""Processes that are watched: their answers, and every way in which they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.ci.supervision import Ended, supervise
from tests.cli.invocation import environment

HEAD = """
import json, os, signal, sys, time
from pathlib import Path
said = json.loads(sys.stdin.readline())
def answer(**what):
    Path(said["answer"]).write_text(json.dumps(what))
def began():
    Path(said["job"]).write_text(str(os.getpid()))
"""


def _supervise(body: str, mark: Path, **given: Any) -> Ended:
    return supervise(
        {"job": str(mark)},
        command=(sys.executable, "-c", HEAD + body),
        **{"timeout": 60 if "clock" in given else 250, **given},
    )


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A zombie that nobody has waited for is gone as well.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _wait_until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 250
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


def _when_begun(mark: Path, clock: list[float]) -> Callable[[], float]:
    """A clock that jumps once the process has begun, however slow the machine is."""
    return lambda: clock[1] if mark.exists() and mark.read_text() else clock[0]


def test_an_answer(tmp_path: Path) -> None:
    got = _supervise("answer(outcome='done', deadline=said['deadline'])", tmp_path / "m", clock=lambda: 100.0)
    assert (got.code, got.by, got.killed) == (0, "itself", False)
    assert got.answer == {"outcome": "done", "deadline": 160.0}


@pytest.mark.parametrize(
    ("body", "code"),
    [("sys.exit(3)", 3), ("os.kill(os.getpid(), signal.SIGKILL)", -9), ("Path(said['answer']).write_text('{')", 0)],
)
def test_no_answer(body: str, code: int, tmp_path: Path) -> None:
    assert _supervise(body, tmp_path / "m") == Ended(None, code, "itself")


@pytest.mark.parametrize(("clock", "by"), [([0.0, 61.0], "timeout"), ([0.0, 31.0], "budget")])
def test_time_is_over(clock: list[float], by: str, tmp_path: Path) -> None:
    body = """
try:
    began()
    time.sleep(300)
except KeyboardInterrupt:
    answer(outcome='stopped')
"""
    mark = tmp_path / "m"
    got = _supervise(body, mark, clock=_when_begun(mark, clock), budget_ends=30.0 if by == "budget" else None)
    assert (got.by, got.killed, got.answer) == (by, False, {"outcome": "stopped"})


def test_one_that_does_not_stop_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    body = f"""
import subprocess
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(300)"])
Path({str(tmp_path / "child")!r}).write_text(str(child.pid))
began()
time.sleep(300)
"""
    mark = tmp_path / "m"
    got = _supervise(body, mark, clock=_when_begun(mark, [0.0, 61.0]), grace=0.3)
    assert (got.by, got.killed, got.code) == ("timeout", True, -9)
    child = int((tmp_path / "child").read_text())
    _wait_until(lambda: _gone(child))


def test_what_a_run_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    body = f"""
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
Path({str(tmp_path / "child")!r}).write_text(str(child.pid))
answer(outcome='done')
"""
    assert _supervise(body, tmp_path / "m").by == "itself"
    child = int((tmp_path / "child").read_text())
    _wait_until(lambda: _gone(child))


def test_the_user_wants_an_end(tmp_path: Path) -> None:
    mark, stop = tmp_path / "m", threading.Event()

    def watch() -> None:
        _wait_until(mark.exists)
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    assert _supervise("began()\ntime.sleep(300)", mark, stop=stop).by == "user"


def test_a_run_ends_when_its_supervisor_is_gone(tmp_path: Path) -> None:
    """Also where the supervisor was killed: the real process reads its end of the pipe."""
    body = f"""
import os, sys, threading, time
from pathlib import Path
from pangeo_forge.ci import child
class Never:
    pass
threading.Thread(target=child._stop_with_supervisor, daemon=True).start()
try:
    Path({str(tmp_path / "m")!r}).write_text(str(os.getpid()))
    time.sleep(300)
except KeyboardInterrupt:
    Path({str(tmp_path / "stopped")!r}).write_text("soundly")
"""
    script = tmp_path / "child.py"
    script.write_text(body)
    outer = f"""
import sys
from pangeo_forge.ci.supervision import supervise
supervise({{}}, timeout=300, command=(sys.executable, {str(script)!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", outer], env=dict(environment()))
    try:
        mark = tmp_path / "m"
        _wait_until(lambda: mark.exists() and bool(mark.read_text()))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    _wait_until((tmp_path / "stopped").exists)


def test_the_job_is_not_on_the_command_line(tmp_path: Path) -> None:
    body = "answer(words=open('/proc/self/cmdline').read())"
    got = _supervise(body, tmp_path / "secret-job")
    assert "secret-job" not in json.dumps(dict(got.answer or {}))
