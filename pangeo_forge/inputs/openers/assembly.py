"""From variables as stored to a dataset: what openers share about CF conventions and naming.

Values and attributes stay as stored (``decode_cf=False``), with two exceptions that ``xarray.open_dataset`` makes by
default too: char arrays become fixed-length strings, and variables that others name as their coordinates become coordinates.
"""

from __future__ import annotations

import fnmatch
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.damage import GET_AGAIN
from pangeo_forge.inputs.lazy import ArraySource
from pangeo_forge.inputs.openers.leaves import JoinedCharacters, KnownArray, lazy

if TYPE_CHECKING:
    import xarray as xr

MAX_INDEX = 1 << 30
"""Bytes that the coordinate of one dimension in one input may take."""

# CF conventions, sections 5.6, 7.1, 7.2, 7.4, 3.4 and 4.3.3: attributes that name other variables.
_NAMING_ALL = (
    "bounds",
    "grid_mapping",
    "climatology",
    "geometry",
    "node_coordinates",
    "node_count",
    "part_node_count",
    "interior_ring",
    "cell_measures",
    "formula_terms",
)


@dataclass
class StoredVariable:
    """A variable of a file: names of its dimensions, its array, its attributes, all as stored."""

    dims: tuple[str, ...]
    source: ArraySource
    attrs: dict[str, Any] = field(default_factory=dict)


@dataclass
class StoredDataset:
    """What a reader found in a file. Picklable: it comes back from an isolated process."""

    variables: dict[str, StoredVariable]
    attrs: dict[str, Any] = field(default_factory=dict)
    coords: frozenset[str] = frozenset()
    """Variables that the format itself calls coordinates."""
    warnings: list[str] = field(default_factory=list)


def to_xarray(stored: StoredDataset, *, decode_coords: bool | str, drop: Sequence[str], source: str) -> xr.Dataset:
    """The dataset; ``drop`` holds names or globs. ``source`` is told in ``encoding``."""
    import xarray as xr

    for message in stored.warnings:
        warnings.warn(message, stacklevel=2)
    variables, names = arranged(stored, decode_coords=decode_coords, drop=drop)
    data: dict[str, xr.Variable] = {}
    coords: dict[str, xr.Variable] = {}
    for name, variable in variables.items():
        made = xr.Variable(variable.dims, lazy(variable.source), variable.attrs, fastpath=True)
        (coords if name in names else data)[name] = made
    dataset = xr.Dataset(data, coords, stored.attrs)
    dataset.encoding["source"] = source
    return dataset


def arranged(
    stored: StoredDataset, *, decode_coords: bool | str, drop: Sequence[str]
) -> tuple[dict[str, StoredVariable], set[str]]:
    """The variables of the dataset, and the names of those that are its coordinates."""
    variables = _join_characters({n: v for n, v in stored.variables.items() if not matches(n, drop)})
    used = _coordinate_names(stored, decode_coords) | stored.coords
    for name, variable in variables.items():
        if variable.dims == (name,):
            _refuse_endless(name, variable.source)
    return variables, {n for n, v in variables.items() if n in used or n in v.dims}


def _refuse_endless(name: str, source: ArraySource) -> None:
    # The coordinates of dimensions are read when a dataset is made, whatever length a damaged header gives them.
    nbytes = math.prod(source.shape) * source.dtype.itemsize
    if nbytes > MAX_INDEX:
        raise InputError(
            f"the coordinate {name} claims {source.shape[0]} values ({nbytes} bytes)",
            code="I125",
            hint=f"{GET_AGAIN}; if it is whole, open.drop the coordinate",
        )


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether ``name`` is one of ``patterns`` (names or globs)."""
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def _coordinate_names(stored: StoredDataset, decode_coords: bool | str) -> set[str]:
    """Names that ``coordinates`` attributes (and with "all" those of ``_NAMING_ALL``) hold, as xarray reads them."""
    if decode_coords is False:
        return set()
    names: set[str] = set()
    for attrs in (stored.attrs, *(v.attrs for v in stored.variables.values())):
        text = attrs.get("coordinates")
        if isinstance(text, str):
            names.update(text.split())
    if decode_coords == "all":
        for variable in stored.variables.values():
            for attribute in _NAMING_ALL:
                named = _named(attribute, variable.attrs.get(attribute))
                # A list that names an absent variable is not believed, as in xarray.
                if all(n in stored.variables for n in named):
                    names.update(named)
    return names


def _named(attribute: str, text: Any) -> list[str]:
    words = text.replace(" :", ":").split() if isinstance(text, str) else []
    if attribute == "grid_mapping" and len(words) > 1:
        return [w.strip(":") for w in words if w.endswith(":")]
    return [w for w in words if not w.endswith(":")]


def _join_characters(variables: Mapping[str, StoredVariable]) -> dict[str, StoredVariable]:
    """Char arrays as strings, where the last dimension is one of characters only."""
    others = set(variables)
    for variable in variables.values():
        is_text = variable.source.dtype.kind == "S"
        others.update(variable.dims[:-1] if is_text else variable.dims)
    return {n: v if not v.dims or v.dims[-1] in others else _joined(v) for n, v in variables.items()}


def _joined(variable: StoredVariable) -> StoredVariable:
    source = variable.source
    if source.dtype != np.dtype("S1") or source.shape[-1] == 0:
        return variable
    joined = JoinedCharacters(source)
    # The fill value of single characters says nothing of strings.
    attrs = {k: v for k, v in variable.attrs.items() if k != "_FillValue"}
    if not isinstance(source, KnownArray):
        return StoredVariable(variable.dims[:-1], joined, attrs)
    values = joined.read(tuple(slice(0, n, 1) for n in joined.shape))
    return StoredVariable(variable.dims[:-1], KnownArray(values, joined.chunks), attrs)


def merge_groups(parts: Sequence[tuple[str, StoredDataset]], where: str) -> StoredDataset:
    """Several groups of one file as one dataset; a name that occurs twice must be dropped or opened apart."""
    if len(parts) == 1:
        return parts[0][1]
    variables: dict[str, StoredVariable] = {}
    attrs: dict[str, Any] = {}
    origin: dict[str, str] = {}
    sizes: dict[str, int] = {}
    messages: list[str] = []
    for group, part in parts:
        messages += part.warnings
        for name, variable in part.variables.items():
            if name in variables:
                raise InputError(
                    f"variable {name!r} is in the groups {origin[name]} and {group}",
                    code="I112",
                    where=where,
                    hint="open one of them, or add the name to open.drop",
                )
            for dim, size in zip(variable.dims, variable.source.shape, strict=True):
                if sizes.setdefault(dim, size) != size:
                    raise InputError(
                        f"dimension {dim!r} has length {sizes[dim]} and, in {group}, {size}",
                        code="I112",
                        where=where,
                        hint="name dimensions by open.dims, or open the groups apart",
                    )
            variables[name], origin[name] = variable, group
        attrs = dict({**part.attrs, **attrs}.items())
    return StoredDataset(variables, attrs, frozenset().union(*(p.coords for _, p in parts)), messages)
