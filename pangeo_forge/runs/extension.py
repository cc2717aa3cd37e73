"""Plan an append as a window: the end of the store, from the last whole object on, planned like a store of its own.

So the cost of one more day does not depend on how many days there are. Values at the start of the window that the store
holds already are read back and written again with the new ones into the same objects: a reader that opened before gets
the same values for what it knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pangeo_forge.dataset.model import ArrayTemplate, Template
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.plan import Plan, Resources, make_plan
from pangeo_forge.plan.layout import Layout
from pangeo_forge.plan.overlaps import InputGrid
from pangeo_forge.plan.plan import ArrayPlan, Stage
from pangeo_forge.runs.agreement import check_constant, check_digest, kept_attrs
from pangeo_forge.runs.ledger import Ledger
from pangeo_forge.targets.chunks import ChunkStore


@dataclass(frozen=True)
class Extension:
    """All that an append writes."""

    dim: str
    before: int
    """Length along ``dim`` that the store has."""
    template: Template
    """The new inputs alone, in the store's encoding."""
    window: Plan
    """What the tasks write."""
    window_template: Template
    origins: dict[str, tuple[int, ...]]
    """Per array of the window: the store's number of its first object."""
    kept: int
    """Length at the start of the window that the store holds already."""
    total: Plan
    """The whole store as it will be."""

    @property
    def after(self) -> int:
        """Length along ``dim`` that the store will have."""
        return self.before + int(self.template.sizes[self.dim])

    @property
    def driven(self) -> list[ArrayTemplate]:
        """Arrays along ``dim`` whose new values are known: the driver writes them."""
        return [a for a in self.template.arrays if self.dim in a.dims and a.values is not None]


