"""Build a dataset from nothing, or anew: a version of its own that becomes visible in one step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pangeo_forge.dataset.model import Template
from pangeo_forge.pipeline.write_task import TaskReport
from pangeo_forge.plan import Plan
from pangeo_forge.runs.ledger import Ledger, key_of, make_ledger, with_filled
from pangeo_forge.runs.publication import publish
from pangeo_forge.runs.result import RunResult
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
from pangeo_forge.targets.checksums import write_checksums
from pangeo_forge.targets.zarr import ZarrTarget
from pangeo_forge.verify.result import CheckResult


def build(run: Run, *, replace_store: bool) -> RunResult:
    """Fetch, scan, plan, write, verify and publish all inputs of the session.

    Parameters
    ----------
    replace_store: a store of ours at a path of its own may be replaced.
    """
    session, place = run.session, run.place
    if place.store is not None and not unfinished(place):
        # What is in the way is found before hours of fetching, not after.
        _target(run, "refuse", place.store).refuse(overwrite=replace_store)
    prepared = session.prepare()
    template = prepared.combination.template()
    plan = session.plan(template)
    session.warnings.extend(template.warnings)
    constants = constants_of(prepared.combination, template)
    absent = prepared.combination.absent
    entries = with_filled(prepared.ledger, absent.labels if absent else {}, session.pattern)
    ledger = make_ledger(session.recipe, plan, template, entries, session.pattern, run.id, constants)
    plan = replace(plan, recipe={**plan.recipe, "state": ledger.state})
    work = Workspace.of(place, plan, ledger.state)
    work.clear_others()
    about = work.begin(run.id)
    target = _target(run, work.id, place.url_of(about["version"]), work.store)
    checks: list[CheckResult] = []
    if about["committing"] and target.state() == ledger.state:
        # Killed between becoming visible and its end.
        target.tidy()
        report = TaskReport()
    else:
        build = _Build(run, plan, template, ledger, work, target, about)
        try:
            report = build.write(checks, replace_store=replace_store)
        except BaseException as error:
            if not is_worth_keeping(error):
                target.abort()
                work.clear()
            raise
    result = publish(run, about["version"], target.url, **figures(prepared, plan, report, checks), state=ledger.state)
    work.clear()
    return result


@dataclass(frozen=True)
class _Build:
    """One version being built."""

    run: Run
    plan: Plan
    template: Template
    ledger: Ledger
    work: Workspace
    target: ZarrTarget
    about: dict[str, Any]

    def write(self, checks: list[CheckResult], *, replace_store: bool) -> TaskReport:
        """Write what is not written yet, check it, make it visible."""
        home, target, work = self.run.place.objects, self.target, self.work
        target.discard_dead()
        target.refuse(overwrite=replace_store)
        if not target.has_begun():
            # Marks without the chunks that they tell of: somebody has removed these.
            work.journal.clear()
        distrust(work, target.chunks.objects, listing=True)
        known = target.create(self.plan, overwrite=replace_store)
        report = write_tasks(self.run.session, self.plan, self.template, target, work)
        written = {**known.objects, **report.written.objects}
        check_present(target.chunks.objects, written, listing=True)
        write_checksums(home, self.ledger.state, written)
        home.put(key_of(self.ledger.state), self.ledger.to_bytes())
        target.commit(self.plan, lambda store: checks.extend(self._verify(store)), self._guard)
        return report

    def _verify(self, store: Any) -> list[CheckResult]:
        session = self.run.session
        return verify_store(session, self.template, store, checks_for(session))

    def _guard(self) -> None:
        self.run.lease.check()
        self.work.committing(self.about)


def _target(run: Run, build: str, address: str, workshop: str | None = None) -> ZarrTarget:
    return ZarrTarget(
        address,
        build,
        zarr_format=run.session.recipe.target.zarr_format,
        storage_options=run.place.options,
        threads=run.session.engine.workforce.per_process,
        workshop=workshop,
    )
