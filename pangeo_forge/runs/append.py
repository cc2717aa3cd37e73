"""Append: what is new goes to the end of the dataset; what is known is compared with the ledger and left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pangeo_forge.errors import TargetError
from pangeo_forge.runs.addition import Addition
from pangeo_forge.runs.append_chunks import append_chunks, undo_others
from pangeo_forge.runs.append_references import append_references
from pangeo_forge.runs.changes import Changes, find_changes
from pangeo_forge.runs.extension import plan_of
from pangeo_forge.runs.ledger import Ledger, append_fingerprint, is_listed, read_ledger
from pangeo_forge.runs.local_inputs import LocalInputs
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.session import Session
from pangeo_forge.runs.steps import Run
from pangeo_forge.targets.choice import REFERRING, form_of_target, open_extension
from pangeo_forge.targets.dataset_root import refuse_foreign
from pangeo_forge.targets.metadata import PRUNED, STATE


def append(run: Run, store: str) -> RunResult | None:
    """Bring the dataset at ``store`` up to the session's inputs; None: it has to be built anew, as the recipe asks.

    Raises
    ------
    TargetError: T050 the store has no ledger, T051 another recipe made it, T052-T055 known inputs are not as they were,
        T056 and T057 the new ones do not fit.
    """
    session, section = run.session, run.session.recipe.target
    form = form_of_target(section)
    found: Any = open_extension(
        store,
        run.id,
        section,
        options=run.place.options,
        input_options=session.recipe.fetch.storage_options,
        threads=session.engine.workforce.per_process,
    )
    attrs, target = found.root()
    ledger = _checked(session, read_ledger(run.place.objects, attrs.get(STATE)), attrs, target.url)
    axis = session.pattern.concat_dims.index(str(ledger.dim))
    if form in REFERRING:
        target.load(ledger.arrays, ledger.forms, str(ledger.dim))
    target = target.mend(plan_of(ledger))
    local = LocalInputs.of(run.place.objects, by_date=form == "virtual")
    changes = find_changes(
        ledger,
        session.pattern,
        session.archive,
        axis,
        listed=is_listed(session.recipe),
        recheck=session.settings.recheck,
        local=local,
    )
    local.keep(run.place.objects)
    if changes.disturb and _is_rebuild_wanted(session, changes, target.url, form):
        return None
    session.warnings.extend(f"{line}; what is stored is kept" for line in changes.lines())
    if changes.new:
        narrow = _narrowed(session, axis, changes.new)
        try:
            prepared = narrow.prepare()
            if prepared.ledger:
                addition = Addition.of(run, narrow, prepared, ledger, target.whole)
                return (append_references if form in REFERRING else append_chunks)(addition, target)
        finally:
            narrow.archive.close()
    undo_others(run, ledger, target, None)
    return run.result(target.url, "nothing", state=ledger.state)


def _checked(session: Session, ledger: Ledger | None, attrs: Mapping[str, Any], where: str) -> Ledger:
    """The ledger; raises when this recipe cannot append to the store."""
    refuse_foreign(attrs, where)
    if ledger is None:
        raise TargetError(
            "the store has no ledger of its inputs, so what is new cannot be told from what it holds",
            code="T050",
            where=where,
            hint="build it anew with --rebuild",
        )
    if attrs.get(PRUNED):
        raise TargetError(
            f"the store was made by a run with --prune {attrs[PRUNED]}, so most inputs are left out of its middle",
            code="T051",
            where=where,
            hint="build it anew with --rebuild",
        )
    if ledger.fingerprint != append_fingerprint(session.recipe) or ledger.dim != session.recipe.target.append:
        raise TargetError(
            "the recipe has changed since the store was built, in a way that concerns what is stored already",
            code="T051",
            where=where,
            hint="build it anew with --rebuild, or take the change back",
        )
    return ledger


def _is_rebuild_wanted(session: Session, changes: Changes, where: str, form: str) -> bool:
    """Whether to build anew because of changes to known inputs; raises when the recipe says that they fail a run."""
    policy = session.recipe.target.on_changed
    if policy == "rewrite":
        session.warnings.extend(f"{line}; the dataset was built anew" for line in changes.lines())
        return True
    if policy == "ignore" and not changes.late and form not in REFERRING:
        return False
    code = "T052" if changes.changed else "T053" if changes.vanished else "T054"
    rows = "\n".join(f"  {line}" for line in changes.lines())
    hint = "say target: {on_changed: rewrite} to build anew, or ignore to keep what is stored"
    if changes.late:
        hint = "what came late cannot be put in between: say target: {on_changed: rewrite}, or use --rebuild"
    elif form in REFERRING:
        hint = "references read the inputs as they are now: say target: {on_changed: rewrite}, or use --rebuild"
    raise TargetError(f"inputs that the store holds are not as they were:\n{rows}\n", code=code, where=where, hint=hint)


def _narrowed(session: Session, axis: int, positions: tuple[int, ...]) -> Session:
    """A session of the new inputs alone."""
    pattern = session.pattern.part(axis, positions)
    return replace(session, pattern=pattern, archive=replace(session.archive, pattern=pattern))
