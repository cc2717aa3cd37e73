"""Run a recipe: fetch, scan, combine, plan, write, verify, publish."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

from pangeo_forge import progress
from pangeo_forge.errors import PangeoForgeError, UsageError
from pangeo_forge.pipeline.scratch import Scratch
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.append import append
from pangeo_forge.runs.build import build
from pangeo_forge.runs.entries import is_current, refresh_entry
from pangeo_forge.runs.equipment import equipped
from pangeo_forge.runs.lease import held
from pangeo_forge.runs.occasion import Occasion
from pangeo_forge.runs.place import Place, new_run_id, refuse_inputs
from pangeo_forge.runs.records import failure, write_record
from pangeo_forge.runs.replacement import replace_whole
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.retention import prune_versions
from pangeo_forge.runs.session import Session, opened_session, pruned
from pangeo_forge.runs.settings import RunSettings
from pangeo_forge.runs.steps import Run
from pangeo_forge.targets.choice import check_ending, ending_of

DRY_RUN_PRUNE = 2


def run_recipe(
    recipe: Recipe,
    settings: RunSettings | None = None,
    front_end: progress.Progress | None = None,
    *,
    now: dt.datetime | None = None,
    occasion: Occasion | None = None,
) -> RunResult:
    """Turn a recipe's inputs into a verified store; ``occasion`` is the slot of a schedule that the run serves.

    Raises
    ------
    PangeoForgeError: what is wrong with the recipe, its inputs, the target, or what was written. Nothing that opens is
        left at the target then.
    """
    settings = settings or RunSettings()
    began = now or dt.datetime.now(dt.UTC)
    with opened_session(recipe, settings, front_end, now=(occasion and occasion.date) or began.date()) as session:
        return _run(session, began, occasion)


def dry_run_recipe(
    recipe: Recipe, settings: RunSettings | None = None, front_end: progress.Progress | None = None
) -> RunResult:
    """The whole path on the first and last inputs, into a temporary store that is verified and removed."""
    import tempfile

    settings = pruned(settings or RunSettings(), DRY_RUN_PRUNE)
    equipment = equipped(settings)
    name = f"{recipe.id}{ending_of(recipe.target)}"
    if equipment.engine.workforce.shares_files or equipment.settings.temp is None:
        with tempfile.TemporaryDirectory(prefix="pangeo-forge-dry-run-") as folder:
            return run_recipe(recipe, replace(settings, target=f"{folder}/{name}", target_options={}), front_end)
    # Workers elsewhere write to the bakery's scratch space.
    found = equipment.settings
    folder = f"{str(found.temp).rstrip('/')}/dry-run-{uuid4().hex}"
    try:
        there = replace(settings, target=f"{folder}/{name}", target_options=found.temp_options)
        return run_recipe(recipe, there, front_end)
    finally:
        with suppress(PangeoForgeError, OSError):
            Scratch(folder, found.temp_options).clear()


def _run(session: Session, began: dt.datetime, occasion: Occasion | None) -> RunResult:
    recipe, settings = session.recipe, session.settings
    run_id = new_run_id(began, recipe.fingerprint())
    check_ending(settings.target, recipe.target)
    place = Place.of(settings.target, recipe.id, settings.target_options, ending_of(recipe.target))
    refuse_inputs(place, session.pattern)
    started = time.perf_counter()
    with held(place.objects, run_id, steal=settings.steal_lease, tell=session.progress.note) as lease:
        if occasion is not None and occasion.confirm is not None:
            occasion.confirm(place.objects)
        try:
            result = _build_or_append(Run(session, place, lease, run_id, began, started))
        except BaseException as error:
            _record_failure(session, place, run_id, began, time.perf_counter() - started, error, occasion)
            raise
        write_record(place.objects, run_id, {**result.to_json(), "token": lease.token, **_served(occasion)})
        if settings.keep is not None and place.store is None and result.published:
            prune_versions(place, settings.keep)
    return result


def _build_or_append(run: Run) -> RunResult:
    settings, place, section = run.session.settings, run.place, run.session.recipe.target
    replace_store = settings.overwrite or settings.rebuild
    if section.append and not replace_store:
        current = place.current()
        if current is not None:
            if settings.prune:
                raise UsageError(
                    "a pruned run cannot append: all inputs that it leaves out would seem to be gone",
                    code="U031",
                    where=current,
                    hint="leave --prune out, or give another --target",
                )
            result = append(run, current)
            if result is not None:
                if not is_current(place, current, result.state):
                    run.session.warnings.extend(refresh_entry(place, run.session.recipe))
                return replace(result, warnings=tuple(run.session.warnings))
            replace_store = True
    return (build if section.format == "zarr" else replace_whole)(run, replace_store=replace_store)


def _record_failure(
    session: Session,
    place: Place,
    run_id: str,
    began: dt.datetime,
    seconds: float,
    error: BaseException,
    occasion: Occasion | None,
) -> None:
    recipe, error = session.recipe, error if occasion is None else occasion.cause(error)
    warnings, work = tuple(session.warnings), session.worklog.to_json()
    document = failure(recipe.id, recipe.fingerprint(), run_id, began.isoformat(), seconds, error, warnings, work)
    # The error itself is what the user must see, also when the store takes no record of it.
    with suppress(PangeoForgeError, OSError):
        write_record(place.objects, run_id, {**document, **_served(occasion)})


def _served(occasion: Occasion | None) -> dict[str, Any]:
    return {} if occasion is None else occasion.to_json()
