"""Build into Icechunk or references: everything is made beside what readers see, and takes its place in one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pangeo_forge.dataset.model import Template
from pangeo_forge.pipeline.prepare_inputs import Prepared
from pangeo_forge.pipeline.write_task import TaskReport
from pangeo_forge.plan import Plan
from pangeo_forge.runs.ledger import Ledger, key_of, make_ledger, with_filled
from pangeo_forge.runs.publication import publish
from pangeo_forge.runs.referencing import make_references, plan_references
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.session import Session
from pangeo_forge.runs.steps import Run, checks_for, constants_of, figures, verify_store, write_tasks
from pangeo_forge.runs.workspace import Workspace, unfinished
from pangeo_forge.targets.choice import form_of_target, open_target
from pangeo_forge.targets.dataset_root import state_at
from pangeo_forge.targets.reference_placement import Forms
from pangeo_forge.verify.result import CheckResult

if TYPE_CHECKING:
    from pangeo_forge.targets.icechunk_repository import IcechunkTarget
    from pangeo_forge.targets.reference import ReferenceTarget

    AnyTarget = IcechunkTarget | ReferenceTarget


def replace_whole(run: Run, *, replace_store: bool) -> RunResult:
    """Fetch, scan, plan, write (or refer to) and verify all inputs, and make the result the target's content.

    Parameters
    ----------
    replace_store: what an earlier run has left at a path of its own may be replaced.
    """
    session, recipe, home = run.session, run.session.recipe, run.place.objects
    target: Any = open_target(
        run.place.url_of(run.id),
        run.id,
        recipe.target,
        options=run.place.options,
        input_options=recipe.fetch.storage_options,
        threads=session.engine.workforce.per_process,
    )
    if run.place.store is not None and unfinished(run.place):
        # A run was killed at work there: half of what it made is no reason to refuse.
        target.discard_remains()
    # What is in the way is found before hours of fetching, not after.
    before = state_at(target.address, run.place.options) if target.refuse(overwrite=replace_store) else None
    prepared = session.prepare()
    template = prepared.combination.template()
    session.warnings.extend(template.warnings)
    plan, forms = _planned(session, template)
    ledger = _ledger(run, prepared, template, plan, forms)
    plan = replace(plan, recipe={**plan.recipe, "state": ledger.state})
    checks: list[CheckResult] = []
    work = Workspace(run.place, run.id)
    work.clear_others()
    work.begin(run.id, run.place.ending)

    def record() -> None:
        """What belongs to the new state is there before the state is visible."""
        home.put(key_of(ledger.state), ledger.to_bytes())
        run.lease.check()

    try:
        report = _written(session, target, template, plan, forms, replace_store)
        inspect = lambda store: checks.extend(verify_store(session, template, store, checks_for(session)))  # noqa: E731
        target.commit(plan, inspect, record)
    except BaseException:
        target.abort()
        work.clear()
        raise
    if before not in (None, ledger.state):
        home.delete(key_of(str(before)))
    result = publish(run, run.id, target.url, **figures(prepared, plan, report, checks), state=ledger.state)
    work.clear()
    return result


def _planned(session: Session, template: Template) -> tuple[Plan, Forms]:
    form = form_of_target(session.recipe.target)
    if form == "icechunk":
        return session.plan(template), {}
    return plan_references(session, template, 3 if form == "virtual" else 2)


def _ledger(run: Run, prepared: Prepared, template: Template, plan: Plan, forms: Forms) -> Ledger:
    session, absent = run.session, prepared.combination.absent
    constants = constants_of(prepared.combination, template)
    entries = with_filled(prepared.ledger, absent.labels if absent else {}, session.pattern)
    ledger = make_ledger(session.recipe, plan, template, entries, session.pattern, run.id, constants)
    return replace(ledger, forms=forms)


def _written(
    session: Session, target: Any, template: Template, plan: Plan, forms: Forms, overwrite: bool
) -> TaskReport:
    form = form_of_target(session.recipe.target)
    if form == "icechunk":
        target.create(plan, overwrite=overwrite)
        report = write_tasks(session, plan, template, target, None)
    else:
        target.forms, target.stand_ins = forms, stand_ins(session, form)
        target.create(plan, overwrite=overwrite)
        report = make_references(session, template, plan, forms)
    if report.changes is not None:
        target.receive(report.changes)
    return report


def stand_ins(session: Session, form: str) -> Mapping[str, str]:
    """Local copies by URL: kerchunk's references to inputs behind a sign-in are checked by them."""
    if form == "virtual" or session.recipe.fetch.auth is None:
        return {}
    found = {}
    for item in session.pattern:
        if not item.missing:
            fetched = session.archive.fetch(item)
            if fetched is not None:
                found[item.url] = fetched.path
    return found
