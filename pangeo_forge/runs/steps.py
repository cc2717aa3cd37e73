"""Steps that building and appending share: write the tasks, verify, gather what the record says."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pangeo_forge.dataset.combine import Combination
from pangeo_forge.dataset.model import Template
from pangeo_forge.errors import PangeoForgeError, TargetError
from pangeo_forge.pipeline.prepare_inputs import Prepared
from pangeo_forge.pipeline.write_task import Sink, Stored, TaskReport, TaskWriter
from pangeo_forge.plan import Plan
from pangeo_forge.runs.lease import Lease
from pangeo_forge.runs.place import DEFAULT_ROOT, Place
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.session import Session
from pangeo_forge.runs.stillness import CHANGED, refuse_changed
from pangeo_forge.runs.workspace import Workspace
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.extend import removed
from pangeo_forge.targets.objects import LocalObjects, ObjectStore
from pangeo_forge.targets.protocol import Digest, Written
from pangeo_forge.verify.result import CheckResult, raise_on_failure

DEFAULT_SAMPLES = 8
KEEPING = ("T010", "T011", "T012", "T013", "T034", "T040", "T041")
"""Errors of the target after which a second run can go on: what is done is kept."""


@dataclass(frozen=True)
class Run:
    """One run: who it is, where it writes, and what allows it to."""

    session: Session
    place: Place
    lease: Lease
    id: str
    began: datetime
    started: float = field(default_factory=time.perf_counter)

    def result(self, store: str, action: str, **known: Any) -> RunResult:
        """The run's result; what is not ``known`` did not happen."""
        from pangeo_forge.runs.versions import installed_versions

        recipe = self.session.recipe
        nothing: dict[str, Any] = {
            "inputs": 0,
            "input_bytes": 0,
            "tasks": 0,
            "bytes_written": 0,
            "bytes_stored": 0,
            "plan": {},
        }
        return RunResult(
            recipe_id=recipe.id,
            title=recipe.title,
            fingerprint=recipe.fingerprint(),
            run_id=self.id,
            store=store,
            began=self.began.isoformat(),
            seconds=time.perf_counter() - self.started,
            action=action,
            warnings=tuple(self.session.warnings),
            versions=installed_versions(),
            pruned=self.session.settings.prune,
            work=self.session.worklog.to_json(),
            **{**nothing, **known},
        )


def figures(prepared: Prepared, plan: Plan, report: TaskReport, checks: list[CheckResult]) -> dict[str, Any]:
    """What a result says of work that was done."""
    return {
        "inputs": len(prepared.ledger),
        "input_bytes": prepared.nbytes,
        "tasks": report.tasks,
        "bytes_written": report.written.bytes_raw,
        "bytes_stored": report.written.bytes_stored,
        "plan": plan.summary(),
        "checks": tuple(checks),
    }


def write_tasks(
    session: Session, plan: Plan, template: Template, target: Sink, work: Workspace | None, stored: Stored | None = None
) -> TaskReport:
    """Do the tasks of a plan that are not done yet.

    Parameters
    ----------
    work: where finished tasks are marked; None: what a killed run has written is lost with it.
    """
    from pangeo_forge.pipeline.stages import write

    journal = None if work is None else work.journal
    done = {} if journal is None else journal.done()
    before = TaskReport(len(done), written=sum(done.values(), Written(0, 0, 0, 0)))
    total = sum(stage.n_tasks for stage in plan.stages)
    if total == len(done):
        return before
    place = None if work is None else work.intermediate
    threads = session.engine.workforce.per_process
    between = None
    if plan.intermediate:
        between = ChunkStore(place, threads=threads) if place else session.temp.intermediate(threads)
    writer = TaskWriter(plan, template, session.archive, target, between, journal, place is not None, stored)
    session.progress.start("write", total - len(done), plan.nbytes)
    session.worklog.resumed += len(done)
    here = session.engine.workforce.here and session.settings.verify
    meanwhile = _importing_verification() if here and _reads_chunks_only(plan, template) else nullcontext()
    with session.worklog.timed("write"), meanwhile:
        report = write(writer, session.engine, session.temp, done)
    session.note_written(report)
    refuse_changed(session.seen)
    return before.merge(report)


def _reads_chunks_only(plan: Plan, template: Template) -> bool:
    """Whether no task opens an input as a dataset."""
    names = {name for stage in plan.stages for group in stage.groups for name in group.arrays}
    arrays = [a for a in template.arrays if a.name in names]
    return all(a.accesses and not a.recode and (a.access_of is None or (a.access_of >= 0).all()) for a in arrays)


