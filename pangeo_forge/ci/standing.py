"""How a dataset's schedule stands, from the records of its runs and its lease: one listing, and at most a few small reads.

Records are the only memory: whoever runs a feedstock, from whichever machine, sees the same. Slots are looked for in all
names, not in the newest only: where clocks are put back, the order of names is not that of events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from pangeo_forge.ci.decision import Attempt, Outcome, Standing, slot_name, slot_time
from pangeo_forge.runs.lease import read_holder
from pangeo_forge.runs.records import RecordName, list_records, read_record
from pangeo_forge.targets.objects import ObjectStore

LASTING = "RPCVU"
"""Letters of errors that the same run would meet again: recipe, plan, inputs that disagree, checks, wrong use. Others, of
inputs that cannot be had, of storage, engines and machines, may pass."""
SKEW = timedelta(minutes=5)
"""By how much the clocks of machines may differ."""
_NO_TIME = ":"
"""Slots of a schedule begin with a digit, and are less; what ``@once`` builds is more."""
_RANK = {"stopped": 0, "failed": 1, "done": 2}

Reader = Callable[[RecordName], Mapping[str, Any] | None]


def standing_of(names: Sequence[RecordName], read: Reader, now: datetime, *, once: str | None = None) -> Standing:
    """What the records of a dataset's runs say at ``now``.

    Parameters
    ----------
    names: of all records, the latest first.
    read: gives a record; asked only of failures and of runs by hand.
    once: the slot of one that is built ``@once``.
    """
    if once is not None:
        return _once(names, read)
    limit = slot_name(now)
    # A dataset may have thousands of records: they are looked through once, and mostly with two comparisons.
    latest, slot, others = None, "", []
    for name in names:
        at = name.slot
        if at is None or at >= _NO_TIME:
            others.append(name)
        # Slots that are still to come were run by a clock that was wrong; they count once they have come.
        elif slot <= at <= limit and (at > slot or latest is None or _order(name) > _order(latest)):
            latest, slot = name, at
    last = None if latest is None else _attempt(latest, read)
    since = None if last is None else slot_time(last.slot)
    for name in others:
        began = name.began
        if began is None or began > now + SKEW:
            continue
        if since is not None and began < since:
            break
        if name.outcome == "done" or (name.slot is None and (read(name) or {}).get("outcome") == "done"):
            return Standing(last, began)
    return Standing(last)


def standing_from(objects: ObjectStore, now: datetime, *, once: str | None = None) -> Standing:
    """As :func:`standing_of`, from a dataset's home; who holds its lease is not asked."""
    return standing_of(list_records(objects), lambda name: read_record(objects, name), now, once=once)


def read_standing(
    objects: ObjectStore, now: datetime, *, once: str | None = None, clock: Callable[[], float] = time.time
) -> Standing:
    """How the dataset of a home stands. The lease is judged by the clock of this machine, whatever ``now`` is asked about."""
    holder = read_holder(objects)[0]
    if holder is not None and holder.is_live(clock()):
        return Standing(running=holder.describe())
    return standing_from(objects, now, once=once)


def _once(names: Sequence[RecordName], read: Reader) -> Standing:
    """The latest run tells: a recipe that was changed, built and changed back is to be built again."""
    for name in names:
        if name.slot is not None:
            return Standing(_attempt(name, read))
        record = read(name) or {}
        if record.get("outcome") == "done":
            began = name.began or datetime.now(UTC)
            return Standing(Attempt(f"once-{str(record.get('fingerprint', ''))[:12]}", 1, "done", began))
    return Standing()


def _order(name: RecordName) -> tuple[int, int]:
    """Which of two records of one slot tells how it stands."""
    return name.attempt, _RANK.get(name.outcome, 1)


def _attempt(name: RecordName, read: Reader) -> Attempt:
    outcome = cast(Outcome, name.outcome if name.outcome in _RANK else "failed")
    ended, may_pass = name.began or datetime.now(UTC), True
    if outcome == "failed":
        record = read(name) or {}
        ended += timedelta(seconds=float(record.get("seconds") or 0))
        code = str((record.get("error") or {}).get("code") or "")
        may_pass = not code or code[0] not in LASTING
    return Attempt(name.slot or "", name.attempt, outcome, ended, may_pass)
