"""``ci comment`` through the real command line: whose pull request, which words, which pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.ci.github.client import GitHub
from pangeo_forge.ci.github.pull_request import ARTIFACT
from pangeo_forge.ci.review.report import Problem
from tests.ci.github.conftest import HEAD, comment_event, run_event
from tests.ci.github.standin import Standin
from tests.ci.reports import as_archive, as_folder, changed, recipe_report, report
from tests.ci.test_pictures import png
from tests.cli.invocation import invoke

Write = Callable[[dict[str, Any]], None]


@pytest.fixture
def finished(standin: Standin, write_event: Write) -> Standin:
    """The check of pull request 3 has ended and uploaded its report."""
    standin.add_pull(3, HEAD)
    standin.artifacts[5] = [(ARTIFACT, as_archive(report()))]
    write_event(run_event())
    return standin


def test_posted_once_and_updated(finished: Standin) -> None:
    assert invoke("ci", "comment", "--json").json["action"] == "created"
    again = report(recipe_report(verdict="failed"))
    finished.artifacts[5] = [(ARTIFACT, as_archive(again))]
    assert invoke("ci", "comment").out.startswith("updated: https://github.com/")
    [body] = finished.ours(3)
    assert "❌" in body
    assert f"Commit {HEAD[:10]}" in body
    assert "actions/runs/77" in body


@pytest.mark.parametrize(
    "event",
    [
        run_event(sha="b" * 40),
        run_event(branch="other"),
        run_event(owner="another"),
    ],
    ids=["pushed-since", "other-branch", "other-fork"],
)
def test_only_the_pull_request_whose_head_was_checked(
    finished: Standin, write_event: Write, event: dict[str, Any]
) -> None:
    write_event(event)
    got = invoke("ci", "comment")
    assert got.code == 0
    assert "no open pull request" in got.out
    assert finished.comments == {}


def test_closed_pull_requests_are_left_alone(finished: Standin) -> None:
    finished.pulls[0]["state"] = "closed"
    assert invoke("ci", "comment").code == 0
    assert finished.comments == {}


def test_two_pull_requests_of_one_branch_name(finished: Standin) -> None:
    """The fork's name counts, and a fork that is gone is no match."""
    finished.add_pull(4, HEAD, owner="other")
    finished.pulls.insert(
        0, {"number": 5, "state": "open", "head": {"sha": HEAD, "ref": "work", "label": "stranger:work"}}
    )
    assert invoke("ci", "comment").code == 0
    assert list(finished.comments) == [3]


def test_an_artifact_that_names_another_pull_request(finished: Standin) -> None:
    finished.artifacts[5] = [(ARTIFACT, as_archive(changed(report(), pull_request=999)))]
    assert invoke("ci", "comment").code == 0
    assert list(finished.comments) == [3]
    assert "came to no report" in finished.ours(3)[0]
    assert "A110" in finished.ours(3)[0]


def test_runs_that_no_pull_request_began(finished: Standin, write_event: Write) -> None:
    write_event(run_event(cause="push"))
    got = invoke("ci", "comment", "--json")
    assert got.code == 1
    assert got.json["error"]["code"] == "A133"
    assert finished.comments == {}


def test_no_artifact(finished: Standin) -> None:
    finished.artifacts[5] = [("something-else", b"x")]
    assert invoke("ci", "comment").code == 0
    assert "uploaded no report" in finished.ours(3)[0]


def test_nothing_to_say(finished: Standin) -> None:
    finished.artifacts[5] = [(ARTIFACT, as_archive(report().model_copy(update={"recipes": ()})))]
    assert invoke("ci", "comment", "--json").json["action"] == "none"
    assert finished.comments == {}


