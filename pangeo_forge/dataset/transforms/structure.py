"""Transforms of names, dimensions and roles. No value is touched: views of stored arrays stay views."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.dataset.roles import coordinate_names
from pangeo_forge.dataset.transforms.context import Context
from pangeo_forge.dataset.transforms.names import as_list, as_mapping, matching, only_keys, require
from pangeo_forge.dataset.transforms.views import rebuild, take, variables_of

_REFERENCES = (
    "ancillary_variables", "bounds", "cell_measures", "climatology", "coordinates", "formula_terms", "grid_mapping",
)  # fmt: skip
"""CF attributes whose text names other variables."""


def rename(ds: xr.Dataset, names: dict[str, str], *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Give variables and dimensions other names; CF attributes that mention them follow.

    ``rename: {day: time}``; new and old names may hold ``{key}``.

    Raises
    ------
    RecipeError: R201 absent, R202 the new name is taken.
    """
    wanted = as_mapping(names, context)
    existing = [*map(str, ds.variables), *(str(d) for d in ds.dims if d not in ds.variables)]
    new: dict[str, str] = {}
    for old, text in wanted.items():
        if not isinstance(text, str):
            raise context.error("R203", f"the new name of {old!r} is text, not {text!r}")
        if require(old, existing, "variable or dimension", context, if_present):
            new[old] = context.render(text)
    _check_taken(ds, new, context)
    variables = {}
    for name, variable in variables_of(ds).items():
        moved = variable.copy(deep=False)
        moved.dims = tuple(new.get(str(d), str(d)) for d in variable.dims)
        moved.attrs = _renamed_references(dict(variable.attrs), new)
        moved.encoding = _renamed_references(dict(variable.encoding), new)
        variables[new.get(name, name)] = moved
    coords = [new.get(str(c), str(c)) for c in ds.coords]
    return rebuild(ds, variables, coords, _renamed_references(dict(ds.attrs), new))


def _check_taken(ds: xr.Dataset, new: dict[str, str], context: Context) -> None:
    """Two variables, or two dimensions, may not share a name; a 1-D variable may take that of its dimension."""
    for what, names in (("variables", map(str, ds.variables)), ("dimensions", map(str, ds.dims))):
        final = [new.get(name, name) for name in names]
        taken = [name for name in final if final.count(name) > 1]
        if taken:
            raise context.error("R202", f"{taken[0]!r} would name two {what}", "rename or drop the other one first")
    dims = {new.get(str(d), str(d)) for d in ds.dims}
    for name, variable in ds.variables.items():
        final_name = new.get(str(name), str(name))
        final_dims = tuple(new.get(str(d), str(d)) for d in variable.dims)
        if str(name) in new and final_name in dims and final_dims != (final_name,):
            raise context.error(
                "R202",
                f"{final_name!r} is a dimension, and {str(name)!r} has the dimensions {final_dims}",
                "only a 1-D variable along a dimension can have its name",
            )


def _renamed_references(attrs: dict[str, Any], new: dict[str, str]) -> dict[str, Any]:
    for attribute in (*_REFERENCES, "cell_methods"):
        text = attrs.get(attribute)
        if not isinstance(text, str) or not new:
            continue
        # cell_methods is prose but for the names before a colon.
        after = r"(?=\s*:)" if attribute == "cell_methods" else r"(?![^\s:])"
        words = "|".join(re.escape(n) for n in sorted(new, key=len, reverse=True))
        attrs[attribute] = re.sub(rf"(?<!\S)({words}){after}", lambda m: new[m[1]], text)
    return attrs


