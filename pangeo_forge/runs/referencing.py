"""Plan and make references: which arrays are referred to, which small ones are kept as values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pangeo_forge.dataset.model import ArrayTemplate, Template
from pangeo_forge.dataset.read import read_region
from pangeo_forge.errors import TargetError
from pangeo_forge.pipeline.refer_inputs import InputReferrer, stored_of
from pangeo_forge.pipeline.write_task import TaskReport
from pangeo_forge.plan import Layout, Plan
from pangeo_forge.plan.grid import itemsize
from pangeo_forge.plan.overlaps import InputGrid, Region
from pangeo_forge.plan.plan import ArrayPlan
from pangeo_forge.plan.planner import plan_array
from pangeo_forge.runs.session import Session
from pangeo_forge.runs.stillness import refuse_changed
from pangeo_forge.targets.byte_ranges import ChunkForm
from pangeo_forge.targets.chunks import new_block
from pangeo_forge.targets.reference_placement import REMEDY, Forms, cut, form_of, steps_along

MAX_INLINE = 16 << 20
"""Bytes: a coordinate up to this size that cannot be referenced is kept as values."""


def plan_references(session: Session, template: Template, zarr_format: int) -> tuple[Plan, Forms]:
    """What is written, and what the chunks of every referenced array must be like.

    Raises
    ------
    TargetError: T070 to T076, why an array cannot be referenced, with the remedy.
    """
    refuse_settings(session.recipe.target)
    grid = InputGrid.from_template(template)
    layout = Layout(zarr_format=zarr_format, append=session.recipe.target.append)
    arrays: list[ArrayPlan] = []
    forms: dict[str, ChunkForm] = {}
    for array in template.arrays:
        if array.values is not None:
            arrays.append(_inlined(plan_array(array, layout), layout.append))
            continue
        try:
            form = _form(session, template, grid, array, zarr_format)
        except TargetError:
            if not array.is_coord or math.prod(array.shape) * itemsize(array.dtype) > MAX_INLINE:
                raise
            known = replace(array, values=read_small(session, template, array))
            arrays.append(_inlined(plan_array(known, layout), layout.append))
            continue
        forms[array.name] = form
        arrays.append(replace(plan_array(array, layout), chunks=form.chunks, shards=None, compressor={"name": "none"}))
    plan = session.plan(template, tasks=False)
    return replace(plan, zarr_format=zarr_format, arrays=tuple(arrays)), forms


def _inlined(array: ArrayPlan, append: str | None) -> ArrayPlan:
    # One chunk: what is kept inside the references is read with them. Along the dimension that is appended to it is a long
    # one, which stays as it is for years.
    long = dict(zip(array.dims, array.chunks, strict=True))
    whole = tuple(max(n, long[d]) if d == append else max(1, n) for d, n in zip(array.dims, array.shape, strict=True))
    return replace(array, chunks=whole, shards=None, compressor={"name": "zstd", "level": 3})


def refuse_settings(target: Any) -> None:
    """References have the inputs' chunks and encodings; a recipe that asks for others cannot have them.

    Raises
    ------
    TargetError: T076.
    """
    asked = [
        n
        for n in ("shards", "shard_bytes", "compressor", "chunk_bytes", "chunk_ratio")
        if getattr(target, n) is not None
    ]
    asked += ["chunks"] if target.chunks != "auto" else []
    asked += ["variables"] if target.variables else []
    if asked:
        raise TargetError(
            f"references keep the chunks and encodings of the inputs; target.{', target.'.join(sorted(asked))} cannot be had",
            code="T076",
            hint="remove it, or use `format: zarr`",
        )


def _form(session: Session, template: Template, grid: InputGrid, array: ArrayTemplate, zarr_format: int) -> ChunkForm:
    """The form of an array's chunks in the first input that holds it."""
    first = next(iter(grid.overlaps(array, _whole(array))), None)
    if first is None:
        raise TargetError(f"no input holds {array.name}", code="T070", hint=REMEDY)
    item = session.archive.item(first.index)
    try:
        access, stored = stored_of(session.archive, item, template, first.ordinal, [array.name])[array.name]
        if zarr_format == 3 and access.locator.kind == "grib":
            raise TargetError(
                "readers of Icechunk know no codec for GRIB messages",
                code="T071",
                hint="set `target.reference.format` to parquet or json, or use `format: zarr`",
            )
        form = form_of(cut(stored, access, steps_along(grid, array.dims, array.shape)), access)
    except TargetError as error:
        error.where = error.where or item.label
        if array.name not in error.message:
            error.message = f"{array.name} cannot be referenced: {error.message}"
        raise
    if np.dtype(form.dtype).newbyteorder("<") != np.dtype(array.dtype).newbyteorder("<"):
        why = f"{array.name} is {form.dtype} in the file and {array.dtype} in the dataset"
        raise TargetError(why, code="T070", where=item.label, hint=REMEDY)
    return form


def _whole(array: ArrayTemplate) -> Region:
    return tuple(slice(0, n) for n in array.shape)


def read_small(session: Session, template: Template, array: ArrayTemplate) -> np.ndarray:
    """All values of a small array, in the encoding of the dataset."""
    region, grid = _whole(array), InputGrid.from_template(template)
    plan = plan_array(array, Layout())
    pieces = list(grid.overlaps(plan, region))
    block = new_block(plan, region, pieces)
    for piece in pieces:
        item = session.archive.item(piece.index)
        with session.archive.dataset(item) as ds:
            block[piece.block] = read_region(
                ds,
                array,
                piece.source,
                concat_dims=template.concat_dims,
                label=item.label,
                decode_times=session.archive.decode_times,
            )
    return block


def make_references(
    session: Session, template: Template, plan: Plan, forms: Forms, steps: Mapping[str, tuple[int, ...]] | None = None
) -> TaskReport:
    """References to all inputs.

    Parameters
    ----------
    steps: by array: what the lengths of chunks cut out of values in one piece must divide; None: what all inputs allow.
    """
    from pangeo_forge.pipeline.stages import refer

    referrer = InputReferrer(template, plan.inputs, session.archive, forms, plan.zarr_format, steps)
    session.progress.start("write", len(plan.inputs))
    with session.worklog.timed("write"):
        report = refer(referrer, session.engine, session.temp)
    session.note_written(report)
    refuse_changed(session.seen)
    return report
