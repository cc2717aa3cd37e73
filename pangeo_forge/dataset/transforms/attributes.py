"""The ``attrs`` transform: mending attributes of the dataset and of variables."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import xarray as xr

from pangeo_forge.dataset.transforms.context import Context
from pangeo_forge.dataset.transforms.names import as_list, as_mapping, is_glob, matching, only_keys, require
from pangeo_forge.dataset.transforms.views import rebuild, variables_of


def attrs(ds: xr.Dataset, changes: dict[str, Any], *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Change attributes: ``attrs: {set: {..}, delete: [..], replace: {..}, variables: {NAME: {set: {..}}}}``.

    ``replace`` throws away all attributes and puts those given in their place; then ``delete`` (names or globs), then
    ``set``. A value of null deletes, whether or not the attribute is there. Texts may hold ``{key}``. ``variables``
    takes names or globs.

    Raises
    ------
    RecipeError: R201 an attribute to delete, or a variable, is absent; R203 not a change.
    """
    changes = as_mapping(changes, context)
    only_keys(changes, ["set", "delete", "replace", "variables"], context)
    variables = variables_of(ds)
    for name, change in as_mapping(changes.get("variables") or {}, context).items():
        found = matching([name], variables, "variable", context, if_present)
        for hit in found:
            only_keys(as_mapping(change, context), ["set", "delete", "replace"], context)
            changed = variables[hit].copy(deep=False)
            changed.attrs = _changed(dict(changed.attrs), change, f"attribute of {hit}", context, if_present)
            variables[hit] = changed
    return rebuild(ds, variables, attrs=_changed(dict(ds.attrs), changes, "attribute", context, if_present))


def _changed(
    old: dict[str, Any], change: dict[str, Any], what: str, context: Context, if_present: bool
) -> dict[str, Any]:
    if change.get("replace") is not None:
        old = _rendered(change["replace"], context)
    for name in as_list(change.get("delete") or [], context):
        hits = [n for n in old if n == name or (is_glob(name) and fnmatchcase(n, name))]
        if not hits:
            require(name, old, what, context, if_present)
        for hit in hits:
            del old[hit]
    old |= _rendered({} if change.get("set") is None else change["set"], context)
    return {k: v for k, v in old.items() if v is not None}


def _rendered(values: Any, context: Context) -> dict[str, Any]:
    found = as_mapping(values, context)
    return {k: context.render(v) if isinstance(v, str) else v for k, v in found.items()}
