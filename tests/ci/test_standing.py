"""What the records of runs say of a schedule: names suffice, wrong clocks do no harm."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from pangeo_forge.ci.decision import Attempt, Standing
from pangeo_forge.ci.standing import read_standing, standing_from
from pangeo_forge.runs.lease import held
from pangeo_forge.runs.occasion import Occasion
from pangeo_forge.runs.records import RecordName, list_records, write_record
from pangeo_forge.targets.objects import LocalObjects

UTC = dt.UTC
NOW = dt.datetime(2026, 11, 25, 17, 30, tzinfo=UTC)
SIX = "2026-11-25T06:00Z"


class Home(LocalObjects):
    """A dataset's home, which knows what was read of it."""

    def __init__(self, root: Path | str) -> None:
        super().__init__(root)
        self.read: list[str] = []

    def get(self, key: str) -> bytes | None:
        self.read.append(key)
        return super().get(key)

    def add(self, began: str, slot: str | None = None, outcome: str = "done", attempt: int = 1, **more: Any) -> None:
        """A record, as runs write it."""
        time = dt.datetime.fromisoformat(f"{began}+00:00")
        document = {"outcome": outcome, "began": time.isoformat(), "seconds": 60, "fingerprint": "f" * 64, **more}
        if slot:
            document |= Occasion("x", slot, attempt).to_json()
        write_record(self, f"{time:%Y%m%dT%H%M%S}000-abcdef12", document)
        self.read.clear()

    def last(self, now: dt.datetime = NOW, once: str | None = None) -> Attempt:
        found = standing_from(self, now, once=once).last
        assert found is not None
        return found


def test_no_records(tmp_path: Path) -> None:
    assert standing_from(Home(tmp_path), NOW) == Standing()


def test_names_tell_slots(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.add("2026-11-25T06:10", SIX, "failed", 2)
    home.add("2026-11-25T09:00")
    by_hand, served = list_records(home)
    assert by_hand == RecordName("runs/20261125T090000000-abcdef12.json", "20261125T090000000-abcdef12")
    assert served.key == "runs/20261125T061000000-abcdef12_2026-11-25T0600Z_2_failed.json"
    assert (served.run_id, served.slot, served.attempt, served.outcome) == (by_hand.run_id.replace("09", "06").replace("0600", "0610"), SIX, 2, "failed")  # fmt: skip
    assert served.began == NOW.replace(hour=6, minute=10)
    assert RecordName.of("runs/odd_name.json").slot is None
    assert RecordName.of("runs/odd.json").began is None


def test_two_records_of_one_run_are_kept_apart(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for fingerprint in "ab":
        home.add("2026-11-25T06:10", SIX, "stopped", fingerprint=fingerprint)
    assert [n.slot for n in list_records(home)] == [SIX, SIX]


def test_the_latest_slot_tells_and_nothing_is_read(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for hour in range(10):
        home.add(f"2026-11-25T{hour:02d}:10", f"2026-11-25T{hour:02d}:00Z")
    assert home.last() == Attempt("2026-11-25T09:00Z", 1, "done", NOW.replace(hour=9, minute=10))
    assert home.read == []
    assert home.last(NOW.replace(hour=7)).slot == "2026-11-25T07:00Z"


def test_the_latest_try_of_a_slot_tells(tmp_path: Path) -> None:
    """Also where the clock was put back between two tries."""
    home = Home(tmp_path)
    home.add("2026-11-25T06:20", SIX, "failed", 2, error={"code": "I301"})
    home.add("2026-11-25T06:10", SIX, "stopped", 2)
    home.add("2026-11-25T08:20", SIX, "failed", 1, error={"code": "C010"})
    home.add("2026-11-25T09:20", "2026-11-25T05:00Z", "done")
    got = home.last()
    assert got == Attempt(SIX, 2, "failed", NOW.replace(hour=6, minute=21), True)
    assert len(home.read) == 1


def test_errors_that_the_same_run_would_meet_again(tmp_path: Path) -> None:
    for n, (code, may_pass) in enumerate({"I301": True, "T010": True, "X000": True, "A030": True, "B020": True, "": True,
                           "R000": False, "P220": False, "C010": False, "V001": False, "U031": False}.items()):  # fmt: skip
        home = Home(tmp_path / str(n))
        home.add("2026-11-25T06:10", SIX, "failed", error={"code": code})
        assert home.last().may_pass == may_pass, code


def test_runs_by_hand(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.add("2026-11-25T06:10", SIX, "failed", error={"code": "I301"})
    home.add("2026-11-25T05:00")
    home.add("2026-11-25T10:00", outcome="failed")
    assert standing_from(home, NOW).by_hand is None
    home.add("2026-11-25T09:00")
    home.add("2026-11-25T17:50")  # by a clock that is 20 minutes ahead
    assert standing_from(home, NOW).by_hand == NOW.replace(hour=9, minute=0)
    # A run of a feedstock that was @once counts the same.
    home.add("2026-11-25T11:00", "once-abc")
    assert standing_from(home, NOW).by_hand == NOW.replace(hour=11, minute=0)


def test_records_from_the_future(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.add("2026-11-25T06:10", SIX)
    home.add("2030-01-01T06:10", "2030-01-01T06:00Z")
    home.add("2030-01-01T06:11")
    assert home.last().slot == SIX
    assert standing_from(home, NOW).by_hand is None
    home.add("2030-01-01T06:20", "2026-11-25T12:00Z")
    assert home.last().slot == "2026-11-25T12:00Z"
    assert home.last(dt.datetime(2030, 1, 1, 7, tzinfo=UTC)).slot == "2030-01-01T06:00Z"


def test_damaged_records_do_no_harm(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.add("2026-11-25T06:10", SIX)
    home.put("runs/20261125T100000000-abcdef12.json", b"{")
    home.put("runs/x.json", b"")
    home.put("runs/20261125T110000000-abcdef12_2026-11-25T0700Z_1_failed.json", b"[]")
    got = home.last()
    assert (got.slot, got.outcome, got.may_pass) == ("2026-11-25T07:00Z", "failed", True)


def test_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    name = "once-" + "f" * 12
    assert standing_from(home, NOW, once=name) == Standing()
    home.add("2026-11-25T05:00", outcome="failed")
    assert standing_from(home, NOW, once=name) == Standing()
    home.add("2026-11-25T06:00")
    assert (home.last(once=name).slot, home.last(once=name).outcome) == (name, "done")
    home.add("2026-11-25T07:00", name, "failed", 2)
    assert (home.last(once=name).slot, home.last(once=name).number) == (name, 2)
    # The recipe was changed, built, and changed back: it is another build.
    home.add("2026-11-25T08:00", "once-other")
    assert home.last(once=name).slot == "once-other"


def test_a_lease_that_is_held(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.add("2026-11-25T06:10", SIX)
    assert read_standing(home, NOW).last == home.last()
    with held(home, "somebody"):
        assert "somebody" in (read_standing(home, NOW).running or "")
        expired = 4e9
        assert read_standing(home, NOW, clock=lambda: expired).running is None
    assert read_standing(home, NOW).running is None


def test_records_can_still_be_read(tmp_path: Path) -> None:
    from pangeo_forge.runs.records import read_records

    home = Home(tmp_path)
    home.add("2026-11-25T06:10", SIX)
    home.add("2026-11-25T07:10")
    assert [r["began"][11:16] for r in read_records(home)] == ["07:10", "06:10"]
    assert json.loads(json.dumps(next(iter(read_records(home, 1)))))["who"]
