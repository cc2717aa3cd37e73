"""The log of entries: what was added last counts, whatever was torn, killed or rewritten in between."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.entries import Entry, EntryLog

KEYS = ["ab" + "0" * 62, "ab" + "1" * 62, "cd" + "0" * 62]


def entry(key: str, size: int = 1, url: str = "https://example.org/a") -> Entry:
    return Entry(key, url, size, "f" * 64, None, None, "2020-01-01T00:00:00+00:00")


@pytest.fixture
def log(tmp_path: Path) -> EntryLog:
    return EntryLog(str(tmp_path / "entries"))


def test_the_last_of_a_key_counts(log: EntryLog) -> None:
    assert log.get(KEYS[0]) is None
    assert list(log.all()) == []
    log.put(entry(KEYS[0], 1))
    log.put(entry(KEYS[1], 2))
    log.put(entry(KEYS[0], 3))
    assert log.get(KEYS[0]) == entry(KEYS[0], 3)
    assert list(log.all()) == [entry(KEYS[0], 3), entry(KEYS[1], 2)]
    log.drop(KEYS[0])
    assert log.get(KEYS[0]) is None
    assert list(log.all()) == [entry(KEYS[1], 2)]
    log.put(entry(KEYS[0], 4))
    assert log.get(KEYS[0]) == entry(KEYS[0], 4)


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "drop", "tear", "compact"]), st.sampled_from(KEYS), st.integers(0, 9)),
        max_size=12,
    )
)
def test_as_a_mapping_would(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int]]) -> None:
    folder = tmp_path_factory.mktemp("log")
    log, expected = EntryLog(str(folder)), dict[str, Entry]()
    for what, key, number in steps:
        if what == "put":
            log.put(entry(key, number))
            expected[key] = entry(key, number)
        elif what == "drop":
            log.drop(key)
            expected.pop(key, None)
        elif what == "tear":
            with open(folder / f"{key[:2]}.jsonl", "ab") as file:
                file.write(b"\n" + entry(key, 99).to_line()[: 20 + 9 * number])
        else:
            log.compact()
        assert {e.key: e for e in log.all()} == expected
        assert {k: e for k in KEYS if (e := log.get(k)) is not None} == expected


def test_a_url_cannot_pose_as_an_entry(log: EntryLog) -> None:
    log.put(entry(KEYS[0], 1, url=f'https://example.org/{{"key":"{KEYS[1]}"}}\n'))
    assert log.get(KEYS[1]) is None


def test_compact_leaves_the_lines_that_count(log: EntryLog, tmp_path: Path) -> None:
    for size in range(50):
        log.put(entry(KEYS[0], size))
    before = (tmp_path / "entries/ab.jsonl").stat().st_size
    log.compact()
    assert (tmp_path / "entries/ab.jsonl").stat().st_size < before / 20
    assert list(log.all()) == [entry(KEYS[0], 49)]
    assert [p.name for p in (tmp_path / "entries").iterdir()] == ["ab.jsonl"]


_WRITER = """
import sys
from pangeo_forge.inputs.fetch.entries import Entry, EntryLog
log, name = EntryLog(sys.argv[1]), sys.argv[2]
for i in range(300):
    log.put(Entry("ab" + name + f"{i:061d}", "u", i, "f" * 64, None, None, ""))
    if i % 50 == 0:
        log.compact()
"""


def test_processes_that_append_and_rewrite_lose_nothing(log: EntryLog, tmp_path: Path) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path / "entries"), name]) for name in ("a", "b")
    ]
    assert [c.wait(60) for c in children] == [0, 0]
    assert len(list(log.all())) == 600


def test_a_full_disk_tears_one_line_and_says_so(log: EntryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    real = os.write
    log.put(entry(KEYS[0]))
    monkeypatch.setattr("pangeo_forge.inputs.fetch.entries.os.write", lambda fd, data: real(fd, data[:30]))
    with pytest.raises(InputError) as caught:
        log.put(entry(KEYS[1]))
    assert caught.value.code == "I308"
    monkeypatch.undo()
    assert log.get(KEYS[1]) is None
    log.put(entry(KEYS[1], 7))
    assert {e.size for e in log.all()} == {1, 7}
