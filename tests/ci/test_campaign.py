"""Runs of what is due: which, in what order, what is told and recorded of each; the processes are played."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.ci.agenda import agenda
from pangeo_forge.ci.campaign import Campaign, Means, run_due
from pangeo_forge.ci.feedstocks import read_feedstocks
from pangeo_forge.ci.job import Job
from pangeo_forge.ci.summary import markdown
from pangeo_forge.ci.supervision import Ended
from pangeo_forge.errors import AutomationError, InputError
from pangeo_forge.runs.lease import held
from pangeo_forge.runs.records import list_records, read_records, write_record
from pangeo_forge.targets.objects import LocalObjects
from tests.ci.project import Project

UTC = dt.UTC
START = dt.datetime(2026, 11, 25, 17, 30, tzinfo=UTC)
SIX = "2026-11-25T06:00Z"


class Player:
    """Plays the processes: each run is recorded as the real one would, with an end that the test chooses."""

    def __init__(self) -> None:
        self.now = START
        self.ran: list[tuple[str, str | None, int]] = []
        self.ends: dict[str, Callable[[Job], Ended]] = {}
        self.given: list[Mapping[str, Any]] = []

    def __call__(self, job: Mapping[str, Any], **given: Any) -> Ended:
        found = Job.from_json(json.loads(json.dumps(job["job"])))
        self.ran.append((found.id, found.slot, found.attempt))
        self.given.append(given)
        self.now += dt.timedelta(minutes=10)
        return self.ends.get(found.id, self.succeed)(found)

    def record(self, job: Job, outcome: str, **more: Any) -> None:
        run_id = f"{self.now:%Y%m%dT%H%M%S}{len(self.ran):03d}-abcdef12"
        document = {"outcome": outcome, "began": self.now.isoformat(), "seconds": 1, **more, **job.occasion().to_json()}
        write_record(LocalObjects(Path("out") / job.id), run_id, document)

    def succeed(self, job: Job) -> Ended:
        self.record(job, "done")
        return Ended({"outcome": "done", "result": {"store": f"out/{job.id}/x.zarr", "action": "append"}}, 0, "itself")

    def fail(self, job: Job) -> Ended:
        error = InputError("no such file", code="I301", where="time=3", hint="wait")
        self.record(job, "failed", error=error.to_json())
        return Ended({"outcome": "failed", "error": error.to_json(), "text": str(error)}, 1, "itself")


@pytest.fixture
def player() -> Player:
    return Player()


@pytest.fixture
def kept(project: Project) -> Project:
    for name in ("one", "two"):
        project.write(f"feedstocks/{name}.yaml", f'recipe: recipes/{name}\nschedule: "0 6 * * *"\ntarget: out\n')
    return project


def _run(player: Player, *names: str, **means: Any) -> Campaign:
    clock = means.pop("clock", lambda: player.now)
    made = agenda(read_feedstocks().only(names), player.now)
    return run_due(made, Means(clock, supervisor=player, **means))


def test_all_that_is_due_once(kept: Project, player: Player) -> None:
    campaign = _run(player)
    assert player.ran == [("one", SIX, 1), ("two", SIX, 1)]
    assert campaign.ok
    assert [r.outcome for r in campaign.ran] == ["done", "done"]
    assert _run(player).ran == []
    player.now += dt.timedelta(days=1)
    assert [r.slot for r in _run(player).ran] == ["2026-11-26T06:00Z"] * 2


def test_failures_do_not_stop_the_others(kept: Project, player: Player) -> None:
    kept.write("feedstocks/a.yaml", "recipe: nothing\n")
    player.ends["one"] = player.fail
    campaign = _run(player)
    assert {r.id: r.outcome for r in campaign.ran} == {"one": "failed", "two": "done"}
    assert not campaign.ok
    said = campaign.to_json()
    assert said["ok"] is False
    assert said["ran"][0]["error"]["code"] == "I301"
    assert said["broken"][0]["feedstock"] == "a"
    # The next tick is too early, the one after it tries again, until the tries are used up.
    assert _run(player).ran == []
    for number in (2, 3):
        player.now += dt.timedelta(hours=3)
        assert [(r.id, r.attempt) for r in _run(player).ran] == [("one", number)]
    player.now += dt.timedelta(hours=3)
    assert _run(player).ran == []


def test_missed_slots_one_after_another(kept: Project, player: Player) -> None:
    _run(player)
    path = kept.folder / "feedstocks/one.yaml"
    path.write_text(path.read_text() + "catch_up: all\n")
    player.ran.clear()
    player.now += dt.timedelta(days=3)
    _run(player)
    assert player.ran == [
        ("one", "2026-11-26T06:00Z", 1), ("two", "2026-11-28T06:00Z", 1),
        ("one", "2026-11-27T06:00Z", 1), ("one", "2026-11-28T06:00Z", 1),
    ]  # fmt: skip


def test_it_is_decided_afresh_before_each_run(kept: Project, player: Player) -> None:
    """The first run took so long that the second feedstock's next slot has come."""

    def long(job: Job) -> Ended:
        player.now += dt.timedelta(days=1)
        return player.succeed(job)

    player.ends["one"] = long
    _run(player)
    assert player.ran[1] == ("two", "2026-11-26T06:00Z", 1)


