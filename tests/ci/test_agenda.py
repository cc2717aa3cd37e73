"""What is due, as people and as a workflow's matrix see it."""

from __future__ import annotations

import datetime as dt

import pytest

from pangeo_forge.ci.agenda import MOST_JOBS, agenda
from pangeo_forge.ci.decision import Decision
from pangeo_forge.ci.feedstocks import Dataset, read_feedstocks
from tests.ci.project import RECIPE, Project
from tests.cli.invocation import invoke

NOW = dt.datetime(2026, 11, 25, 17, 30, tzinfo=dt.UTC)


@pytest.fixture
def kept(project: Project) -> Project:
    for name in ("one", "two"):
        project.write(
            f"feedstocks/{name}.yaml", f'recipe: {name}\nschedule: "0 6 * * *"\ntarget: out\ntimeout: 90min\n'
        )
    return project


def test_text(kept: Project) -> None:
    kept.write("feedstocks/bad.yaml", "recipe: oen\n")
    got = invoke("ci", "due", "--at", "2026-11-25T17:30")
    assert got.code == 0
    assert "2 of 2 datasets are due at 2026-11-25T17:30Z" in got.out
    assert "first run" in got.out
    assert "[A010]" in got.err


def test_matrix(kept: Project) -> None:
    kept.write("feedstocks/bad.yaml", "recipe: oen\n")
    said = invoke("ci", "due", "--json", "--at", "2026-11-25 17:30:00Z").json
    assert said["ok"] is True
    assert said["include"] == [
        {"id": "one", "dataset": "one", "feedstock": "one", "slot": "2026-11-25T06:00Z", "attempt": 1, "timeout_minutes": 90},
        {"id": "two", "dataset": "two", "feedstock": "two", "slot": "2026-11-25T06:00Z", "attempt": 1, "timeout_minutes": 90},
        {"id": "bad", "dataset": None, "feedstock": "bad", "slot": None, "attempt": 1, "timeout_minutes": 10},
    ]  # fmt: skip
    assert said["broken"][0]["errors"][0]["code"] == "A010"
    for job in said["include"]:
        assert invoke("ci", "due", "--only", job["id"]).code == 0
    assert invoke("ci", "run-due", "--only", "bad").code == 1


def test_the_matrix_is_bounded_and_the_oldest_slots_come_first(kept: Project) -> None:
    models = ", ".join(f"m{n}" for n in range(300))
    text = RECIPE.format(id="many").replace("id: many", f'id: "many-{{model}}"\nmatrix:\n  model: [{models}]')
    kept.write("recipes/many/recipe.yaml", text)
    kept.write("feedstocks/many.yaml", 'recipe: many\nschedule: "0 12 * * *"\ntarget: out\n')
    said = agenda(read_feedstocks(), NOW).to_json()
    assert len(said["include"]) == MOST_JOBS
    assert said["left_out"] == 302 - MOST_JOBS
    assert [j["id"] for j in said["include"][:3]] == ["one", "two", "many/many-m0"]


def test_waiting(kept: Project) -> None:
    def deciding(dataset: Dataset, now: dt.datetime) -> Decision:
        return Decision(dataset.id == "two", "why", "slot", next=now)

    made = agenda(read_feedstocks(), NOW, deciding)
    assert [e.dataset.id for e in made.due] == ["two"]
    assert made.to_json()["waiting"] == [
        {"id": "one", "dataset": "one", "feedstock": "one", "due": False, "why": "why", "slot": "slot", "attempt": 1,
         "missed": 0, "next": "2026-11-25T17:30Z"}
    ]  # fmt: skip


def test_once_needs_a_recipe_that_is_right(kept: Project) -> None:
    kept.write("feedstocks/one.yaml", 'recipe: one\nschedule: "@once"\ntarget: out\n')
    made = agenda(read_feedstocks(), NOW)
    slot = next(e.decision.slot for e in made.due if e.dataset.id == "one")
    assert slot is not None
    assert slot.startswith("once-")
    kept.recipe("one", ("time: 20", "time: 21"))
    assert next(e.decision.slot for e in agenda(read_feedstocks(), NOW).due if e.dataset.id == "one") != slot
    kept.recipe("one", ("time: 20", "time: many"))
    made = agenda(read_feedstocks(), NOW)
    assert [b.feedstock for b in made.broken] == ["one"]
    assert [e.dataset.id for e in made.due] == ["two"]


def test_several_datasets_of_a_feedstock_that_cannot_run_are_told_once(kept: Project) -> None:
    text = RECIPE.format(id="many").replace("id: many", 'id: "many-{model}"\nmatrix:\n  model: [a, b]')
    kept.write("recipes/many/recipe.yaml", text.replace("time: 20", "time: many"))
    kept.write("feedstocks/many.yaml", 'recipe: many\nschedule: "@once"\ntarget: out\n')
    assert len(agenda(read_feedstocks(), NOW).broken) == 1


@pytest.mark.parametrize("at", ["yesterday", "2026-13-01", "2026-11-25T25:00", "2026-11-25T06", "06:00", ""])
def test_wrong_times(kept: Project, at: str) -> None:
    got = invoke("ci", "due", "--at", at)
    assert got.code == 2
    assert "--at takes a time such as" in got.err


def test_times_of_other_zones(kept: Project) -> None:
    assert "2026-11-25T04:00Z" in invoke("ci", "due", "--at", "2026-11-25T06:00+02:00").out


@pytest.mark.parametrize("budget", ["0", "long", "-5h", "5 h"])
def test_wrong_budgets(kept: Project, budget: str) -> None:
    got = invoke("ci", "run-due", "--budget", budget)
    assert got.code == 2
    assert "--budget takes a duration" in got.err


def test_force_needs_a_name(kept: Project) -> None:
    assert invoke("ci", "run-due", "--force").code == 2


def test_dry_run_runs_nothing(kept: Project) -> None:
    got = invoke("ci", "run-due", "--dry-run", "--json", "--at", "2026-11-25T07:00")
    assert got.code == 0
    assert len(got.json["due"]) == 2
    assert not (kept.folder / "out").exists()
