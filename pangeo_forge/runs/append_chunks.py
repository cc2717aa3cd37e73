"""Append array data: new chunks beside what readers see, then one step that makes the dataset longer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pangeo_forge.pipeline.write_task import Stored, TaskReport
from pangeo_forge.runs.addition import Addition
from pangeo_forge.runs.extension import Extension, check_constants, driven_block, plan_extension
from pangeo_forge.runs.ledger import Ledger, key_of
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.steps import (
    Run,
    check_present,
    checks_for,
    distrust,
    figures,
    is_worth_keeping,
    verify_store,
    write_tasks,
)
from pangeo_forge.runs.workspace import Workspace, unfinished
from pangeo_forge.targets import extend
from pangeo_forge.targets.checksums import read_checksums, write_checksums
from pangeo_forge.targets.protocol import Written
from pangeo_forge.verify.result import CheckResult


def append_chunks(addition: Addition, target: extend.Extension) -> RunResult:
    """Write what is added, verify it, and make it visible.

    Raises
    ------
    TargetError: T056 the new inputs do not fit; T034, T064 another run has changed the dataset.
    """
    run, session, ledger = addition.run, addition.session, addition.before
    extension = plan_extension(addition.template, ledger, session.recipe, session.resources, addition.settings)
    check_constants(addition.template, extension.total, target.whole, ledger, addition.digests, addition.settings)
    grown = addition.after(extension.total.attrs, extension.total.arrays)
    total = replace(extension.total, recipe={**extension.total.recipe, "state": grown.state})
    extension = replace(extension, total=total)
    work = Workspace.of(run.place, extension.window, ledger.state + grown.state)
    undo_others(run, ledger, target, work.id)
    if target.keeps_chunks:
        work.begin("")
    step = _Step(addition, extension, target.begin(total, extension.origins), grown, work)
    checks: list[CheckResult] = []
    try:
        report = step.write(checks)
    except BaseException as error:
        if not is_worth_keeping(error):
            _undo(run, ledger, target, work)
        raise
    work.clear()
    known = figures(addition.prepared, extension.window, report, checks)
    return run.result(target.url, "append", **known, state=grown.state)


@dataclass(frozen=True)
class _Step:
    """One state of the dataset made from the one before."""

    addition: Addition
    extension: Extension
    target: extend.Extension
    after: Ledger
    work: Workspace

    def write(self, checks: list[CheckResult]) -> TaskReport:
        """Chunks, checks, ledger, metadata: in this order, so that readers see the old state or the new one."""
        session, extension, target = self.addition.session, self.extension, self.target
        keeps = target.keeps_chunks
        if keeps:
            distrust(self.work, target.whole.objects, listing=False)
        stored, work = Stored(extension.dim, extension.kept), self.work if keeps else None
        report = write_tasks(session, extension.window, extension.window_template, target, work, stored)
        target.check_there()
        if report.changes is not None:
            target.receive(report.changes)
        driven = Written(0, 0, 0, 0)
        for array in extension.driven:
            driven += target.write_block(*driven_block(extension, array, target.whole))
        written = {**report.written.objects, **driven.objects}
        if keeps:
            check_present(target.whole.objects, written, listing=False)
        target.commit(extension.total, lambda store: checks.extend(self._verify(store)), lambda: self._record(written))
        self.addition.run.place.objects.delete(key_of(self.addition.before.state))
        return report

    def _record(self, written: dict[str, Any]) -> None:
        """What belongs to the new state is there before the state is visible."""
        run = self.addition.run
        if self.target.keeps_chunks:
            write_checksums(run.place.objects, self.after.state, written, base=self.addition.before.state)
        run.place.objects.put(key_of(self.after.state), self.after.to_bytes())
        run.lease.check()

    def _verify(self, store: Any) -> list[CheckResult]:
        part = {self.extension.dim: slice(self.extension.before, self.extension.after)}
        session = self.addition.session
        return verify_store(session, self.extension.template, store, checks_for(session), part)


def _undo(run: Run, ledger: Ledger, target: extend.Extension, work: Workspace) -> None:
    """Take back what unfinished work has put into the store, and forget the work."""
    recorded = read_checksums(run.place.objects, ledger.state)
    put = {key for written in work.journal.done().values() for key in written.objects}
    target.restore(ledger.arrays, str(ledger.dim), put, recorded)
    work.clear()


def undo_others(run: Run, ledger: Ledger, target: extend.Extension, own: str | None) -> None:
    """The same for what other runs have left: this one holds the lease, so nobody continues them."""
    for other in unfinished(run.place):
        work = Workspace(run.place, other)
        if other != own and work.is_append:
            _undo(run, ledger, target, work)
        elif other != own:
            work.discard()
