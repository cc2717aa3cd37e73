"""From a template and a layout to a Plan, within the memory allowed."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase as fnmatch
from typing import Any

import numpy as np

from pangeo_forge.dataset.model import ArrayTemplate, Template
from pangeo_forge.errors import PlanError
from pangeo_forge.plan.blocks import Workload, choose_blocks, group_arrays
from pangeo_forge.plan.compact import plain
from pangeo_forge.plan.grid import itemsize, make_grid, unknown_dims
from pangeo_forge.plan.layout import DEFAULT_COMPRESSOR, ZSTD_BLOCK, Layout, format_bytes
from pangeo_forge.plan.memory import Resources
from pangeo_forge.plan.misfits import Misfit, raise_misfits
from pangeo_forge.plan.overlaps import InputGrid
from pangeo_forge.plan.plan import ArrayPlan, Plan, Stage, TaskGroup
from pangeo_forge.plan.rechunk import two_passes
from pangeo_forge.recipe.globs import settings_of, unmatched


def make_plan(
    template: Template,
    target: Layout | Any,
    *,
    resources: Resources | None = None,
    recipe: Mapping[str, str] | None = None,
    arrays: tuple[ArrayPlan, ...] | None = None,
    tasks: bool = True,
) -> Plan:
    """Plan the writing of ``template``.

    Parameters
    ----------
    target: a :class:`Layout`, or a recipe's ``target`` section.
    resources: memory and parallelism; see :class:`Resources`.
    recipe: ``id``, ``title`` and ``fingerprint``, kept in the plan and in the store's attributes.
    arrays: those of ``template`` as they are in the store that is extended; by default they are planned.
    tasks: False: no array data is written (references), so no task needs memory.

    Raises
    ------
    PlanError: P200 nothing to write, P201-P205 impossible layout, P220 more memory needed than allowed.
    """
    layout = target if isinstance(target, Layout) else Layout.from_recipe(target)
    resources = resources or Resources()
    _check(template, layout)
    arrays = arrays or tuple(plan_array(a, layout) for a in template.arrays)
    inputs = InputGrid.from_template(template)
    work = Workload(arrays, {a.name: a for a in template.arrays}, inputs)
    stages, intermediate = _stages(work, resources) if tasks else ((Stage("direct", ()),), ())
    return Plan(
        recipe=dict(recipe or {}),
        zarr_format=layout.zarr_format,
        consolidated=layout.consolidated,
        sizes={k: int(v) for k, v in template.sizes.items()},
        attrs=_attrs(template.attrs, layout),
        arrays=arrays,
        stages=stages,
        inputs=inputs,
        max_memory=resources.max_memory,
        concurrency=resources.concurrency,
        threads=resources.threads,
        intermediate=intermediate,
        warnings=template.warnings,
    )


BLOSC_LIMIT = 2**31 - 17
"""Most bytes that one blosc buffer holds."""


def plan_array(array: ArrayTemplate, layout: Layout) -> ArrayPlan:
    """One array of the store, with its grid and codec."""
    grid = make_grid(
        array.name,
        array.dims,
        array.shape,
        array.dtype,
        layout,
        concat_dims=array.concat_dims,
        one_chunk=array.values is not None and array.is_coord,
    )
    own = layout.of(array.name)
    dtype = "str" if array.dtype == "str" else np.dtype(array.dtype).newbyteorder("<").str
    compressor = compressor_of(own.compressor or layout.compressor, dtype)
    if compressor["name"] == "blosc" and math.prod(grid.chunks) * itemsize(dtype) > BLOSC_LIMIT:
        raise PlanError(
            f"a chunk of {array.name} has {format_bytes(math.prod(grid.chunks) * itemsize(dtype))}; "
            "blosc takes 2.1 GB at most",
            code="P208",
            hint="ask for smaller chunks, or compressor: {name: zstd}",
        )
    fill = array.fill_value.item() if isinstance(array.fill_value, np.generic) else array.fill_value
    return ArrayPlan(
        name=array.name,
        dims=array.dims,
        shape=tuple(int(n) for n in array.shape),
        dtype=dtype,
        chunks=grid.chunks,
        shards=grid.shards,
        compressor=compressor,
        fill_value=fill,
        attrs=plain(dict(array.attrs)),
        is_coord=array.is_coord,
        recode=array.recode,
        merge=array.merge,
        values=array.values,
    )


_COMPRESSORS: Mapping[str, Mapping[str, Any]] = {
    "blosc": {"cname": "zstd", "level": 1, "shuffle": "bitshuffle", "blocksize": 0},
    "zstd": {"level": 3},
    "gzip": {"level": 5},
    "none": {},
}
_ALIASES: Mapping[str, Mapping[str, Any]] = {
    "lz4": {"name": "blosc", "cname": "lz4"},  # Zarr v3 knows lz4 only inside blosc
    "zlib": {"name": "gzip"},  # the same deflate; Zarr v3 knows it only as gzip
}
_CHOICES = {"cname": ("zstd", "lz4", "lz4hc", "zlib", "blosclz"), "shuffle": ("bitshuffle", "shuffle", "noshuffle")}
_LEVELS = {"blosc": 9, "gzip": 9, "zstd": 22}


def compressor_of(asked: Mapping[str, Any] | None, dtype: str) -> dict[str, Any]:
    """The codec with all its parameters.

    Raises
    ------
    PlanError: P206 when it is not one of those that every reader of Zarr knows.
    """
    if asked is None:
        return {"name": "zstd", "level": 3} if dtype == "str" else dict(DEFAULT_COMPRESSOR)
    asked = {"level" if k == "clevel" else k: v for k, v in asked.items()}
    asked = {**asked, **_ALIASES.get(str(asked.get("name")), {})}
    name = str(asked.get("name"))
    known = _COMPRESSORS.get(name)
    unknown = sorted(set(asked) - {"name"} - set(known or ()))
    wrong = [k for k, v in asked.items() if k in _CHOICES and v not in _CHOICES[k]]
    wrong += ["level"] if not 0 <= asked.get("level", 0) <= _LEVELS.get(name, 22) else []
    wrong += ["blocksize"] if not _is_size(asked.get("blocksize", 0)) else []
    if known is None or unknown or wrong:
        what = f"{name!r} is not a compressor" if known is None else f"{name} has no parameter {', '.join(unknown)}"
        if known is not None and wrong:
            what = f"{name} has no {wrong[0]} {asked[wrong[0]]!r}"
        choices = "; ".join(f"{n}: {', '.join(p) or 'no parameter'}" for n, p in _COMPRESSORS.items())
        raise PlanError(f"target.compressor: {what}", code="P206", hint=f"the choices are {choices}")
    found = {"name": name, **known, **{k: v for k, v in asked.items() if k != "name"}}
    if found.get("cname") == "zstd" and "blocksize" not in asked:
        found["blocksize"] = ZSTD_BLOCK
    return found


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= BLOSC_LIMIT


def _attrs(attrs: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    kept = {k: plain(v) for k, v in attrs.items() if not any(fnmatch(k, d) for d in layout.attrs_delete)}
    return {**kept, **plain(dict(layout.attrs_set))}


def _check(template: Template, layout: Layout) -> None:
    if not template.arrays:
        raise PlanError(
            "nothing to write: the dataset has no variables",
            code="P200",
            hint="look at the recipe's drop and keep transforms",
        )
    dims = list(template.sizes)
    found: list[Misfit] = []
    for spec, where in (
        (layout.chunks, "chunks"),
        (layout.chunk_ratio, "chunk_ratio"),
        (layout.shards or {}, "shards"),
    ):
        if not isinstance(spec, str):
            found += unknown_dims(spec, dims, ("target", where))
    names = [a.name for a in template.arrays]
    for name in unmatched(layout.variables, names):
        near = difflib.get_close_matches(name, names, n=1)
        what = f"the dataset has no variable {name!r}; it has {', '.join(names)}"
        hint = f"did you mean {near[0]!r}?" if near else "take it out"
        found.append(Misfit("P207", ("target", "variables", name), what, hint))
    for name, own in layout.variables.items():
        # A glob may stand for variables of different dimensions: each of its own must be known to one of them.
        known = list(dict.fromkeys(d for n in names if settings_of(n, {name: own}) for d in template.array(n).dims))
        for what, lengths in (("chunks", own.chunks), ("shards", own.shards)):
            if known:
                found += unknown_dims(lengths or {}, known, ("target", "variables", name, what))
    raise_misfits(found, f"its dimensions are {', '.join(dims)}")


def _stages(work: Workload, resources: Resources) -> tuple[tuple[Stage, ...], tuple[ArrayPlan, ...]]:
    """One pass where it reads little twice, else two through intermediate arrays."""
    groups = group_arrays(work.to_write)
    direct: list[TaskGroup] = []
    gather: list[TaskGroup] = []
    scatter: list[TaskGroup] = []
    between: list[ArrayPlan] = []
    for group in groups:
        chosen = choose_blocks(work, group, resources)
        if max(g.amplification for g in chosen) <= resources.max_amplification:
            direct += chosen
            continue
        passes = two_passes(work, group, resources)
        if passes is None or passes.cost >= sum(g.bytes_read for g in chosen):
            direct += chosen
            continue
        gather += passes.gather
        scatter += passes.scatter
        between += passes.arrays
    if not between:
        return (Stage("direct", tuple(direct)),), ()
    return _with_direct(direct, gather, scatter), tuple(between)


def _with_direct(
    direct: Sequence[TaskGroup], gather: Sequence[TaskGroup], scatter: Sequence[TaskGroup]
) -> tuple[Stage, ...]:
    # Groups that need no second pass run as a stage of their own first, so that a stage has one way to read and one
    # to write.
    first = (Stage("direct", tuple(direct)),) if direct else ()
    return (*first, Stage("gather", tuple(gather)), Stage("scatter", tuple(scatter)))


__all__ = ["Resources", "compressor_of", "make_plan", "plan_array"]
