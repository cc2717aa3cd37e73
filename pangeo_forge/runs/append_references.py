"""Append references to new inputs: those that are referred to already are not opened again, and stay as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pangeo_forge.dataset.model import ArrayTemplate, Template
from pangeo_forge.plan.overlaps import InputGrid
from pangeo_forge.plan.plan import ArrayPlan, Plan, Stage
from pangeo_forge.runs.addition import Addition
from pangeo_forge.runs.extension import check_constants, lengthened, root_attrs
from pangeo_forge.runs.ledger import key_of
from pangeo_forge.runs.referencing import make_references, read_small
from pangeo_forge.runs.replacement import stand_ins
from pangeo_forge.runs.result import RunResult
from pangeo_forge.runs.steps import checks_for, figures, verify_store
from pangeo_forge.targets.choice import form_of_target
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.verify.result import CheckResult


def append_references(addition: Addition, target: Any) -> RunResult:
    """Refer to what is added, verify it, and make it visible.

    Parameters
    ----------
    target: a :class:`ReferenceExtension` or :class:`VirtualIcechunkExtension`, its references loaded.

    Raises
    ------
    TargetError: T056 the new inputs do not fit; T070 to T076 they cannot be referenced as the others are; T034, T064
        another run has changed the references.
    """
    run, session, before = addition.run, addition.session, addition.before
    moved = _moved(addition.template, str(before.dim), before.length)
    total = _total(addition, moved, target.whole)
    check_constants(addition.template, total, target.whole, before, addition.digests, addition.settings)
    grown = addition.after(total.attrs, tuple(replace(a, values=None) for a in total.arrays))
    total = replace(total, recipe={**total.recipe, "state": grown.state})
    target.stand_ins = stand_ins(session, form_of_target(session.recipe.target))
    target = target.begin(total, {})
    steps = {name: form.chunks for name, form in before.forms.items()}
    report = make_references(session, moved, total, before.forms, steps)
    if report.changes is not None:
        target.receive(report.changes)
    checks: list[CheckResult] = []
    part = {str(before.dim): slice(before.length, grown.length)}

    def inspect(store: Any) -> None:
        checks.extend(verify_store(session, addition.template, store, checks_for(session), part))

    def record() -> None:
        """What belongs to the new state is there before the state is visible."""
        run.place.objects.put(key_of(grown.state), grown.to_bytes())
        run.lease.check()

    target.commit(total, inspect, record)
    run.place.objects.delete(key_of(before.state))
    return run.result(target.url, "append", **figures(addition.prepared, total, report, checks), state=grown.state)


def _moved(template: Template, dim: str, before: int) -> Template:
    """The template of the new inputs, at their place in the whole dataset."""
    length = before + int(template.sizes[dim])
    arrays = tuple(
        replace(a, shape=tuple(length if d == dim else n for d, n in zip(a.dims, a.shape, strict=True)))
        for a in template.arrays
    )
    starts = {**template.starts, dim: template.starts[dim] + before}
    return replace(template, sizes={**template.sizes, dim: length}, starts=starts, arrays=arrays)


def _total(addition: Addition, moved: Template, there: ChunkStore) -> Plan:
    """The dataset as it will be, with the values of all arrays that are not referenced."""
    before, recipe = addition.before, addition.session.recipe
    fresh = {a.name: a for a in addition.template.arrays}
    arrays = []
    for stored in before.arrays:
        array = lengthened(stored, addition.template, str(before.dim), moved.sizes[str(before.dim)], addition.settings)
        if stored.name not in before.forms:
            array = replace(array, values=_values(addition, stored, fresh[stored.name], there))
        arrays.append(array)
    resources = addition.session.resources
    return Plan(
        {"id": recipe.id, "title": recipe.title, "fingerprint": recipe.fingerprint()},
        before.zarr_format,
        dict(moved.sizes),
        root_attrs(addition.template, before, recipe, addition.settings),
        tuple(arrays),
        (Stage("direct", ()),),
        InputGrid.from_template(moved),
        resources.max_memory,
        resources.concurrency,
        resources.threads,
    )


def _values(addition: Addition, stored: ArrayPlan, fresh: ArrayTemplate, there: ChunkStore) -> np.ndarray:
    """All values of an array that is kept as such: those that are there, and the new ones."""
    old = there.read_block(stored, tuple(slice(0, n) for n in stored.shape))
    if addition.before.dim not in stored.dims:
        return old
    if fresh.values is None:
        values = read_small(addition.session, addition.template, fresh)
    else:
        values = np.asarray(fresh.values)
    values = values.astype(object) if stored.dtype == "str" else values.astype(stored.dtype)
    joined: np.ndarray = np.concatenate(
        [old, values.reshape(fresh.shape)], axis=stored.dims.index(str(addition.before.dim))
    )
    return joined
