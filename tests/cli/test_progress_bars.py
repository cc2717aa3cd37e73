"""Lines for logs, bars for terminals, nothing for machines."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from pangeo_forge.cli.progress_bars import Bars, Lines, front_end
from pangeo_forge.progress import Silent


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with front_end(quiet=True) as shown:
        assert isinstance(shown, Silent)
        shown.note("never")
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_there_is_a_line_a_stage_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with front_end(quiet=False) as shown:
        assert isinstance(shown, Lines)
        shown.note("hello")
        shown.start("write", 1200)
        for _ in range(1200):
            shown.advance("write", 1, 1000)
        shown.finish("write")
        shown.finish("never begun")
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "hello"
    assert lines[1].startswith("write: 1,200, 1.2 MB, ")
    assert lines[1].endswith(" s")
    assert lines[2].startswith("never begun: 0, ")


def test_bars_count_and_show_bytes() -> None:
    screen = io.StringIO()
    with Progress(console=Console(file=screen, force_terminal=True, width=100)) as made:
        bars = Bars(made)
        bars.start("write", 4)
        bars.advance("write", 1, 2_000_000)
        bars.advance("never begun", 1, 5)
        task = made.tasks[0]
        assert (task.completed, task.total) == (1, 4)
        assert task.fields["moved"].startswith("2 MB")
        assert task.fields["moved"].endswith("/s")
        bars.finish("write")
        assert made.tasks[0].finished
        bars.finish("never begun")
        bars.note("a [bracketed] path")
    assert "a [bracketed] path" in screen.getvalue()