@contextmanager
def _importing_verification() -> Iterator[None]:
    """Import what verification needs while codecs work, which leave the interpreter to others.

    Nobody else may import xarray at that time: two threads that import a package with circular imports may find it
    half-made. So it is waited for, and done only when tasks have no use for xarray.
    """
    thread = threading.Thread(target=_import_verification, name="imports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _import_verification() -> None:
    # What goes wrong here goes wrong again where it is told. xarray looks for dask, where it is installed, at its first array.
    for name in ("pangeo_forge.verify.store", "pangeo_forge.dataset.plain", "dask.array"):
        with suppress(Exception):
            importlib.import_module(name)


def verify_store(
    session: Session,
    template: Template,
    store: Any,
    checks: list[dict[str, Any]],
    part: Mapping[str, slice] | None = None,
) -> list[CheckResult]:
    """Sample and checks on a store (an address, or anything that zarr opens); raises when one fails.

    Parameters
    ----------
    part: by dim, the part of the store that ``template`` describes and the run has written; None: all of it.
    """
    if not session.settings.verify:
        return []
    from pangeo_forge.verify.store import verify_written

    samples = next((c["sample"] for c in checks if "sample" in c), DEFAULT_SAMPLES)
    session.progress.start("verify", 1)
    with session.step("verify"):
        results = verify_written(
            store,
            template,
            open_input=lambda index: session.archive.plain_dataset(session.archive.item(index)),
            label=session.archive.label,
            checks=checks,
            samples=samples,
            seed=session.settings.seed,
            options=session.settings.target_options,
            part=part,
        )
    session.progress.advance("verify")
    session.progress.finish("verify")
    raise_on_failure(results, store if isinstance(store, str) else session.settings.target or DEFAULT_ROOT)
    return results


def check_present(objects: ObjectStore, written: Mapping[str, Digest], *, listing: bool) -> None:
    """Everything that was put is still there, in its size: somebody may have removed the store under the run.

    Parameters
    ----------
    listing: look by listing the store (when most of it was written just now) instead of one by one.

    Raises
    ------
    TargetError: T033.
    """
    if isinstance(objects, LocalObjects):
        gone = [key for key, (size, _) in written.items() if objects.size(key) != size]
    elif listing:
        found = set(objects.list())
        gone = [key for key in written if key not in found]
    else:
        gone = [key for key in written if not objects.exists(key)]
    if gone:
        what = f"{len(gone)} of {len(written)} objects that this run has written are gone, the first is {min(gone)}"
        raise removed(what, objects.url)


def distrust(work: Workspace, objects: ObjectStore, *, listing: bool) -> None:
    """Forget all marks of finished tasks when some of what they tell of is gone."""
    done = work.journal.done()
    try:
        check_present(objects, {k: d for w in done.values() for k, d in w.objects.items()}, listing=listing)
    except TargetError:
        work.journal.clear()


def is_worth_keeping(error: BaseException) -> bool:
    """Whether what is done so far helps a second run: after errors of inputs, network, disk or machine, and a stop."""
    from pangeo_forge.errors import BakeryError, InputError

    if isinstance(error, TargetError):
        return error.code in KEEPING
    if isinstance(error, InputError):
        return error.code != CHANGED
    if isinstance(error, BakeryError):
        return True
    return not isinstance(error, PangeoForgeError)


def constants_of(combination: Combination, template: Template) -> dict[str, str]:
    """Digests of arrays that no input divides and whose values were not kept."""
    wanted = {a.name for a in template.arrays if not a.concat_dims and a.values is None}
    found: dict[str, str] = {}
    for index in sorted(combination.inputs):
        if not wanted - set(found):
            break
        record = combination.inputs[index]
        for layout, content in zip(record.layouts, record.contents, strict=True):
            if layout.name in wanted and content is not None and content.digest is not None:
                found.setdefault(layout.name, content.digest)
    return found


def checks_for(session: Session) -> list[dict[str, Any]]:
    """The recipe's checks; for a pruned run without those of a dimension that has gaps because of it."""
    checks = [c.model_dump(exclude_none=True) for c in session.recipe.checks]
    if not session.settings.prune:
        return checks
    cut = set(session.pattern.concat_dims)
    kept = [{k: v for k, v in c.items() if c.get("dim") not in cut or k not in ("regular", "length")} for c in checks]
    return [c for c in kept if set(c) != {"dim"}]


__all__ = [
    "Run",
    "check_present",
    "checks_for",
    "constants_of",
    "distrust",
    "figures",
    "is_worth_keeping",
    "verify_store",
    "write_tasks",
]
