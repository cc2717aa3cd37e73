"""Run a recipe: fetch, scan, combine, plan, write, verify, publish."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pangeo_forge import progress
from pangeo_forge.dataset.model import Template
from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.pipeline.prepare_inputs import Prepared
from pangeo_forge.pipeline.write_task import TaskReport, TaskWriter
from pangeo_forge.plan import Plan
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.place import Place, new_run_id
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.session import Session, opened_session, pruned
from pangeo_forge.runs.settings import RunSettings
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.zarr import ZarrTarget
from pangeo_forge.verify.result import CheckResult, raise_on_failure

DEFAULT_SAMPLES = 8
DRY_RUN_PRUNE = 2


def run_recipe(
    recipe: Recipe,
    settings: RunSettings | None = None,
    front_end: progress.Progress | None = None,
    *,
    now: dt.datetime | None = None,
) -> RunResult:
    """Turn a recipe's inputs into a verified store.

    Raises
    ------
    PangeoForgeError: what is wrong with the recipe, its inputs, the target, or what was written. Nothing that opens is
        left at the target then.
    """
    settings = settings or RunSettings()
    began = now or dt.datetime.now(dt.UTC)
    with opened_session(recipe, settings, front_end, now=began.date()) as session:
        return _run(session, began)


def dry_run_recipe(
    recipe: Recipe, settings: RunSettings | None = None, front_end: progress.Progress | None = None
) -> RunResult:
    """The whole path on the first and last inputs, into a temporary store that is verified and removed."""
    import tempfile

    settings = pruned(settings or RunSettings(), DRY_RUN_PRUNE)
    with tempfile.TemporaryDirectory(prefix="pangeo-forge-dry-run-") as folder:
        return run_recipe(recipe, replace(settings, target=f"{folder}/{recipe.id}.zarr"), front_end)


def _run(session: Session, began: dt.datetime) -> RunResult:
    started = time.perf_counter()
    run_id = new_run_id(began, session.recipe.fingerprint())
    place = Place.of(session.settings.target, session.recipe.id, run_id, session.settings.target_options)
    target = _target(session, place, run_id)
    # What is in the way is found before hours of fetching, not after.
    target.refuse(overwrite=session.settings.overwrite)
    prepared = session.prepare()
    template = prepared.combination.template()
    plan = session.plan(template)
    session.warnings.extend(template.warnings)
    with _undone_on_failure(target):
        target.create(plan, overwrite=session.settings.overwrite)
        report = _write(session, plan, template, target)
        checks: list[CheckResult] = []
        target.commit(plan, lambda url: checks.extend(_verify(session, template, url)))
    result = _result(session, prepared, plan, report, checks, target, run_id, began, time.perf_counter() - started)
    place.publish({"version": run_id, "fingerprint": session.recipe.fingerprint(), "published": began.isoformat()})
    place.record(run_id, result.to_json())
    return result


def _target(session: Session, place: Place, run_id: str) -> ZarrTarget:
    return ZarrTarget(
        place.store,
        run_id,
        zarr_format=session.recipe.target.zarr_format,
        storage_options=place.options,
        threads=session.settings.worker_count,
    )


def _write(session: Session, plan: Plan, template: Template, target: ZarrTarget) -> TaskReport:
    from pangeo_forge.pipeline.runner import RunnerSettings
    from pangeo_forge.pipeline.stages import write

    between = ChunkStore(f"{session.scratch}/intermediate", threads=target.threads) if plan.intermediate else None
    writer = TaskWriter(plan, template, session.archive, target, between)
    session.progress.start("write", sum(stage.n_tasks for stage in plan.stages), plan.nbytes)
    runner = RunnerSettings(session.settings.mode, session.settings.worker_count)
    report = write(writer, runner, session.scratch, session.channel)
    session.progress.finish("write")
    return report


def _verify(session: Session, template: Template, url: str) -> list[CheckResult]:
    """Sample and checks on the store at ``url``; raises when one fails."""
    if not session.settings.verify:
        return []
    from pangeo_forge.verify.store import verify_written

    checks = checks_for(session)
    samples = next((c["sample"] for c in checks if "sample" in c), DEFAULT_SAMPLES)
    session.progress.start("verify", 1)
    results = verify_written(
        url,
        template,
        open_input=lambda index: session.archive.plain_dataset(session.archive.item(index)),
        label=session.archive.label,
        checks=checks,
        samples=samples,
        seed=session.settings.seed,
        options=session.settings.target_options,
    )
    session.progress.advance("verify")
    session.progress.finish("verify")
    raise_on_failure(results, url)
    return results


def checks_for(session: Session) -> list[dict[str, Any]]:
    """The recipe's checks; for a pruned run without those of a dimension that has gaps because of it."""
    checks = [c.model_dump(exclude_none=True) for c in session.recipe.checks]
    if not session.settings.prune:
        return checks
    cut = set(session.pattern.concat_dims)
    kept = [{k: v for k, v in c.items() if c.get("dim") not in cut or k not in ("regular", "length")} for c in checks]
    return [c for c in kept if set(c) != {"dim"}]


@contextmanager
def _undone_on_failure(target: ZarrTarget) -> Iterator[None]:
    """Nothing half-written is left when the run fails, nor when it is stopped by the user."""
    try:
        yield
    except BaseException:
        try:
            target.abort()
        except (PangeoForgeError, OSError) as error:
            progress.Silent().note(str(error))
        raise


def _result(
    session: Session,
    prepared: Prepared,
    plan: Plan,
    report: TaskReport,
    checks: list[CheckResult],
    target: ZarrTarget,
    run_id: str,
    began: dt.datetime,
    seconds: float,
) -> RunResult:
    from pangeo_forge.runs.versions import installed_versions

    summary: dict[str, Any] = plan.summary()
    return RunResult(
        recipe_id=session.recipe.id,
        title=session.recipe.title,
        fingerprint=session.recipe.fingerprint(),
        run_id=run_id,
        store=target.url,
        began=began.isoformat(),
        seconds=seconds,
        inputs=len(prepared.ledger),
        input_bytes=prepared.nbytes,
        tasks=report.tasks,
        bytes_written=report.written.bytes_raw,
        bytes_stored=report.written.bytes_stored,
        plan=summary,
        checks=tuple(checks),
        warnings=tuple(session.warnings),
        versions=installed_versions(),
    )
