"""The driver's side: reports of several processes shown as one, and the watchdog over them. No thread, no waiting."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from pangeo_forge.progress import NEVER, Patience, Recorder, Reporter
from pangeo_forge.progress import beacon as beacons
from pangeo_forge.progress.beacon import Beacon
from pangeo_forge.progress.monitor import Monitor, Screen
from pangeo_forge.progress.report import STOP, Report, ReportFolder


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> ReportFolder:
    if request.param == "local":
        made = ReportFolder(str(tmp_path / "progress"))
    else:
        made = ReportFolder(f"memory://{tmp_path.name}/progress")
        fsspec.filesystem("memory").mkdirs(f"/{tmp_path.name}/progress", exist_ok=True)
    made.make()
    return made


def _monitor(folder: ReportFolder | None, patience: Patience, told: Recorder, clock: Clock) -> Monitor:
    screen = Screen(told)
    return Monitor(Reporter(screen), screen, folder, 1.0, patience, clock)


def test_reports_of_processes_add_up_on_one_screen(folder: ReportFolder) -> None:
    told = Recorder()
    monitor = _monitor(folder, Patience(), told, Clock())
    monitor.reporter.start("write", 10)
    workers = [Beacon(Reporter(), folder, 1.0) for _ in range(3)]
    for number, worker in enumerate(workers):
        worker.reporter.advance("write", number + 1, 100)
        worker.reporter.start("fetch", 20)
        worker.reporter.note(f"retrying {number}")
        assert worker.beat()
    monitor.gather()
    assert told.done["write"] == 6
    assert told.nbytes["write"] == 300
    assert told.totals == {"write": 10, "fetch": 20}
    assert sorted(told.notes) == ["retrying 0", "retrying 1", "retrying 2"]
    monitor.gather()
    assert told.done["write"] == 6
    workers[0].reporter.advance("write", 2, 50)
    workers[0].beat()
    monitor.gather()
    assert (told.done["write"], told.nbytes["write"]) == (8, 350)
    assert len(told.notes) == 3


def test_tasks_that_were_done_twice_are_not_shown_twice(folder: ReportFolder) -> None:
    told = Recorder()
    monitor = _monitor(folder, Patience(), told, Clock())
    monitor.reporter.start("write", 3)
    for _ in range(2):
        worker = Beacon(Reporter(), folder, 1.0)
        worker.reporter.advance("write", 2)
        worker.beat()
    monitor.gather()
    assert told.done["write"] == 3


def test_the_end_of_a_stage_shows_what_reports_did_not_tell(folder: ReportFolder) -> None:
    told = Recorder()
    monitor = _monitor(folder, Patience(), told, Clock())
    monitor.reporter.start("write", 5, 500)
    monitor.settle("write", 5, 500)
    assert (told.done["write"], told.nbytes["write"]) == (5, 500)
    assert monitor.screen.active == []


def test_a_beacon_puts_only_what_is_new_and_signs_of_life(
    folder: ReportFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Beacon(Reporter(), folder, 1.0)
    now = beacons.time.monotonic()
    monkeypatch.setattr(beacons.time, "monotonic", lambda: now)
    assert worker.beat()
    assert not worker.beat()
    with worker.reporter.doing("read", "time=1"):
        assert worker.beat()
        assert not worker.beat()
        now += beacons.SIGN_OF_LIFE
        assert worker.beat()
        assert not worker.beat()
    assert worker.beat()
    now += 10 * beacons.SIGN_OF_LIFE
    assert not worker.beat()


def test_giving_up_reaches_workers_elsewhere(folder: ReportFolder) -> None:
    monitor = _monitor(folder, Patience(), Recorder(), Clock())
    worker = Beacon(Reporter(), folder, 1.0)
    with worker.reporter.doing("read", "time=1"):
        worker.beat()
        assert not worker.reporter.stopped.is_set()
        monitor.give_up()
        worker.beat()
        assert worker.reporter.stopped.is_set()
    assert monitor.reporter.stopped.is_set()
    assert folder.exists(STOP)


def test_a_report_that_is_damaged_tells_nothing(folder: ReportFolder) -> None:
    folder.put("worker-1.json", b"{half")
    monitor = _monitor(folder, Patience(), Recorder(), Clock())
    monitor.gather()
    assert monitor.under_way(0.0) == []


def test_report_survives_its_way() -> None:
    reporter = Reporter()
    reporter.start("write", 4, 100)
    reporter.advance("write", 1, 25)
    with reporter.doing("read", "time=1"):
        report = Report.of(reporter, "host:7")
    again = Report.from_bytes(report.to_bytes())
    assert again.stages == report.stages
    assert [(d.step, d.name, d.worker) for d in again.doing] == [("read", "time=1", "host:7")]


def test_a_stall_is_told_with_what_is_under_way_anywhere(folder: ReportFolder) -> None:
    told, clock = Recorder(), Clock()
    monitor = _monitor(folder, Patience(warn=60, end=100), told, clock)
    monitor.reporter.start("write", 40)
    worker = Beacon(Reporter(), folder, 1.0)
    with worker.reporter.doing("write", "task 3"), worker.reporter.doing("read", "time=2001 (https://host/2001.nc)"):
        worker.beat()
    monitor.gather()
    clock.now = 59
    monitor.mind()
    assert told.notes == []
    clock.now = 61
    monitor.mind()
    [warning] = told.notes
    assert warning.startswith("warning: no progress for 61 s in write (0 of 40 done); under way:\n  read ")
    assert "time=2001 (https://host/2001.nc)" in warning
    assert "for 61 s" in warning
    assert monitor.verdict is None
    clock.now = 101
    monitor.mind()
    assert monitor.verdict is not None
    assert (monitor.verdict.code, monitor.verdict.exit_code) == ("B120", 2)
    assert "https://host/2001.nc" in monitor.verdict.message
    assert "task 3" in monitor.verdict.message


def test_progress_of_any_process_is_progress(folder: ReportFolder) -> None:
    told, clock = Recorder(), Clock()
    monitor = _monitor(folder, Patience(warn=10, end=NEVER), told, clock)
    worker = Beacon(Reporter(), folder, 1.0)
    for clock.now in range(0, 100, 6):
        if clock.now % 12:
            monitor.reporter.advance("write")
        else:
            worker.reporter.advance("write")
            worker.beat()
        monitor.gather()
        monitor.mind()
    assert told.notes == []
