"""Front ends are reached by a channel, while it lasts."""

from __future__ import annotations

import pytest

from pangeo_forge import progress


def test_recorder_adds_up() -> None:
    told = progress.Recorder()
    told.start("write", 3)
    told.advance("write", 1, 10)
    told.advance("write", 2, 5)
    told.note("a line")
    told.finish("write")
    assert (told.totals, told.done, told.nbytes, told.notes) == ({"write": 3}, {"write": 3}, {"write": 15}, ["a line"])


def test_channel_reaches_the_front_end_while_it_lasts() -> None:
    told = progress.Recorder()
    with progress.channel(told) as name:
        progress.at(name).advance("write")
        with progress.channel(progress.Recorder()) as other:
            assert other != name
            progress.at(other).advance("write")
    progress.at(name).advance("write")
    assert told.done == {"write": 1}


def test_nobody_listens_to_a_channel_of_another_process() -> None:
    silent = progress.at(progress.Channel("never"))
    silent.start("x", 1)
    silent.advance("x")
    silent.note("x")
    silent.finish("x")
    with silent.doing("read", "x"):
        pass


def test_work_that_outlives_a_run_that_was_given_up_learns_of_it() -> None:
    with progress.channel(progress.Recorder()) as channel:
        early = progress.at(channel)
        progress.give_up(channel)
    for reporter in (early, progress.at(channel)):
        with pytest.raises(progress.Stopped), reporter.doing("write", "task 1"):
            pytest.fail("this must not run")


def test_after_its_end_nobody_listens() -> None:
    with progress.channel(progress.Recorder()) as channel:
        pass
    with progress.at(channel).doing("write", "task 1"):
        progress.at(channel).advance("write")
