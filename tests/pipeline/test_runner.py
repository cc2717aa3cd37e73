"""The runner's settings, and how results come back; no pipeline is run here."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import BakeryError, RecipeError, TargetError
from pangeo_forge.pipeline.runner import Mailbox, _Options, _was_stopped, failure_of
from pangeo_forge.pipeline.scratch import Scratch
from pangeo_forge.pipeline.stages import _HandOver, _Outcome


@dataclass(frozen=True)
class Bag:
    """Something that merges."""

    items: tuple[int, ...] = ()

    @classmethod
    def join(cls, parts: Sequence[Bag]) -> Bag:
        return cls(tuple(item for part in parts for item in part.items))


def test_mailbox_hands_over_once(tmp_path: Path) -> None:
    box: Mailbox[dict[str, int]] = Mailbox.within(Scratch(str(tmp_path / "not there yet")), "result")
    again = pickle.loads(pickle.dumps(box))
    again.put({"a": 1})
    assert box.take() == {"a": 1}
    assert list(box.scratch.objects.list()) == []
    with pytest.raises(BakeryError, match="B022"):
        box.take()


def test_result_that_finds_no_room_is_told_to_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an error of its own kind, on every engine: nothing is raised in the worker."""
    box: Mailbox[bytes] = Mailbox.within(Scratch(str(tmp_path)), "result")
    real = os.write

    def full(handle: int, data: memoryview) -> int:
        if len(data) > 5000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr("pangeo_forge.targets.objects.os.write", full)
        box.put(bytes(10_000))
    # In the worker, the disk was full; here, it is not any more, or is another.
    with pytest.raises(TargetError, match="temporary files") as caught:
        box.take()
    assert caught.value.code == "T010"


def test_mailbox_lies_on_any_file_system() -> None:
    box: Mailbox[int] = Mailbox.within(Scratch("memory://scratch/run"), "result")
    pickle.loads(pickle.dumps(box)).put(7)
    assert box.take() == 7
    with pytest.raises(BakeryError, match="workers handed no result over"):
        box.take()


def test_mailboxes_of_one_name_are_apart(tmp_path: Path) -> None:
    scratch = Scratch(str(tmp_path))
    assert Mailbox.within(scratch, "x").name != Mailbox.within(scratch, "x").name


@given(st.lists(st.lists(st.integers(), max_size=5), max_size=20), st.randoms())
def test_all_results_and_errors_are_handed_over_in_any_order(items: list[list[int]], random: Random) -> None:
    """An outcome without a result is that of work that failed."""
    outcomes = [_Outcome(Bag(tuple(i))) if i else _Outcome[Bag](errors=(RecipeError("no", code="X"),)) for i in items]
    random.shuffle(outcomes)
    box: Mailbox[_Outcome[Bag]] = Mailbox.within(Scratch("memory://scratch/run"), "result")
    _HandOver(box).process((0, iter(outcomes)))
    joined = box.take()
    assert sorted(joined.result.items if joined.result else ()) == sorted(i for part in items for i in part)
    assert len(joined.errors) == sum(not i for i in items)
    if joined.errors:
        with pytest.raises(RecipeError):
            joined.taken(Bag())
    else:
        assert joined.taken(Bag((7,))) == (joined.result or Bag((7,)))


def test_views_of_options_share_values_and_survive_pickling() -> None:
    options = _Options(["--direct_num_workers=3", "--job_name=x"])
    assert options.view_as(DirectOptions) is options.view_as(DirectOptions)
    options.view_as(DirectOptions).direct_num_workers = 5
    again = pickle.loads(pickle.dumps(options))
    assert again.view_as(DirectOptions).direct_num_workers == 5
    assert again.view_as(StandardOptions).get_all_options(drop_default=True)["direct_num_workers"] == 5


def test_ctrl_c_is_known_behind_what_beam_makes_of_it() -> None:
    assert _was_stopped(RuntimeError("KeyboardInterrupt [while running 'Pull slices, put chunks']"))
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = KeyboardInterrupt()
    assert _was_stopped(wrapped)
    assert not _was_stopped(RuntimeError("the user pressed KeyboardInterrupt"))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "Traceback (most recent call last):\n  File 'x.py', line 3, in f\nOSError: [Errno 5] disk\n\n"
            "During handling ...\nRuntimeError: OSError: [Errno 5] disk [while running 'Pull slices, put chunks-ptransform-7']",
            "a worker failed: OSError: [Errno 5] disk",
        ),
        ("org.apache.flink.util.FlinkException: slots are gone", "a worker failed: FlinkException: slots are gone"),
        ("the pool is closed\n", "the engine failed: the pool is closed"),
        ("", "the engine failed: RuntimeError"),
    ],
)
def test_what_an_engine_says_becomes_one_line(said: str, shown: str) -> None:
    error = failure_of(RuntimeError(said), "flink")
    assert (error.message, error.code, error.where, error.exit_code) == (shown, "B020", "flink", 2)
