"""Run what is due, one after another or several at once, within a budget of time; no failure stops the others."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pangeo_forge.ci.agenda import Agenda, Entry, decide_now, place_of, policy_of
from pangeo_forge.ci.decision import Decision
from pangeo_forge.ci.feedstocks import Broken, Dataset
from pangeo_forge.ci.job import Job
from pangeo_forge.ci.supervision import Ended, supervise
from pangeo_forge.errors import AutomationError, PangeoForgeError
from pangeo_forge.recipe.scalars import duration_in_seconds
from pangeo_forge.runs.occasion import out_of_time
from pangeo_forge.runs.place import new_run_id
from pangeo_forge.runs.records import failure, list_records, write_record

RunOutcome = Literal["done", "failed", "stopped", "busy", "taken"]
Supervisor = Callable[..., Ended]


@dataclass(frozen=True)
class Ran:
    """What became of one run."""

    id: str
    """The dataset's name: unique among all feedstocks."""
    feedstock: str
    slot: str | None
    attempt: int
    outcome: RunOutcome
    """``busy``: another run works on the dataset; ``taken``: another has done this slot; neither is a failure."""
    seconds: float
    result: dict[str, Any] = field(default_factory=dict)
    """Of a run that succeeded: store, action, inputs, bytes, checks, warnings."""
    error: dict[str, Any] | None = None
    text: str = ""
    """The error as it is shown to people."""

    def to_json(self) -> dict[str, Any]:
        """What ``ci run-due --json`` prints."""
        shown = ("store", "action", "run_id", "inputs", "bytes_written", "bytes_stored", "warnings")
        return {
            "id": self.id,
            "feedstock": self.feedstock,
            "slot": self.slot,
            "attempt": self.attempt,
            "outcome": self.outcome,
            "seconds": round(self.seconds, 1),
            **{name: self.result.get(name) for name in shown},
            "error": self.error,
        }


@dataclass
class Campaign:
    """All runs of one call of ``ci run-due``."""

    now: dt.datetime
    ran: list[Ran] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    left: list[Entry] = field(default_factory=list)
    """Due, but the budget was over."""
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.broken and not self.interrupted and all(r.outcome != "failed" for r in self.ran)

    def to_json(self) -> dict[str, Any]:
        """What ``ci run-due --json`` prints."""
        return {
            "ok": self.ok,
            "at": self.now.isoformat(),
            "seconds": round(self.seconds, 1),
            "ran": [r.to_json() for r in self.ran],
            "broken": [b.to_json() for b in self.broken],
            "left": [e.to_json() for e in self.left],
            "interrupted": self.interrupted,
        }


@dataclass(frozen=True)
class Means:
    """How runs are made."""

    clock: Callable[[], dt.datetime]
    """The time by which it is decided what is due."""
    budget: float | None = None
    """Seconds for everything; a run that is going on then is stopped, and goes on at the next tick."""
    jobs: int = 1
    """Runs at once."""
    forced: bool = False
    """Also what is not due."""
    quiet: bool = False
    folder: Path = Path()
    tell: Callable[[str], None] = lambda text: None
    supervisor: Supervisor = supervise


def run_due(agenda: Agenda, means: Means) -> Campaign:
    """Run everything that is due; of a feedstock that makes up for missed slots, one slot after another.

    Before each run it is decided afresh, since those before it may have taken hours.
    """
    began = time.monotonic()
    ends = None if means.budget is None else began + means.budget
    campaign = Campaign(agenda.now, broken=list(agenda.broken))
    queue = deque(agenda.due + (agenda.waiting if means.forced else []))
    stop, guard = threading.Event(), threading.Lock()

    def work() -> None:
        while not stop.is_set():
            with guard:
                if not queue:
                    return
                if ends is not None and time.monotonic() >= ends:
                    campaign.left += queue
                    queue.clear()
                    return
                entry = queue.popleft()
            again = _one(entry, means, campaign, ends, stop)
            if again is not None:
                with guard:
                    queue.append(again)

    with ThreadPoolExecutor(means.jobs) as pool:
        futures = [pool.submit(work) for _ in range(means.jobs)]
        try:
            for future in futures:
                while not future.done():
                    # Waiting in short steps lets Ctrl-C through.
                    with suppress(TimeoutError):
                        future.result(timeout=1)
                future.result()
        except KeyboardInterrupt:
            campaign.interrupted = True
            stop.set()
    campaign.left += queue
    campaign.seconds = time.monotonic() - began
    return campaign