def test_somebody_else_works_on_it(kept: Project, player: Player) -> None:
    made = agenda(read_feedstocks(), player.now)
    with held(LocalObjects("out/one"), "other"):
        campaign = run_due(made, Means(lambda: player.now, supervisor=player))
        assert [r.id for r in campaign.ran] == ["two"]
        assert "other" in agenda(read_feedstocks(), player.now).waiting[0].decision.why
    for outcome in ("busy", "taken"):
        player.ends["one"] = lambda job, o=outcome: Ended({"outcome": o, "error": {}, "text": ""}, 1, "itself")  # type: ignore[misc]
        campaign = _run(player)
        assert [(r.id, r.outcome) for r in campaign.ran] == [("one", outcome)]
        assert campaign.ok
        assert list(list_records(LocalObjects("out/one"))) == []


@pytest.mark.parametrize(
    ("ended", "outcome", "code"),
    [
        (Ended(None, -9, "itself"), "failed", "A031"),
        (Ended(None, 1, "itself"), "failed", "A031"),
        (Ended(None, -9, "timeout", killed=True), "failed", "A030"),
        (Ended({"outcome": "stopped"}, 1, "timeout"), "failed", "A030"),
        (Ended(None, -9, "budget", killed=True), "stopped", None),
        (Ended({"outcome": "stopped"}, 1, "user"), "stopped", None),
        (Ended({"outcome": "failed", "error": {"code": "R000", "errors": [{"code": "R012"}]}, "text": "r"}, 1, "itself"),
         "failed", "R000"),
    ],
)  # fmt: skip
def test_a_run_that_could_not_record_itself(
    kept: Project, player: Player, ended: Ended, outcome: str, code: str
) -> None:
    """Its supervisor does: otherwise nobody would know that the slot was tried."""
    player.ends["one"] = lambda job: ended
    campaign = _run(player, "one")
    assert campaign.ran[0].outcome == outcome
    record = next(read_records(LocalObjects("out/one")))
    assert record["outcome"] == outcome
    assert record["schedule"] == {"feedstock": "one", "slot": SIX, "attempt": 1}
    assert record["error"]["code"] == (code or "X000")
    assert len(list_records(LocalObjects("out/one"))) == 1


def test_a_record_is_not_written_twice(kept: Project, player: Player) -> None:
    player.now = dt.datetime.now(UTC)
    player.ends["one"] = player.fail
    _run(player, "one")
    assert len(list_records(LocalObjects("out/one"))) == 1


def test_it_ended_well_just_as_it_was_stopped(kept: Project, player: Player) -> None:
    player.ends["one"] = lambda job: Ended({"outcome": "done", "result": {}}, 0, "timeout")
    assert _run(player, "one").ok