def plan_extension(
    template: Template, ledger: Ledger, recipe: Any, resources: Resources, settings: CombineSettings
) -> Extension:
    """Plan to append the inputs of ``template`` (in the store's encoding) to the store of ``ledger``."""
    dim = ledger.dim or ""
    before, added = ledger.length, int(template.sizes[dim])
    stored = {a.name: a for a in ledger.arrays}
    tasked = [a for a in template.arrays if dim in a.dims and a.values is None]
    step = math.lcm(1, *(stored[a.name].granule[a.dims.index(dim)] for a in tasked))
    first = before // step * step
    kept = before - first
    narrow = replace(
        template,
        sizes={**template.sizes, dim: kept + added},
        starts={**template.starts, dim: template.starts[dim] + kept},
        arrays=tuple(_resized(a, dim, kept + added) for a in tasked),
    )
    plans = tuple(_window_array(stored[a.name], a, dim, kept + added) for a in tasked)
    about = {"id": recipe.id, "title": recipe.title, "fingerprint": recipe.fingerprint()}
    layout = Layout(zarr_format=ledger.zarr_format)
    if tasked:
        window = make_plan(narrow, layout, resources=resources, recipe=about, arrays=plans)
    else:
        window = _nothing(narrow, ledger, resources, about)
    total = replace(
        window,
        sizes={**template.sizes, dim: before + added},
        attrs=root_attrs(template, ledger, recipe, settings),
        arrays=tuple(lengthened(a, template, dim, before + added, settings) for a in ledger.arrays),
        stages=(),
        intermediate=(),
    )
    origins = {
        a.name: tuple(first // g if d == dim else 0 for d, g in zip(a.dims, stored[a.name].granule, strict=True))
        for a in tasked
    }
    return Extension(dim, before, template, window, narrow, origins, kept, total)


def _nothing(template: Template, ledger: Ledger, resources: Resources, about: dict[str, str]) -> Plan:
    """A plan without tasks: all that is new is known already."""
    grid = InputGrid.from_template(template)
    return Plan(
        about,
        ledger.zarr_format,
        dict(template.sizes),
        {},
        (),
        (Stage("direct", ()),),
        grid,
        resources.max_memory,
        resources.concurrency,
        resources.threads,
    )


def plan_of(ledger: Ledger) -> Plan:
    """As much of a plan as metadata documents need: of the store as it is."""
    grid = InputGrid((), (), np.zeros(0, np.int64), {}, {})
    return Plan({}, ledger.zarr_format, {}, ledger.attrs, ledger.arrays, (), grid, 0, 1, 1)


def _resized(array: ArrayTemplate, dim: str, length: int) -> ArrayTemplate:
    return replace(array, shape=tuple(length if d == dim else n for d, n in zip(array.dims, array.shape, strict=True)))


def _window_array(stored: ArrayPlan, array: ArrayTemplate, dim: str, length: int) -> ArrayPlan:
    shape = tuple(length if d == dim else n for d, n in zip(stored.dims, stored.shape, strict=True))
    return replace(stored, shape=shape, recode=array.recode, merge=array.merge, values=None)


def lengthened(stored: ArrayPlan, template: Template, dim: str, length: int, settings: CombineSettings) -> ArrayPlan:
    """An array as it will be when its dataset has ``length`` along ``dim``."""
    shape = tuple(length if d == dim else n for d, n in zip(stored.dims, stored.shape, strict=True))
    attrs = kept_attrs(stored.attrs, template.array(stored.name).attrs, settings.attrs, stored.name)
    return replace(stored, shape=shape, attrs=attrs)


def root_attrs(template: Template, ledger: Ledger, recipe: Any, settings: CombineSettings) -> dict[str, Any]:
    """The root's attributes, without those that the new inputs contradict."""
    layout = Layout.from_recipe(recipe.target)
    new = {k: v for k, v in template.attrs.items() if k not in layout.attrs_set}
    return kept_attrs(ledger.attrs, new, settings.attrs, "the dataset")


def check_constants(
    template: Template,
    total: Plan,
    store: ChunkStore,
    ledger: Ledger,
    digests: Mapping[str, str],
    settings: CombineSettings,
) -> None:
    """Arrays without the dimension that is appended to are in the new inputs as they are in the store.

    Parameters
    ----------
    template: of the new inputs.
    total: of the dataset as it will be.

    Raises
    ------
    TargetError: T056.
    """
    for array in template.arrays:
        if ledger.dim in array.dims:
            continue
        if array.values is None:
            check_digest(array.name, digests.get(array.name), ledger.constants.get(array.name), settings)
            continue
        plan = total.array(array.name)
        check_constant(array, store.read_block(plan, tuple(slice(0, n) for n in plan.shape)), settings)


def driven_block(
    extension: Extension, array: ArrayTemplate, store: ChunkStore
) -> tuple[ArrayPlan, tuple[slice, ...], np.ndarray]:
    """What the driver writes of an array whose new values are known: its last objects, old values and new."""
    plan = extension.total.array(array.name)
    axis = plan.dims.index(extension.dim)
    first = extension.before // plan.granule[axis] * plan.granule[axis]
    old = tuple(slice(first, extension.before) if i == axis else slice(0, n) for i, n in enumerate(plan.shape))
    region = tuple(slice(first, n) if i == axis else slice(0, n) for i, n in enumerate(plan.shape))
    values = np.asarray(array.values)
    values = values.astype(object) if plan.dtype == "str" else values.astype(plan.dtype)
    if first == extension.before:
        return plan, region, values
    return plan, region, np.concatenate([store.read_block(plan, old), values], axis=axis)


def coordinate(ledger: Ledger, store: ChunkStore) -> np.ndarray | None:
    """The store's coordinate along the dimension that is appended to, as stored."""
    plan = ledger.array(ledger.dim or "")
    if plan is None or plan.dims != (ledger.dim,):
        return None
    return store.read_block(plan, (slice(0, plan.shape[0]),))


__all__ = [
    "Extension",
    "check_constants",
    "coordinate",
    "driven_block",
    "lengthened",
    "plan_extension",
    "plan_of",
    "root_attrs",
]