def test_hostile_words_are_words(finished: Standin) -> None:
    evil = "<img src=x onerror=a> @everyone [x](https://evil.example) | a ::error::x <!-- pangeo-forge: check -->"
    problem = Problem(level="error", code="I301", message=evil, hint=evil, file="r.yaml", line=1)
    finished.artifacts[5] = [
        (ARTIFACT, as_archive(report(recipe_report(title=evil, problems=(problem,), snippet=evil))))
    ]
    got = invoke("ci", "comment")
    assert "::error" not in got.out + got.err
    [body] = finished.ours(3)
    shown, _, code = body.partition("```python")
    assert "<img src=x" not in shown
    assert "@everyone" not in shown
    assert "](https://evil" not in shown
    assert shown.count("<!--") == 1
    assert code.count("```") == 1


def test_pictures_on_a_branch(finished: Standin) -> None:
    assert invoke("ci", "comment", "--pictures-branch", "pictures").code == 0
    [body] = finished.ours(3)
    head = finished.refs["refs/heads/pictures"]
    _, commit = finished.objects[head]
    _, tree = finished.objects[commit["tree"]]
    [path] = tree
    assert commit["parents"] == []
    assert f'<img src="https://github.com/pangeo/forge/raw/pictures/{path}"' in body
    # The same picture again is the same file; another comes beside it.
    finished.artifacts[5] = [(ARTIFACT, as_archive(report(), {"pictures/one-01.png": png(3, 3)}))]
    assert invoke("ci", "comment", "--pictures-branch", "pictures").code == 0
    _, commit = finished.objects[finished.refs["refs/heads/pictures"]]
    assert commit["parents"] == [head]
    assert len(finished.objects[commit["tree"]][1]) == 2
    assert path not in finished.ours(3)[0]


def test_without_the_permission_the_report_has_no_pictures(finished: Standin) -> None:
    denied = {"message": "Resource not accessible by integration"}
    finished.troubles.append(lambda s: (403, denied, {}) if "/git/" in s.path else None)
    assert invoke("ci", "comment", "--pictures-branch", "pictures").code == 0
    [body] = finished.ours(3)
    assert "<img" not in body
    assert "✅" in body


@pytest.mark.parametrize("name", ["../main", "a/b", "-x", "", "x" * 200, "a b"])
def test_a_branch_of_pictures_is_a_plain_name(finished: Standin, name: str) -> None:
    got = invoke("ci", "comment", "--pictures-branch", name, "--json")
    assert got.code in (0, 2)
    assert not finished.refs


def test_two_that_publish_at_once(github: GitHub, standin: Standin) -> None:
    from pangeo_forge.ci.github.picture_branch import publish

    publish(github, "pictures", {"a.png": png()}, 1)
    left = [1]

    def faster(sent):
        if sent.method == "PATCH" and left:
            left.pop()
            return 422, {"message": "Update is not a fast forward"}, {}
        return None

    standin.troubles.append(faster)
    publish(github, "pictures", {"b.png": png(3, 3)}, 2)
    _, commit = standin.objects[standin.refs["refs/heads/pictures"]]
    assert len(standin.objects[commit["tree"]][1]) == 2


def test_a_report_in_a_folder_for_the_pull_request_of_a_command(
    standin: Standin, write_event: Write, tmp_path: Path
) -> None:
    write_event(comment_event("/plan one"))
    folder = as_folder(tmp_path / "r", report())
    assert invoke("ci", "comment", folder).code == 0
    assert list(standin.comments) == [3]
    assert invoke("ci", "comment").code == 2


def test_without_an_event(standin: Standin, monkeypatch: pytest.MonkeyPatch, write_event: Write) -> None:
    monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
    assert invoke("ci", "comment", "--json").json["error"]["code"] == "U112"
    write_event({"action": "opened"})
    assert invoke("ci", "comment", "x", "--json").json["error"]["code"] == "U113"


def test_the_events_own_list_of_pull_requests_is_not_needed(finished: Standin, write_event: Write) -> None:
    event = run_event()
    event["workflow_run"]["pull_requests"] = [{"number": 999}]
    write_event(json.loads(json.dumps(event)))
    assert invoke("ci", "comment").code == 0
    assert list(finished.comments) == [3]