def drop(ds: xr.Dataset, names: Any, *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Leave variables out, by name or glob: ``drop: [crs, "unknown*"]``.

    Raises
    ------
    RecipeError: R201 for a name that is absent or a glob that matches nothing.
    """
    gone = matching(as_list(names, context), ds.variables, "variable", context, if_present)
    return rebuild(ds, {n: v for n, v in variables_of(ds).items() if n not in gone})


def keep(ds: xr.Dataset, names: Any, *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Keep these data variables (names or globs), all coordinates, and the grid mappings of what is kept.

    Bounds are data variables: name those that are wanted. ``keep: [sst]``

    Raises
    ------
    RecipeError: R201 for a name that is absent or a glob that matches nothing; R204 nothing would be left.
    """
    variables = variables_of(ds)
    kept = matching(as_list(names, context), variables, "variable", context, if_present)
    if not kept:
        raise context.error("R204", f"keep would leave no variable of {', '.join(map(str, ds.data_vars))}")
    mapped_by = " ".join(str(variables[n].attrs.get("grid_mapping", "")) for n in kept)
    wanted = {*kept, *map(str, ds.coords), *(w.rstrip(":") for w in mapped_by.split())}
    named = rebuild(ds, {n: v for n, v in variables.items() if n in wanted})
    # Coordinates by attribute count when a kept variable names them, or the input as a whole does.
    mentions = [(v.attrs, v.encoding) for v in named.variables.values()] + [(ds.attrs, ds.encoding)]
    for attributes, encoding in mentions:
        text = attributes.get("coordinates", encoding.get("coordinates"))
        wanted |= set(text.split()) if isinstance(text, str) else set()
    return rebuild(ds, {n: v for n, v in variables.items() if n in wanted})


def set_coords(ds: xr.Dataset, names: Any, *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Make variables coordinates, by name or glob: ``set_coords: [Lambert_Conformal]``.

    Raises
    ------
    RecipeError: R201 absent.
    """
    found = matching(as_list(names, context), ds.variables, "variable", context, if_present)
    return rebuild(ds, variables_of(ds), [*map(str, ds.coords), *found])


def reset_coords(ds: xr.Dataset, names: Any, *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Make coordinates data variables (``reset_coords: [area]``), or leave them out (``reset_coords: {drop: [area]}``).

    Raises
    ------
    RecipeError: R201 not a coordinate; R205 the coordinate of a dimension, which can only be dropped.
    """
    leave_out = isinstance(names, dict)
    if leave_out:
        only_keys(names, ["drop"], context)
        names = names.get("drop")
    known = [n for n in map(str, ds.variables) if n in coordinate_names(ds)]
    found = matching(as_list(names, context), known, "coordinate", context, if_present)
    if leave_out:
        return rebuild(ds, {n: v for n, v in variables_of(ds).items() if n not in found})
    for name in found:
        if name in ds.dims:
            raise context.error(
                "R205",
                f"{name!r} is the coordinate of its dimension",
                f"use reset_coords: {{drop: [{name}]}} or rename",
            )
    variables = {n: _without_mentions(v, found) for n, v in variables_of(ds).items()}
    left = rebuild(ds, variables, [c for c in map(str, ds.coords) if c not in found])
    left.attrs, left.encoding = _unmentioned(dict(left.attrs), found), _unmentioned(dict(left.encoding), found)
    return left


def _without_mentions(variable: xr.Variable, names: list[str]) -> xr.Variable:
    """The variable, whose ``coordinates`` attribute would make coordinates of ``names`` again, without them there."""
    changed = variable.copy(deep=False)
    changed.attrs = _unmentioned(dict(variable.attrs), names)
    changed.encoding = _unmentioned(dict(variable.encoding), names)
    return changed


def _unmentioned(attrs: dict[str, Any], names: list[str]) -> dict[str, Any]:
    text = attrs.get("coordinates")
    if isinstance(text, str) and set(text.split()) & set(names):
        words = [w for w in text.split() if w not in names]
        rest = {k: v for k, v in attrs.items() if k != "coordinates"}
        return rest | ({"coordinates": " ".join(words)} if words else {})
    return attrs


def squeeze(ds: xr.Dataset, dims: Any, *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Remove dimensions of length 1; their coordinates become scalars. ``squeeze: [zlev]``, or ``true`` for all.

    Raises
    ------
    RecipeError: R201 absent, R205 longer than 1.
    """
    wanted = [str(d) for d, n in ds.sizes.items() if n == 1] if dims is True else as_list(dims, context)
    for dim in wanted:
        if not require(dim, ds.dims, "dimension", context, if_present):
            continue
        if ds.sizes[dim] != 1:
            raise context.error(
                "R205",
                f"{dim!r} has length {ds.sizes[dim]}, only 1 can be squeezed",
                f"use isel: {{{dim}: 0}} to take one",
            )
        ds = take(ds, dim, 0)
    return ds


def transpose(ds: xr.Dataset, dims: Any, *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Reorder the dimensions of every variable: ``transpose: [time, lat, lon]``; ``...`` stands for all others.

    Dimensions that are not named follow behind, in their order. Variables that lack some of the dimensions keep the
    order of those that they have.

    Raises
    ------
    RecipeError: R201 absent.
    """
    wanted = as_list(dims, context)
    if wanted.count("...") > 1 or len(set(wanted)) < len(wanted):
        raise context.error("R203", f"each dimension once, please: {wanted}")
    named = [d for d in wanted if d == "..." or require(d, ds.dims, "dimension", context, if_present)]
    if "..." not in named:
        named.append("...")
    at = named.index("...")
    variables = {}
    for name, variable in variables_of(ds).items():
        others = [str(d) for d in variable.dims if d not in named]
        order = [d for d in (*named[:at], *others, *named[at + 1 :]) if d in variable.dims]
        variables[name] = variable if order == list(variable.dims) else variable.transpose(*order)
    return rebuild(ds, variables)


def isel(ds: xr.Dataset, positions: dict[str, Any], *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Take positions along dimensions: ``isel: {band: 0}`` (the dimension goes), a list, or ``{start, stop, step}``.

    Raises
    ------
    RecipeError: R201 absent, R203 not a position, R204 out of bounds or nothing taken.
    """
    for dim, written in as_mapping(positions, context).items():
        if require(dim, ds.dims, "dimension", context, if_present):
            ds = take(ds, dim, _positions(dim, written, ds.sizes[dim], context))
    return ds


def _positions(dim: str, written: Any, size: int, context: Context) -> int | slice | np.ndarray:
    if isinstance(written, dict):
        only_keys(written, ["start", "stop", "step"], context)
        parts = [written.get(k) for k in ("start", "stop", "step")]
        if parts[2] == 0 or not all(p is None or _is_int(p) for p in parts):
            raise context.error("R203", f"start, stop and step of {dim!r} are whole numbers, step not 0: {written!r}")
        found = slice(*parts)
        if not range(size)[found]:
            raise context.error("R204", f"{written!r} takes nothing of {dim!r}, whose length is {size}")
        return found
    several = isinstance(written, (list, tuple))
    numbers = list(written) if several else [written]
    for number in numbers:
        if not _is_int(number):
            raise context.error(
                "R203", f"{number!r} is not a position along {dim!r}", "positions are whole numbers from 0"
            )
        if not -size <= number < size:
            raise context.error("R204", f"position {number} is out of bounds: {dim!r} has length {size}")
    if not numbers:
        raise context.error("R204", f"an empty list takes nothing of {dim!r}, whose length is {size}")
    return np.asarray(numbers) % size if several else int(numbers[0])


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
