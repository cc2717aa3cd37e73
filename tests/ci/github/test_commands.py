"""Commands in comments: who may, what is understood, and an answer to everything else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.ci.github.commands import parse
from tests.ci.github.conftest import comment_event
from tests.ci.github.standin import Standin
from tests.cli.invocation import invoke

Write = Callable[[dict[str, Any]], None]
RECIPES, FEEDSTOCKS = ["noaa-oisst", "agcd"], ["noaa-oisst"]


def _parsed(body: str, *, on_pull_request: bool = False) -> tuple[str, str, str]:
    found = parse(body, RECIPES, FEEDSTOCKS, on_pull_request=on_pull_request)
    return found.action, found.id, found.answer


@pytest.mark.parametrize(
    ("body", "action", "id"),
    [
        ("/run noaa-oisst", "run", "noaa-oisst"),
        ("  /RUN   noaa-oisst  \r\nplease", "run", "noaa-oisst"),
        ("\n\n/plan agcd", "plan", "agcd"),
        ("/run noaa-oisst/noaa-oisst-monthly", "run", "noaa-oisst/noaa-oisst-monthly"),
    ],
)
def test_understood(body: str, action: str, id: str) -> None:
    assert _parsed(body) == (action, id, "")


@pytest.mark.parametrize(
    "body", ["", "hello", "see /run x", "> /run noaa-oisst", "//run x", "/ run", "/1", "/usr/bin/x is", "\\/run"]
)
def test_no_command(body: str) -> None:
    assert _parsed(body)[0] == "none"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("/help", "Feedstocks: `noaa-oisst`"),
        ("/rnu noaa-oisst", "Did you mean `/run`?"),
        ("/frobnicate", "There is no command `/frobnicate`."),
        ("/run", "`/run` needs one ID."),
        ("/plan", "Recipes: `noaa-oisst`, `agcd`"),
        ("/run a b", "takes one ID, not 2 words"),
        ("/run noaa-oist", "Did you mean `noaa-oisst`?"),
        ("/run agcd", "There is no feedstock `agcd`."),
        ("/plan other", "There is no recipe `other`."),
        ("/run noaa-oisst/../x", "There is no feedstock"),
        ("/run agcd/agcd-x", "There is no feedstock"),
        ("/plan agcd/x", "There is no recipe"),
        ("/run ../../etc", "There is no feedstock `../../etc`."),
        ("/run $(id)", "There is no feedstock `$(id)`."),
        ("/run noaa-oisst;id", "There is no feedstock"),
        ("/run `x`", "There is no feedstock `` `x` ``."),
        ("/run @everyone", "`@everyone`"),
        ("/run " + "x" * 5000, "There is no feedstock"),
        ("/run noaa-oisst\u202e", "There is no feedstock"),
    ],
)
def test_every_bad_command_is_answered_with_usage(body: str, said: str) -> None:
    action, _, answer = _parsed(body)
    assert action == "answer"
    assert said in answer
    assert "| `/run ID` |" in answer
    assert len(answer) < 2500


def test_a_recipe_that_is_only_proposed() -> None:
    assert _parsed("/plan new-one", on_pull_request=True)[:2] == ("plan", "new-one")
    assert _parsed("/plan new-one")[0] == "answer"
    assert _parsed("/plan ../x", on_pull_request=True)[0] == "answer"
    assert _parsed("/run new-one", on_pull_request=True)[0] == "answer"


@pytest.fixture
def place(tmp_path: Path, standin: Standin, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one feedstock, at which one person may write."""
    for path in ("recipes/noaa-oisst/recipe.yaml", "feedstocks/noaa-oisst.yaml", "feedstocks/bakeries.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x: 1\n")
    standin.permissions = {"keeper": "write", "owner": "admin", "reader": "read", "triager": "triage"}
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("login", ["keeper", "owner"])
def test_a_writer_runs(place: Path, standin: Standin, write_event: Write, login: str) -> None:
    write_event(comment_event("/run noaa-oisst", login))
    assert invoke("ci", "command").code == 0
    assert (place / "output").read_text() == "action=run\nid=noaa-oisst\nnumber=3\nproposed=true\n"
    [body] = standin.ours(3)
    assert "`/run noaa-oisst` has begun." in body
    assert "actions/runs/77" in body


