"""The runner's settings, and how results come back; no pipeline is run here."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.pipeline.runner import Mailbox, MergeAll, RunnerSettings, _was_stopped, ranges


@dataclass(frozen=True)
class Bag:
    """Something that merges."""

    items: tuple[int, ...] = ()

    def merge(self, other: Bag) -> Bag:
        return Bag(self.items + other.items)


@given(st.integers(0, 5000), st.integers(1, 300), st.integers(1, 64))
def test_ranges_cover_everything_once_and_in_order(count: int, at_most: int, shares: int) -> None:
    made = ranges(count, at_most, shares=shares)
    assert [i for start, stop in made for i in range(start, stop)] == list(range(count))
    assert all(0 < stop - start <= at_most for start, stop in made)
    assert len(made) >= min(count, shares)


def test_mailbox_hands_over_once(tmp_path: Path) -> None:
    box: Mailbox[dict[str, int]] = Mailbox.within(tmp_path / "not there yet", "result")
    again = pickle.loads(pickle.dumps(box))
    again.put({"a": 1})
    assert box.take() == {"a": 1}
    assert list((tmp_path / "not there yet").iterdir()) == []
    with pytest.raises(FileNotFoundError):
        box.take()


def test_mailboxes_of_one_name_are_apart(tmp_path: Path) -> None:
    assert Mailbox.within(tmp_path, "x").path != Mailbox.within(tmp_path, "x").path


@given(st.lists(st.integers(), max_size=40), st.integers(0, 39))
def test_merge_all_keeps_everything_whatever_the_bundles(items: list[int], cut: int) -> None:
    merging = MergeAll(Bag)
    parts = []
    for part in (items[:cut], items[cut:]):
        accumulator = merging.create_accumulator()
        for item in part:
            accumulator = merging.add_input(accumulator, Bag((item,)))
        parts.append(accumulator)
    merged = merging.merge_accumulators(parts)
    assert merging.extract_output(merged) == Bag(tuple(items))


def test_merge_of_nothing_is_the_neutral_one() -> None:
    merging = MergeAll(lambda: Bag((7,)))
    assert merging.extract_output(merging.create_accumulator()) == Bag((7,))


@pytest.mark.parametrize(
    ("mode", "at_once", "direct", "workers"),
    [("threads", 3, "multi_threading", 3), ("processes", 1, "multi_processing", 3), ("single", 1, "in_memory", 1)],
)
def test_settings_become_options_of_beam(mode: str, at_once: int, direct: str, workers: int) -> None:
    settings = RunnerSettings(mode, 3)  # type: ignore[arg-type]
    assert settings.tasks_at_once == at_once
    options = settings.options().get_all_options()
    assert options["direct_running_mode"] == direct
    assert options["direct_num_workers"] == workers


def test_ctrl_c_is_known_behind_what_beam_makes_of_it() -> None:
    assert _was_stopped(RuntimeError("KeyboardInterrupt [while running 'Pull slices, put chunks']"))
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = KeyboardInterrupt()
    assert _was_stopped(wrapped)
    assert not _was_stopped(RuntimeError("the user pressed KeyboardInterrupt"))
