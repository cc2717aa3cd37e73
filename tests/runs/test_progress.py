"""What runs tell, and how front ends are reached by name."""

from __future__ import annotations

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


def test_unknown_channel_is_silent() -> None:
    silent = progress.at("never")
    assert isinstance(silent, progress.Silent)
    silent.start("x", 1)
    silent.advance("x")
    silent.note("x")
    silent.finish("x")