@pytest.mark.parametrize("login", ["reader", "triager"])
def test_others_are_told_that_they_may_not(place: Path, standin: Standin, write_event: Write, login: str) -> None:
    write_event(comment_event("/run noaa-oisst", login))
    assert invoke("ci", "command").code == 0
    assert "action=answer" in (place / "output").read_text()
    assert "id=\n" in (place / "output").read_text()
    assert "write permission" in standin.ours(3)[0]


@pytest.mark.parametrize("login", ["../../x", "a?b", "", "x\n"])
def test_names_are_never_a_path(place: Path, standin: Standin, write_event: Write, login: str) -> None:
    write_event(comment_event("/run noaa-oisst", login))
    assert invoke("ci", "command").code == 0
    assert "action=answer" in (place / "output").read_text()
    assert not [r for r in standin.requests if "collaborators" in r.path]


def test_the_association_that_the_event_tells_is_not_asked(place: Path, standin: Standin, write_event: Write) -> None:
    event = comment_event("/run noaa-oisst", "reader")
    event["comment"]["author_association"] = "OWNER"
    write_event(event)
    invoke("ci", "command")
    assert "action=answer" in (place / "output").read_text()


def test_bots_give_no_commands(place: Path, standin: Standin, write_event: Write) -> None:
    write_event(comment_event("/run noaa-oisst", "github-actions[bot]", kind="Bot"))
    assert invoke("ci", "command", "--json").json["action"] == "none"
    assert standin.requests == []


def test_outputs_cannot_be_forged(place: Path, standin: Standin, write_event: Write) -> None:
    write_event(comment_event("/run noaa-oisst\nid=evil\naction=run", "reader"))
    invoke("ci", "command")
    assert (place / "output").read_text().splitlines() == ["action=answer", "id=", "number=3", "proposed=true"]


RAN = {
    "ok": True,
    "at": "2026-01-01T00:00:00+00:00",
    "ran": [
        {"id": "noaa-oisst", "slot": None, "attempt": 1, "outcome": "done", "seconds": 61.0, "action": "append", "store": "gs://b/x.zarr", "error": None}
    ],
    "broken": [],
}  # fmt: skip
FAILED = {**RAN, "ran": [{**RAN["ran"][0], "outcome": "failed", "error": {"code": "I301", "message": "is ``` absent", "where": "t=1", "hint": "wait"}}]}  # fmt: skip


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (RAN, "`noaa-oisst` appended to `gs://b/x.zarr` in 61 s."),
        (FAILED, "t=1: is ``` absent; wait [I301]"),
        (
            {**RAN, "ran": [], "broken": [{"feedstock": "x", "errors": [{"code": "R001", "message": "bad"}]}]},
            "bad [R001]",
        ),
        ({"ok": False, "error": {"code": "A020", "message": "no feedstock"}}, "no feedstock [A020]"),
        (
            {
                "recipe_id": "agcd",
                "inputs": 3,
                "absent": ["t=2"],
                "known": {"sizes": {"time": 3}, "bytes": 5, "text": "w"},
            },
            "1 absent",
        ),
        ([1], "without a result"),
        (None, "without a result"),
    ],
    ids=range(7),
)
def test_the_answer_says_how_it_ended(
    place: Path, standin: Standin, write_event: Write, document: Any, said: str
) -> None:
    import json

    write_event(comment_event("/run noaa-oisst"))
    invoke("ci", "command")
    if document is not None:
        (place / "result.json").write_text(json.dumps(document))
    assert invoke("ci", "answer", "result.json").code == 0
    [body] = standin.ours(3)
    assert said in body
