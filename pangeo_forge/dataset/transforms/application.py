"""Applying a recipe's list of transforms to one input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import xarray as xr

from pangeo_forge.dataset.transforms import assignment, attributes, hook, selection, structure, values
from pangeo_forge.dataset.transforms.context import Context
from pangeo_forge.dataset.transforms.names import require
from pangeo_forge.dataset.transforms.views import rebuild, variables_of
from pangeo_forge.errors import PangeoForgeError

TRANSFORMS: Mapping[str, Callable[..., xr.Dataset]] = MappingProxyType(
    {
        "assign_coords": assignment.assign_coords,
        "attrs": attributes.attrs,
        "cast": values.cast,
        "decode": values.decode,
        "drop": structure.drop,
        "expand_dims": assignment.expand_dims,
        "fill_value": values.fill_value,
        "isel": structure.isel,
        "keep": structure.keep,
        "mask": values.mask,
        "python": hook.python,
        "rename": structure.rename,
        "reset_coords": structure.reset_coords,
        "scale": values.scale,
        "select": selection.select,
        "set_coords": structure.set_coords,
        "sort": selection.sort,
        "squeeze": structure.squeeze,
        "transpose": structure.transpose,
    }
)
"""All transforms by the name that recipes give them."""


def apply_transforms(ds: xr.Dataset, transforms: Iterable[Any], context: Context) -> xr.Dataset:
    """The dataset after all transforms, in their order. Nothing is read but the coordinates that they ask about.

    Parameters
    ----------
    ds: an input as stored (undecoded).
    transforms: the recipe's ``Transform`` models, or ``(name, arguments)`` or ``(name, arguments, if_present)``.

    Raises
    ------
    RecipeError: R200 no such transform, R213 one that failed for another reason, and those of each transform; ``where``
        is the input's label and ``transforms[3].rename``.
    """
    out = rebuild(ds, variables_of(ds))
    for position, item in enumerate(transforms):
        name, arguments, if_present = _parts(item)
        here = replace(context, where=f"transforms[{position}].{name}")
        require_known(name, here)
        try:
            out = TRANSFORMS[name](out, arguments, context=here, if_present=if_present)
        except PangeoForgeError as error:
            if error.where is None:
                error.where = ": ".join(p for p in (here.label, here.where) if p) or None
            raise
        except Exception as error:
            raise here.error("R213", f"{name} failed: {type(error).__name__}: {error}") from error
    return out


def require_known(name: str, context: Context) -> None:
    """Refuse a transform that does not exist (R200)."""
    if name in TRANSFORMS:
        return
    try:
        require(name, TRANSFORMS, "transform", context)
    except PangeoForgeError as error:
        error.code = "R200"
        raise


def _parts(item: Any) -> tuple[str, Any, bool]:
    if isinstance(item, tuple):
        name, arguments, *rest = item
        return str(name), arguments, bool(rest and rest[0])
    return str(item.name), plain(item.arguments), bool(item.if_present)


def plain(arguments: Any) -> Any:
    """Arguments as they stand in the YAML, out of the recipe's models."""
    if hasattr(arguments, "model_dump"):
        return plain(arguments.model_dump(by_alias=True, exclude_unset=True))
    if isinstance(arguments, Mapping):
        return {k: plain(v) for k, v in arguments.items()}
    if isinstance(arguments, (list, tuple)):
        return [plain(v) for v in arguments]
    return arguments
