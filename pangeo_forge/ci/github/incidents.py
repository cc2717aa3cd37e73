"""One open issue for each dataset whose scheduled runs fail: opened, kept up to date, closed when a run succeeds."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pangeo_forge.ci.escaping import clean, code, fenced, markdown
from pangeo_forge.ci.github.client import GitHub
from pangeo_forge.ci.github.comments import bot_login, marker
from pangeo_forge.ci.github.review_comment import run_address

LABEL = "feedstock"
MOST_FAILURES = 20
"""Failures that an issue lists, the latest ones."""
_STATE = re.compile(r"<!-- failures: (\[.*?\]) -->")
_HANDLE = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}\Z")


@dataclass(frozen=True)
class Failure:
    """A scheduled run that failed, or a feedstock that cannot run."""

    id: str
    at: str
    slot: str
    code: str
    text: str
    attempt: int = 1


@dataclass(frozen=True)
class Recovery:
    """A scheduled run that succeeded."""

    id: str
    at: str
    slot: str
    action: str
    store: str


@dataclass(frozen=True)
class Done:
    """What was done about one dataset."""

    id: str
    action: str
    """``opened``, ``updated``, ``closed``, or ``nothing``."""
    url: str = ""


def outcomes(document: Mapping[str, Any], name: str) -> list[Failure | Recovery]:
    """What ``ci run-due --json`` tells; runs that were left alone or stopped say nothing.

    Parameters
    ----------
    name: the dataset that the document is named by: whose failure it is when the command itself came to nothing.
    """
    at = str(document.get("at", ""))
    if "ran" not in document:
        error = document["error"]
        return [
            Failure(name, dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), "", _code(error), error_text(error))
        ]
    found: list[Failure | Recovery] = []
    for ran in document.get("ran", ()):
        slot = str(ran.get("slot") or "by hand")
        if ran.get("outcome") == "failed":
            error = ran.get("error") or {}
            found.append(
                Failure(str(ran["id"]), at, slot, _code(error), error_text(error), int(ran.get("attempt") or 1))
            )
        elif ran.get("outcome") == "done":
            action, store = str(ran.get("action") or "done"), str(ran.get("store") or "")
            found.append(Recovery(str(ran["id"]), at, slot, action, store))
    for broken in document.get("broken", ()):
        errors = broken.get("errors") or [{}]
        text = "\n".join(error_text(e) for e in errors)
        found.append(Failure(str(broken["feedstock"]), at, "", _code(errors[0]), text))
    return found


def cut_off(name: str) -> Failure:
    """A run that left no result: its machine was stopped."""
    text = "the run was cut off: its machine was stopped, or ran out of time or memory; see its log [A141]"
    return Failure(name, dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), "", "A141", text)


def error_text(error: Mapping[str, Any]) -> str:
    """An error of ``--json`` as its message reads."""
    if error.get("errors"):
        return "\n".join(error_text(e) for e in error["errors"])
    where = f"{error['where']}: " if error.get("where") else ""
    hint = f"; {error['hint']}" if error.get("hint") else ""
    return f"{where}{str(error.get('message') or 'no message').rstrip()}{hint} [{_code(error)}]"


def settle(github: GitHub, found: Sequence[Failure | Recovery], keepers: Mapping[str, Sequence[str]]) -> list[Done]:
    """Open, update and close issues; the last outcome of a dataset counts.

    Parameters
    ----------
    keepers: by dataset, GitHub names of those who keep its recipe; they are told when an issue is opened.
    """
    last = {outcome.id: outcome for outcome in found}
    if not last:
        return []
    there = _open_issues(github)
    done: list[Done] = []
    for name, outcome in last.items():
        issue = there.get(name)
        if isinstance(outcome, Failure):
            done.append(_failed(github, outcome, issue, keepers.get(name, ())))
        elif issue is not None:
            done.append(_recovered(github, outcome, issue))
        else:
            done.append(Done(name, "nothing"))
    return done


def _open_issues(github: GitHub) -> dict[str, dict[str, Any]]:
    """Our open issues by dataset; an issue that another opened is not ours, whatever it says."""
    bot = bot_login()
    found: dict[str, dict[str, Any]] = {}
    for issue in github.pages("issues", state="open", creator=bot):
        named = re.match(
            r"<!-- pangeo-forge: feedstock ([a-z0-9-]{1,100}(?:/[a-z0-9-]{1,100})?) -->", str(issue.get("body") or "")
        )
        ours = (issue.get("user") or {}).get("login") == bot and issue.get("pull_request") is None
        if named and ours:
            found.setdefault(named[1], issue)
    return found


def _failed(github: GitHub, failure: Failure, issue: Mapping[str, Any] | None, keepers: Sequence[str]) -> Done:
    title = f"{clean(failure.id, 100)}: scheduled run failed"
    if issue is None:
        body = _body(failure, [_row(failure)], keepers)
        made = github.post("issues", {"title": title, "body": body, "labels": [LABEL]})
        return Done(failure.id, "opened", str(made.get("html_url", "")))
    number, before = int(issue["number"]), _failures(str(issue.get("body") or ""))
    row = _row(failure)
    rows = before if row in before else [*before, row]
    github.patch(f"issues/{number}", {"body": _body(failure, rows[-MOST_FAILURES:], keepers)})
    if not before or before[-1][2] != row[2]:
        text = f"It fails in another way now.\n\n{fenced(failure.text, 3000)}"
        github.post(f"issues/{number}/comments", {"body": text})
    return Done(failure.id, "updated", str(issue.get("html_url", "")))


def _recovered(github: GitHub, recovery: Recovery, issue: Mapping[str, Any]) -> Done:
    number = int(issue["number"])
    words = {"append": "appended to", "build": "built", "nothing": "found nothing new for"}
    what = words.get(recovery.action, "finished")
    text = f"The run for {code(recovery.slot)} {what} {code(recovery.store, 300)}. {_link()}"
    github.post(f"issues/{number}/comments", {"body": text})
    github.patch(f"issues/{number}", {"state": "closed", "state_reason": "completed"})
    return Done(recovery.id, "closed", str(issue.get("html_url", "")))


def _body(failure: Failure, rows: Sequence[Sequence[str]], keepers: Sequence[str]) -> str:
    name = clean(failure.id, 100)
    handles = [f"@{k}" for k in keepers if _HANDLE.match(k)][:5]
    told = f"\n\nKept by {', '.join(handles)}." if handles else ""
    table = [
        f"| {markdown(at, 40)} | {markdown(slot, 60)} | {markdown(kind, 10)} |" for at, slot, kind in reversed(rows)
    ]
    return "\n".join(
        [
            marker(f"feedstock {name}"),
            f"<!-- failures: {json.dumps([list(map(_plain, row)) for row in rows])} -->",
            f"The scheduled run of {code(name)} failed. {_link()}",
            "",
            fenced(failure.text, 6000),
            "",
            "Codes are explained in docs/errors.md. The next run goes on where this one stopped; to run it at once, "
            f"comment `/run {name}`. The issue closes itself when a run succeeds.{told}",
            "",
            "| when | slot | code |",
            "|---|---|---|",
            *table,
        ]
    )


def _row(failure: Failure) -> list[str]:
    slot = failure.slot + (f", try {failure.attempt}" if failure.attempt > 1 else "")
    return [_plain(failure.at), _plain(slot), _plain(failure.code)]


def _plain(text: str) -> str:
    """Text that cannot end the hidden comment that it stands in."""
    return re.sub(r"[^A-Za-z0-9:.,+ _-]", "", clean(text, 80)).replace("--", "-")


def _failures(body: str) -> list[list[str]]:
    found = _STATE.search(body)
    try:
        rows = json.loads(found[1]) if found else []
    except ValueError:
        return []
    return [[_plain(str(v)) for v in row] for row in rows if isinstance(row, list) and len(row) == 3][-MOST_FAILURES:]


def _code(error: Mapping[str, Any]) -> str:
    found = str(error.get("code") or "")
    return found if re.fullmatch(r"[A-Z]\d{3}", found) else "X000"


def _link() -> str:
    address = run_address()
    return f"[Log]({address})" if address else ""


__all__ = ["Done", "Failure", "Recovery", "error_text", "outcomes", "settle"]
