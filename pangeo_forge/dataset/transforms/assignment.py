"""New coordinates and dimensions: ``assign_coords`` and ``expand_dims``."""

from __future__ import annotations

from typing import Any

import xarray as xr

from pangeo_forge.dataset.roles import auxiliary_names, bounds_of, coordinate_names
from pangeo_forge.dataset.transforms.context import Context
from pangeo_forge.dataset.transforms.names import as_mapping
from pangeo_forge.dataset.transforms.origins import made_from
from pangeo_forge.dataset.transforms.views import rebuild, variables_of, with_dim


def assign_coords(ds: xr.Dataset, origins: dict[str, Any], *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Make or replace coordinates: ``assign_coords: {time: FROM}``.

    A scalar FROM for the coordinate of a dimension of length 1 becomes the one value of that dimension. Attributes of a
    coordinate that is replaced are kept, but for those that said how the old numbers were stored.

    Raises
    ------
    RecipeError: as for FROM; R205 a scalar for a longer dimension, or values along other dimensions than its own.
    """
    for name, origin in as_mapping(origins, context).items():
        variables = variables_of(ds)
        made = _named(made_from(ds, name, origin, context), variables.get(name))
        if name in ds.dims and made.dims != (name,):
            if made.ndim or ds.sizes[name] != 1:
                raise context.error(
                    "R205",
                    f"{name!r} is a dimension of length {ds.sizes[name]}, not of {made.dims}",
                    "rename the dimension, or take values along it (from_components)",
                )
            made = with_dim(made, name)
        ds = rebuild(ds, {**variables, name: made}, [*map(str, ds.coords), name])
    return ds


def expand_dims(ds: xr.Dataset, origins: dict[str, Any], *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Add a dimension of length 1 in front of each data variable: ``expand_dims: {time: FROM}``.

    Coordinates, bounds and grid mappings do not get it, as they hold for all inputs; bounds of the coordinate itself do. The
    data stay views.

    Raises
    ------
    RecipeError: as for FROM; R202 the dimension exists; R205 FROM is not one value.
    """
    for name, origin in as_mapping(origins, context).items():
        if name in ds.dims:
            raise context.error("R202", f"the dimension {name!r} exists already", f"use assign_coords: {{{name}: ...}}")
        variables = variables_of(ds)
        made = _named(made_from(ds, name, origin, context), variables.get(name))
        if made.ndim:
            raise context.error(
                "R205", f"{name!r} would be {made.dims}; a new dimension takes one value", "use assign_coords"
            )
        others = ((coordinate_names(ds) | auxiliary_names(ds)) - bounds_of(ds, name)) | {name}
        grown = {n: v if n in others else with_dim(v, name) for n, v in variables.items()}
        grown[name] = with_dim(made, name)
        ds = rebuild(ds, grown, [*map(str, ds.coords), name])
    return ds


_STORAGE = (
    "units",
    "calendar",
    "scale_factor",
    "add_offset",
    "_FillValue",
    "missing_value",
    "_Unsigned",
    "valid_range",
)


def _named(made: xr.Variable, old: xr.Variable | None) -> xr.Variable:
    """The new values with the descriptive attributes of the variable that they replace."""
    out = made.copy(deep=False)
    if old is not None and not made.attrs:
        out.attrs = {k: v for k, v in old.attrs.items() if k not in _STORAGE}
    return out