def test_the_budget_is_over(kept: Project, player: Player) -> None:
    campaign = _run(player, budget=1e-9)
    assert (campaign.ran, [e.dataset.id for e in campaign.left]) == ([], ["one", "two"])
    assert campaign.ok
    _run(player, budget=1000.0)
    assert player.given[0]["budget_ends"] is not None
    assert player.given[0]["timeout"] == 6 * 3600


def test_several_at_once(kept: Project, player: Player) -> None:
    campaign = _run(player, jobs=4)
    assert sorted(r.id for r in campaign.ran) == ["one", "two"]


def test_by_force(kept: Project, player: Player) -> None:
    _run(player)
    player.ran.clear()
    campaign = _run(player, "one", forced=True)
    assert player.ran == [("one", None, 1)]
    assert campaign.ran[0].slot is None
    assert list_records(LocalObjects("out/one"))[0].slot is None


def test_ctrl_c(kept: Project, player: Player) -> None:
    def stop(job: Job) -> Ended:
        raise KeyboardInterrupt

    player.ends["one"] = stop
    campaign = _run(player)
    assert campaign.interrupted
    assert not campaign.ok
    assert campaign.to_json()["interrupted"] is True


def test_a_target_that_cannot_be_read_breaks_its_feedstock_only(kept: Project, player: Player) -> None:
    kept.write("feedstocks/x.yaml", 'recipe: one\nschedule: "@daily"\ntarget: nosuchprotocol://bucket/x\n')
    campaign = _run(player)
    assert [b.feedstock for b in campaign.broken] == ["x"]
    assert len(campaign.ran) == 2


def test_summary(kept: Project, player: Player) -> None:
    kept.write("feedstocks/a.yaml", "recipe: no-<script>`|x\n")
    error = AutomationError("bad | `code` <img src=x>\n@everybody #1", code="A031")
    player.ends["one"] = lambda job: Ended(
        {"outcome": "failed", "error": error.to_json(), "text": str(error)}, 1, "itself"
    )
    text = markdown(_run(player))
    assert "| one | 2026-11-25T06:00Z | **failed** |" in text
    assert "| two | 2026-11-25T06:00Z | append |" in text
    assert "1 done, 2 failed" in text
    assert "<img" not in text
    assert "<script" not in text


def test_what_a_job_holds(kept: Project, player: Player) -> None:
    kept.write(
        "feedstocks/one.yaml",
        "recipe: one\nschedule: '0 6 * * *'\nmode: rebuild\nkeep: 2\ncatch_up: all\nbakery: big\n"
        "target: {url: out, storage_options: {a: 1}, secret: mine}\n",
    )
    kept.write("feedstocks/bakeries.yaml", "big: {runner: local, workers: 3, secrets: {mine: MY_VARIABLE}}\n")
    seen: list[Job] = []
    player.ends["one"] = lambda job: [seen.append(job), player.succeed(job)][1]  # type: ignore[func-returns-value,return-value]
    _run(player, "one")
    job = seen[0]
    assert job.date == START.date()
    assert json.loads(json.dumps(job.to_json()))["target"]["secret"] == "mine"
    settings = job.run_settings()
    assert (settings.target, settings.rebuild, settings.keep) == ("out", True, 2)
    assert settings.target_options.names() == ["mine"]  # type: ignore[attr-defined]
    assert job.bakery is not None
    assert job.bakery.endswith("feedstocks/bakeries.yaml:big")


def test_a_slot_that_somebody_else_has_run_is_not_run_again(kept: Project, player: Player) -> None:
    seen: list[Job] = []
    player.ends["one"] = lambda job: [seen.append(job), player.succeed(job)][1]  # type: ignore[func-returns-value,return-value]
    made = agenda(read_feedstocks().only(["one"]), player.now)
    run_due(made, Means(lambda: START, supervisor=player))
    confirm = seen[0].occasion().confirm
    assert confirm is not None
    confirm(LocalObjects("nowhere"))
    with pytest.raises(AutomationError) as caught:
        confirm(LocalObjects("out/one"))
    assert caught.value.code == "A032"