def _one(entry: Entry, means: Means, campaign: Campaign, ends: float | None, stop: threading.Event) -> Entry | None:
    """Run one dataset once; what is to follow for it, if anything."""
    dataset, now = entry.dataset, means.clock()
    try:
        decision = decide_now(dataset, now)
        if not decision.due and not means.forced:
            means.tell(f"{dataset.name}: {decision.why}")
            return None
        ran = _run(dataset, decision, now, means, ends, stop)
    except PangeoForgeError as error:
        slot, attempt = entry.decision.slot, entry.decision.attempt
        ran = Ran(dataset.name, dataset.feedstock, slot, attempt, "failed", 0.0, error=error.to_json(), text=str(error))
    campaign.ran.append(ran)
    means.tell(_line(ran))
    follows = ran.outcome == "done" and dataset.made.catch_up == "all" and not means.forced
    if not follows:
        return None
    following = decide_now(dataset, means.clock())
    return Entry(dataset, following) if following.due else None


def _run(
    dataset: Dataset, decision: Decision, now: dt.datetime, means: Means, ends: float | None, stop: threading.Event
) -> Ran:
    job = Job.of(dataset, decision, policy_of(dataset, now), now, forced=means.forced)
    for_what = f"slot {job.slot}, try {job.attempt}" if job.slot else "by hand"
    means.tell(f"{dataset.name}: begins ({for_what})")
    began, started, known = dt.datetime.now(dt.UTC), time.monotonic(), _tries(dataset, job)
    timeout = duration_in_seconds(dataset.made.timeout)
    ended = means.supervisor(
        {"job": job.to_json()}, timeout=timeout, budget_ends=ends, quiet=means.quiet, cwd=means.folder, stop=stop
    )
    seconds = time.monotonic() - started
    ran = _told(dataset, job, ended, seconds)
    if ran.outcome in ("failed", "stopped"):
        _keep_record(dataset, job, ran, began, known)
    return ran


def _told(dataset: Dataset, job: Job, ended: Ended, seconds: float) -> Ran:
    """What a process that has ended says of its run, or what its end says."""

    def ran(outcome: RunOutcome, **more: Any) -> Ran:
        return Ran(dataset.name, dataset.feedstock, job.slot, job.attempt, outcome, seconds, **more)

    answer = ended.answer or {}
    if answer.get("outcome") == "done":
        # It was asked to stop when it had done all.
        return ran("done", result=dict(answer.get("result") or {}))
    if ended.by == "timeout":
        error: AutomationError = out_of_time(job.timeout)
        return ran("failed", error=error.to_json(), text=str(error))
    if ended.by in ("budget", "user"):
        return ran("stopped", text="stopped: the budget of time is over" if ended.by == "budget" else "stopped")
    outcome = answer.get("outcome")
    if outcome in ("failed", "busy", "taken"):
        return ran(outcome, error=answer.get("error"), text=str(answer.get("text", "")))
    if outcome == "stopped":
        return ran("stopped", text="stopped")
    error = ended_silently(ended.code)
    return ran("failed", error=error.to_json(), text=str(error))


def ended_silently(code: int) -> AutomationError:
    """A run's process has ended without a word."""
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    hint = "too little memory? lower the bakery's `max_memory` or `workers`" if code == -9 else "see the log above"
    return AutomationError(f"the run's process {how} and said nothing", code="A031", hint=hint)


def _tries(dataset: Dataset, job: Job) -> int:
    """How many records there are of this try of this slot: several, where it was stopped and made again."""
    if job.slot is None:
        return 0
    names = list_records(place_of(dataset).objects)
    return sum((name.slot, name.attempt) == (job.slot, job.attempt) for name in names)


def _keep_record(dataset: Dataset, job: Job, ran: Ran, began: dt.datetime, known: int) -> None:
    """Write the record of a run that could not do so itself: a recipe that is wrong, a process that was killed.

    Without it nobody would know that the slot was tried. ``known`` is the number of records of it before.
    """
    if job.slot is None:
        return
    occasion = job.occasion()
    error: BaseException = KeyboardInterrupt()
    if ran.outcome == "failed":
        said = ran.error or {}
        error = AutomationError(str(said.get("message") or ran.text), code=str(said.get("code") or "X000"),
                                where=said.get("where"), hint=said.get("hint"))  # fmt: skip
        if said.get("errors"):
            error = AutomationError(ran.text, code=str(said.get("code")))
    with suppress(PangeoForgeError, OSError):
        if _tries(dataset, job) > known:
            return
        objects = place_of(dataset).objects
        run_id = new_run_id(began, "00000000")
        document = failure(dataset.id, "", run_id, began.isoformat(), ran.seconds, error, (), {})
        write_record(objects, run_id, {**document, **occasion.to_json()})


def _line(ran: Ran) -> str:
    if ran.outcome == "done":
        what = {"nothing": "nothing new", "append": "appended", "build": "built"}.get(
            ran.result.get("action", ""), "done"
        )
        return f"{ran.id}: {what} in {ran.seconds:.1f} s: {ran.result.get('store')}"
    if ran.outcome == "busy":
        return f"{ran.id}: left alone, another run works on it"
    if ran.outcome == "taken":
        return f"{ran.id}: left alone, another scheduler has run it"
    return f"{ran.id}: {ran.outcome} after {ran.seconds:.1f} s: {ran.text}"
