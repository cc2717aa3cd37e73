"""One issue for a dataset that fails, closed when it recovers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ci.github.standin import Standin
from tests.cli.invocation import Invocation, invoke


def ran(outcome: str, name: str = "one", code: str = "I301", message: str = "is absent", **more: Any) -> dict[str, Any]:
    """One entry of `ci run-due --json`."""
    error = {"code": code, "message": message, "where": None, "hint": None} if outcome == "failed" else None
    return {"id": name, "feedstock": name, "slot": "2026-01-02T06:00Z", "attempt": 1, "outcome": outcome, "seconds": 2.0,
            "store": "s3://b/one.zarr", "action": "append", "error": error, **more}  # fmt: skip


@pytest.fixture
def settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standin: Standin):
    monkeypatch.chdir(tmp_path)

    def call(*entries: dict[str, Any], at: str = "2026-01-02T07:00:00+00:00", broken: Any = ()) -> Invocation:
        (tmp_path / "result.json").write_text(json.dumps({"at": at, "ran": entries, "broken": list(broken)}))
        return invoke("ci", "issue", "result.json", "--json")

    return call


def _actions(got: Invocation) -> list[str]:
    assert got.code == 0, got.out
    return [i["action"] for i in got.json["issues"]]


def test_opened_updated_closed_and_opened_anew(settle, standin: Standin) -> None:
    assert _actions(settle(ran("failed"))) == ["opened"]
    [issue] = standin.issues
    assert issue["title"] == "one: scheduled run failed"
    assert "is absent [I301]" in issue["body"]
    assert "/run one" in issue["body"]
    assert issue["labels"] == [{"name": "feedstock"}]
    assert _actions(settle(ran("failed", slot="2026-01-03T06:00Z"), at="2026-01-03T07:00:00+00:00")) == ["updated"]
    assert len(standin.issues) == 1
    assert issue["body"].count("| I301 |") == 2
    assert standin.comments == {}
    assert _actions(settle(ran("done"))) == ["closed"]
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert "appended to `s3://b/one.zarr`" in standin.ours(issue["number"])[0]
    assert _actions(settle(ran("done"))) == ["nothing"]
    assert _actions(settle(ran("failed"))) == ["opened"]
    assert len(standin.issues) == 2


def test_the_same_run_told_twice_counts_once(settle, standin: Standin) -> None:
    settle(ran("failed"))
    settle(ran("failed"))
    assert standin.issues[0]["body"].count("| I301 |") == 1


def test_another_error_is_said_aloud(settle, standin: Standin) -> None:
    settle(ran("failed"))
    settle(ran("failed", code="C001", message="lat differs"), at="2026-01-03T07:00:00+00:00")
    assert "It fails in another way now." in standin.ours(standin.issues[0]["number"])[0]


def test_each_dataset_has_its_own(settle, standin: Standin) -> None:
    assert _actions(settle(ran("failed"), ran("failed", "two"), ran("done", "three"))) == [
        "opened",
        "opened",
        "nothing",
    ]
    assert _actions(settle(ran("done", "two"))) == ["closed"]
    assert [i["state"] for i in standin.issues] == ["open", "closed"]


@pytest.mark.parametrize("outcome", ["busy", "taken", "stopped"])
def test_what_was_left_alone_changes_nothing(settle, standin: Standin, outcome: str) -> None:
    assert _actions(settle(ran(outcome))) == []
    assert standin.requests == []


def test_the_last_outcome_of_a_dataset_counts(settle, standin: Standin) -> None:
    assert _actions(settle(ran("failed"), ran("done"))) == ["nothing"]
    assert standin.issues == []


def test_a_feedstock_that_cannot_run(settle, standin: Standin) -> None:
    errors = [{"code": "A010", "message": "no recipe"}, {"code": "R090", "message": "no cron"}]
    assert _actions(settle(broken=[{"feedstock": "one", "errors": errors}])) == ["opened"]
    assert "no recipe [A010]\nno cron [R090]" in standin.issues[0]["body"]


def test_several_errors_of_one_recipe(settle, standin: Standin) -> None:
    errors = {"code": "R000", "errors": [{"code": "R010", "message": "a"}, {"code": "R011", "message": "b"}]}
    settle({**ran("failed"), "error": errors})
    assert "a [R010]\nb [R011]" in standin.issues[0]["body"]


def test_issues_of_others_are_left_alone(settle, standin: Standin) -> None:
    body = "<!-- pangeo-forge: feedstock one -->\nme too"
    standin.issues.append({"number": 1, "state": "open", "body": body, "user": {"login": "stranger"}, "title": "x"})
    assert _actions(settle(ran("done"))) == ["nothing"]
    assert _actions(settle(ran("failed"))) == ["opened"]
    assert standin.issues[0]["body"] == body


def test_errors_are_text(settle, standin: Standin) -> None:
    evil = "@everyone ```\n# x <!-- failures: [] --> ::error::\u202e"
    settle(ran("failed", message=evil, slot="--> <script>"))
    body = standin.issues[0]["body"]
    assert "<script>" not in body
    assert "\u202e" not in body
    hidden = [line for line in body.splitlines() if line.startswith("<!-- failures")]
    assert len(hidden) == 1
    assert hidden[0].count("-->") == 1
    # It is read again.
    settle(ran("failed"), at="2026-01-05T07:00:00+00:00")
    assert standin.issues[0]["body"].count("| I301 |") == 2


def test_a_long_history_is_bounded(settle, standin: Standin) -> None:
    for hour in range(22):
        settle(ran("failed", message="x" * 20_000), at=f"2026-01-02T{hour % 24:02d}:{hour:02d}:00+00:00")
    assert standin.issues[0]["body"].count("| I301 |") == 20
    assert len(standin.issues[0]["body"]) < 20_000


def test_keepers_of_the_recipe_are_told(settle, standin: Standin, tmp_path: Path) -> None:
    from tests.ci.project import RECIPE

    (tmp_path / "recipes/one").mkdir(parents=True)
    (tmp_path / "recipes/one/recipe.yaml").write_text(RECIPE.format(id="one"))
    settle(ran("failed"))
    assert "Kept by @somebody." in standin.issues[0]["body"]


def test_a_run_that_was_cut_off(tmp_path: Path, standin: Standin) -> None:
    """The dataset is known by the file's place, also one of a matrix."""
    (tmp_path / "results/many/many-a").mkdir(parents=True)
    (tmp_path / "results/many/many-a/result.json").write_text("")
    assert invoke("ci", "issue", tmp_path / "results", "--json").json["issues"][0]["action"] == "opened"
    assert standin.issues[0]["title"] == "many/many-a: scheduled run failed"
    assert invoke("ci", "issue", tmp_path / "results", "--json").json["issues"][0]["action"] == "updated"
    assert "[A141]" in standin.issues[0]["body"]


def test_a_command_that_came_to_nothing(tmp_path: Path, standin: Standin) -> None:
    """Such as credentials that are missing: no run, and yet the dataset is not kept up to date."""
    error = {"ok": False, "error": {"code": "B013", "message": "no value for secret 'store'"}}
    (tmp_path / "results/one").mkdir(parents=True)
    (tmp_path / "results/one/result.json").write_text(json.dumps(error))
    assert invoke("ci", "issue", tmp_path / "results", "--json").json["issues"][0]["action"] == "opened"
    assert "no value for secret" in standin.issues[0]["body"]


@pytest.mark.parametrize("text", ["[]", "{", '{"ran": 3}', '{"ran": [{}]}'])
def test_what_is_no_result(tmp_path: Path, standin: Standin, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    got = invoke("ci", "issue", tmp_path / "r.json", "--json")
    assert got.code in (0, 1)
    if got.code:
        assert got.json["error"]["code"] == "A140"
    assert standin.issues == []
