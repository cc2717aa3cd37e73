"""Append: what is new goes to the end of the store; what is known is compared with the ledger and left alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.errors import TargetError
from pangeo_forge.pipeline.prepare_inputs import Prepared
from pangeo_forge.pipeline.write_task import Stored, TaskReport
from pangeo_forge.runs.agreement import adapted, check_continuation
from pangeo_forge.runs.build import build
from pangeo_forge.runs.changes import Changes, find_changes
from pangeo_forge.runs.extension import Extension, check_constants, coordinate, driven_block, plan_extension, plan_of
from pangeo_forge.runs.ledger import Ledger, append_fingerprint, is_listed, key_of, make_rows, read_ledger, with_filled
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.session import Session
from pangeo_forge.runs.steps import (
    Run,
    check_present,
    checks_for,
    constants_of,
    distrust,
    figures,
    is_worth_keeping,
    verify_store,
    write_tasks,
)
from pangeo_forge.runs.workspace import Workspace, unfinished
from pangeo_forge.targets.checksums import read_checksums, write_checksums
from pangeo_forge.targets.conditional import Tag
from pangeo_forge.targets.extend import ZarrExtension
from pangeo_forge.targets.metadata import STATE
from pangeo_forge.targets.protocol import Written
from pangeo_forge.verify.result import CheckResult


def append(run: Run, store: str) -> RunResult:
    """Bring the store at ``store`` up to the session's inputs.

    Raises
    ------
    TargetError: T050 the store has no ledger, T051 another recipe made it, T052-T055 known inputs are not as they were,
        T056 and T057 the new ones do not fit.
    """
    session = run.session
    target = ZarrExtension(store, session.recipe.target.zarr_format, run.place.options, session.settings.worker_count)
    attrs, tag = target.root()
    ledger = read_ledger(run.place.objects, attrs.get(STATE))
    axis = _check_ledger(session, ledger, target.url)
    assert ledger is not None
    if target.is_torn():
        target.mend(plan_of(ledger))
    listed, recheck = is_listed(session.recipe), session.settings.recheck
    changes = find_changes(ledger, session.pattern, session.archive, axis, listed=listed, recheck=recheck)
    if changes.disturb and _is_rebuild_wanted(session, changes, target.url):
        return build(run, replace_store=True)
    session.warnings.extend(f"{line}; what is stored is kept" for line in changes.lines())
    if not changes.new:
        _undo_others(run, ledger, target, None)
        return run.result(target.url, "nothing", state=ledger.state)
    narrow = _narrowed(session, axis, changes.new)
    try:
        prepared = narrow.prepare()
        if not prepared.ledger:
            _undo_others(run, ledger, target, None)
            return run.result(target.url, "nothing", state=ledger.state)
        return _append(run, narrow, prepared, ledger, target, tag)
    finally:
        narrow.archive.close()


def _append(
    run: Run, session: Session, prepared: Prepared, ledger: Ledger, target: ZarrExtension, tag: Tag
) -> RunResult:
    settings = CombineSettings.from_recipe(session.recipe)
    template = adapted(prepared.combination.template(), ledger)
    session.warnings.extend(template.warnings)
    digests = constants_of(prepared.combination, template)
    _check_axis(session, template, ledger, target, settings)
    extension = plan_extension(template, ledger, session.recipe, session.resources, settings)
    check_constants(extension, target.whole, ledger, digests, settings)
    absent = prepared.combination.absent
    rows = make_rows(
        with_filled(prepared.ledger, absent.labels if absent else {}, session.pattern),
        session.pattern,
        template,
        extension.dim,
        listed=is_listed(session.recipe),
        run=run.id,
        offset=ledger.length,
    )
    total = extension.total
    grown = replace(ledger, length=extension.after, attrs=total.attrs, arrays=total.arrays, rows=(*ledger.rows, *rows))
    total = replace(total, recipe={**total.recipe, "state": grown.state})
    extension = replace(extension, total=total)
    work = Workspace.of(run.place, extension.window, ledger.state + grown.state)
    _undo_others(run, ledger, target, work.id)
    work.begin("")
    step = _Step(run, session, extension, replace(target, origins=extension.origins), ledger, grown, work)
    checks: list[CheckResult] = []
    try:
        report = step.write(checks, tag)
    except BaseException as error:
        if not is_worth_keeping(error):
            _undo(run, ledger, target, work)
        raise
    work.clear()
    known = figures(prepared, extension.window, report, checks)
    return run.result(target.url, "append", **known, state=grown.state)


@dataclass(frozen=True)
class _Step:
    """One state of the dataset made from the one before."""

    run: Run
    session: Session
    extension: Extension
    target: ZarrExtension
    before: Ledger
    after: Ledger
    work: Workspace

    def write(self, checks: list[CheckResult], tag: Tag) -> TaskReport:
        """Chunks, checks, ledger, metadata: in this order, so that readers see the old state or the new one."""
        home, extension, target = self.run.place.objects, self.extension, self.target
        stored = Stored(extension.dim, extension.kept)
        distrust(self.work, target.whole.objects, listing=False)
        report = write_tasks(self.session, extension.window, extension.window_template, target, self.work, stored)
        driven = Written(0, 0, 0, 0)
        for array in extension.driven:
            driven += target.write_block(*driven_block(extension, array, target.whole))
        written = {**report.written.objects, **driven.objects}
        check_present(target.whole.objects, written, listing=False)
        target.check(extension.total, lambda store: checks.extend(self._verify(store)))
        write_checksums(home, self.after.state, written, base=self.before.state)
        home.put(key_of(self.after.state), self.after.to_bytes())
        self.run.lease.check()
        target.commit(extension.total, tag)
        home.delete(key_of(self.before.state))
        return report

    def _verify(self, store: Any) -> list[CheckResult]:
        part = {self.extension.dim: slice(self.extension.before, self.extension.after)}
        return verify_store(self.session, self.extension.template, store, checks_for(self.session), part)


def _undo(run: Run, ledger: Ledger, target: ZarrExtension, work: Workspace) -> None:
    """Take back what unfinished work has put into the store, and forget the work."""
    recorded = read_checksums(run.place.objects, ledger.state)
    # Without records nothing tells what belongs to the store; then what was put beyond its end stays, unseen.
    marks = {} if recorded is None else work.journal.done()
    put = {key for written in marks.values() for key in written.objects}
    target.restore(ledger.arrays, str(ledger.dim), put, recorded or {})
    work.clear()


def _undo_others(run: Run, ledger: Ledger, target: ZarrExtension, own: str | None) -> None:
    """The same for what other runs have left: this one holds the lease, so nobody continues them."""
    for other in unfinished(run.place):
        work = Workspace(run.place, other)
        if other != own and work.is_append:
            _undo(run, ledger, target, work)
        elif other != own:
            work.discard()


def _check_ledger(session: Session, ledger: Ledger | None, where: str) -> int:
    """The axis of the pattern that is appended to; raises when this recipe cannot append to the store."""
    dim = session.recipe.target.append
    if ledger is None:
        raise TargetError(
            "the store has no ledger of its inputs, so what is new cannot be told from what it holds",
            code="T050",
            where=where,
            hint="build it anew with --rebuild",
        )
    if ledger.fingerprint != append_fingerprint(session.recipe) or ledger.dim != dim:
        raise TargetError(
            "the recipe has changed since the store was built, in a way that concerns what is stored already",
            code="T051",
            where=where,
            hint="build it anew with --rebuild, or take the change back",
        )
    return session.pattern.concat_dims.index(str(dim))


def _is_rebuild_wanted(session: Session, changes: Changes, where: str) -> bool:
    """Whether to build anew because of changes to known inputs; raises when the recipe says that they fail a run."""
    policy = session.recipe.target.on_changed
    if policy == "rewrite":
        session.warnings.extend(f"{line}; the dataset was built anew" for line in changes.lines())
        return True
    if policy == "ignore" and not changes.late:
        return False
    code = "T052" if changes.changed else "T053" if changes.vanished else "T054"
    rows = "\n".join(f"  {line}" for line in changes.lines())
    raise TargetError(
        f"inputs that the store holds are not as they were:\n{rows}\n",
        code=code,
        where=where,
        hint="say target: {on_changed: rewrite} to build anew, or ignore to keep what is stored"
        if not changes.late
        else "what came late cannot be put in between: say target: {on_changed: rewrite}, or use --rebuild",
    )


def _narrowed(session: Session, axis: int, positions: tuple[int, ...]) -> Session:
    """A session of the new inputs alone."""
    pattern = session.pattern.part(axis, positions)
    return replace(session, pattern=pattern, archive=replace(session.archive, pattern=pattern))


def _check_axis(
    session: Session, template: Any, ledger: Ledger, target: ZarrExtension, settings: CombineSettings
) -> None:
    dim = str(ledger.dim)
    axis = template.concat_dims.index(dim)
    labels = {p[axis]: session.archive.label(p) for p in template.positions}
    check_continuation(template, dim, coordinate(ledger, target.whole), labels, settings)
