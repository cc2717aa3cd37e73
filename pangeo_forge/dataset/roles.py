"""What each variable of an undecoded dataset is for: coordinate, bounds, data; told by CF attributes, as in xarray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pangeo_forge.dataset.time import is_time_units

if TYPE_CHECKING:
    import xarray as xr

    from pangeo_forge.inputs.openers.outline import Outline, OutlineVariable

    Dataset = xr.Dataset | Outline
    Variable = xr.Variable | OutlineVariable

_MENTIONS = ("bounds", "climatology", "grid_mapping", "cell_measures", "formula_terms")


def coordinate_names(ds: Dataset) -> set[str]:
    """Names that xarray makes coordinates: of dimensions, set as such, or named by a ``coordinates`` attribute."""
    names = {str(n) for n in ds.coords} | {str(d) for d in ds.dims if d in ds.variables}
    mentions = [ds.attrs.get("coordinates"), ds.encoding.get("coordinates")]
    for variable in ds.variables.values():
        mentions += [variable.attrs.get("coordinates"), variable.encoding.get("coordinates")]
    for text in mentions:
        if isinstance(text, str):
            names.update(text.split())
    return {n for n in names if n in ds.variables}


def auxiliary_names(ds: Dataset) -> set[str]:
    """Names of variables that describe others: bounds, climatology, grid mappings, cell measures, formula terms."""
    names: set[str] = set()
    for variable in ds.variables.values():
        for attribute in _MENTIONS:
            text = variable.attrs.get(attribute)
            if isinstance(text, str):
                names.update(word.rstrip(":") for word in text.split())
    return {n for n in names if n in ds.variables}


def bounds_of(ds: Dataset, name: str) -> set[str]:
    """Bounds (or climatology) variables of a coordinate: where it gains a dimension, so do they."""
    attrs = ds.variables[name].attrs if name in ds.variables else {}
    found = (attrs.get(k) for k in ("bounds", "climatology"))
    return {b for b in found if isinstance(b, str) and b in ds.variables}


def bounds_parents(ds: Dataset) -> dict[str, str]:
    """Bounds (or climatology) variables that inherit the time units of their parent.

    xarray gives them the units of the parent named by ``bounds``; CF (section 7.4) says the same of ``climatology``.
    """
    parents: dict[str, str] = {}
    for name, variable in ds.variables.items():
        for attribute in ("bounds", "climatology"):
            bounds = variable.attrs.get(attribute)
            if isinstance(bounds, str) and bounds in ds.variables and _has_times(variable):
                parents.setdefault(bounds, str(name))
    return parents


def _has_times(variable: Variable) -> bool:
    return is_time_units(variable.attrs.get("units")) or variable.dtype.kind in "MO"


def char_dims(ds: Dataset) -> set[str]:
    """Dimensions that only number the characters of strings: the last of S1 variables, and of nothing else."""
    users: Mapping[str, list[Any]] = {str(d): [] for d in ds.dims if d not in ds.variables}
    for variable in ds.variables.values():
        for dim in variable.dims:
            if dim in users:
                users[str(dim)].append(variable)
    return {d for d, found in users.items() if found and all(v.dtype == "S1" and v.dims[-1] == d for v in found)}
