"""Runs into Icechunk or references: everything is made beside what readers see, and takes its place in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pangeo_forge.dataset.model import Template
from pangeo_forge.pipeline.write_task import TaskReport, TaskWriter
from pangeo_forge.plan import Plan
from pangeo_forge.runs.referencing import make_references, plan_references
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.session import Session
from pangeo_forge.runs.steps import Run, checks_for, figures, verify_store
from pangeo_forge.targets.choice import form_of_target, open_target
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.verify.result import CheckResult

if TYPE_CHECKING:
    from pangeo_forge.targets.icechunk_repository import IcechunkTarget
    from pangeo_forge.targets.reference import ReferenceTarget

    AnyTarget = IcechunkTarget | ReferenceTarget


def replace_whole(run: Run, *, replace_store: bool) -> RunResult:
    """Fetch, scan, plan, write (or refer to) and verify all inputs, and make the result the target's content.

    Parameters
    ----------
    replace_store: what an earlier run has left at a path of its own may be replaced. With ``append`` it always may: the
        whole is made again, of the inputs in the cache.
    """
    session, recipe = run.session, run.session.recipe
    target: Any = open_target(
        run.place.url_of(run.id),
        run.id,
        recipe.target,
        options=run.place.options,
        input_options=recipe.fetch.storage_options,
        threads=session.settings.worker_count,
    )
    overwrite = replace_store or recipe.target.append is not None
    # What is in the way is found before hours of fetching, not after.
    target.refuse(overwrite=overwrite)
    prepared = session.prepare()
    template = prepared.combination.template()
    session.warnings.extend(template.warnings)
    checks: list[CheckResult] = []
    try:
        plan, report = _written(run, target, template, overwrite)
        target.commit(
            plan,
            lambda store: checks.extend(verify_store(session, template, store, checks_for(session))),
            run.lease.check,
        )
    except BaseException:
        target.abort()
        raise
    published = {"version": run.id, "fingerprint": recipe.fingerprint(), "run": run.id}
    run.place.publish(run.id, {**published, "published": run.began.isoformat(), "token": run.lease.token})
    return run.result(target.url, "build", **figures(prepared, plan, report, checks))


def _written(run: Run, target: Any, template: Template, overwrite: bool) -> tuple[Plan, TaskReport]:
    session = run.session
    form = form_of_target(session.recipe.target)
    if form == "icechunk":
        plan = session.plan(template)
        target.create(plan, overwrite=overwrite)
        report = _write(session, plan, template, target)
    else:
        plan, target.forms = plan_references(session, template, 3 if form == "virtual" else 2)
        if form != "virtual" and session.recipe.fetch.auth is not None:
            target.stand_ins = _copies(session)
        target.create(plan, overwrite=overwrite)
        report = make_references(session, template, plan, target.forms)
    if report.changes is not None:
        target.receive(report.changes)
    return plan, report


def _write(session: Session, plan: Plan, template: Template, target: IcechunkTarget) -> TaskReport:
    from pangeo_forge.pipeline.runner import RunnerSettings
    from pangeo_forge.pipeline.stages import write

    threads = session.settings.worker_count
    between = ChunkStore(f"{session.scratch}/intermediate", threads=threads) if plan.intermediate else None
    writer = TaskWriter(plan, template, session.archive, target, between)
    session.progress.start("write", sum(stage.n_tasks for stage in plan.stages), plan.nbytes)
    report = write(writer, RunnerSettings(session.settings.mode, threads), session.scratch)
    session.progress.finish("write")
    return report


def _copies(session: Session) -> dict[str, str]:
    """Local copies by URL: inputs behind a sign-in are checked by them."""
    found = {}
    for item in session.pattern:
        if not item.missing:
            fetched = session.archive.fetch(item)
            if fetched is not None:
                found[item.url] = fetched.path
    return found
