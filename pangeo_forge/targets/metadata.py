"""The metadata documents of a store, as zarr-python writes them and xarray reads them.

zarr-python makes the documents in memory; the target puts them in the order that keeps the store closed until commit.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from pangeo_forge.plan.plan import ArrayPlan, Plan
from pangeo_forge.targets.codec import fill_of
from pangeo_forge.version import __version__, package_versions

PROVENANCE = "pangeo_forge:"
"""Prefix of the root attributes that say how a store was made; also how a store is known as ours."""

STATE = f"{PROVENANCE}state"
"""Root attribute that names the ledger of what the store holds."""

PRUNED = f"{PROVENANCE}pruned"
"""Root attribute of a store that holds only so many first and last values of each concat key."""

UNCONSOLIDATED = f"{PROVENANCE}unconsolidated"
"""Root attribute of a store that has no consolidated metadata because its recipe wants none."""

Documents = dict[str, bytes]


def documents(plan: Plan) -> tuple[Documents, Documents]:
    """All metadata documents by key: those of arrays, then those of the root in the order to put them (the opening
    one last)."""
    import zarr
    from zarr.storage import MemoryStore

    store: dict[str, Any] = {}
    memory = MemoryStore(store)
    number: Literal[2, 3] = 2 if plan.zarr_format == 2 else 3
    coordinates = coordinate_attrs(plan.arrays)
    attrs = {**plan.attrs, **provenance(plan)}
    if coordinates.get(""):
        attrs["coordinates"] = coordinates[""]
    with warnings.catch_warnings():
        # Consolidated metadata in v3 and byte strings: every reader that matters knows them.
        warnings.simplefilter("ignore")
        group = zarr.create_group(memory, zarr_format=number, attributes=attrs)
        for array in plan.arrays:
            _create(group, array, plan.zarr_format, coordinates.get(array.name))
        if plan.consolidated:
            zarr.consolidate_metadata(memory, zarr_format=number)
    found = {k: v.to_bytes() for k, v in store.items()}
    names = ["zarr.json"] if plan.zarr_format == 3 else [".zattrs", ".zgroup", ".zmetadata"][: 2 + plan.consolidated]
    return {k: v for k, v in found.items() if k not in names}, {k: found[k] for k in names}


def _create(group: Any, array: ArrayPlan, zarr_format: int, coordinates: str | None) -> None:
    attrs = {k: v for k, v in array.attrs.items() if k != "coordinates"}
    if coordinates:
        attrs["coordinates"] = coordinates
    fill = fill_of(array.dtype, array.fill_value, zarr_format)
    options: dict[str, Any] = {}
    if zarr_format == 3:
        if array.fill_value is not None and array.dtype != "str":
            attrs["_FillValue"] = fill_attribute(array)
        options = {"dimension_names": array.dims or None, "shards": array.shards}
    else:
        attrs["_ARRAY_DIMENSIONS"] = list(array.dims)
    group.create_array(
        array.name,
        shape=array.shape,
        chunks=array.chunks,
        dtype=_dtype(array.dtype),
        fill_value=fill,
        compressors=_compressors(array, zarr_format),
        attributes=attrs,
        **options,
    )


def fill_attribute(array: ArrayPlan) -> Any:
    """The attribute ``_FillValue`` of a Zarr v3 array, by which xarray masks.

    Of unsigned integers that are to be read as signed (``_Unsigned: "false"``) it is the signed number: xarray fails at others.
    """
    from xarray.backends.zarr import FillValueCoder

    kind, value = np.dtype(array.dtype), array.fill_value
    if kind.kind == "u" and array.attrs.get("_Unsigned") == "false":
        kind = np.dtype(f"i{kind.itemsize}")
        value = np.array(value, array.dtype).view(kind)[()]
    return FillValueCoder.encode(value, kind)


def _dtype(dtype: str) -> Any:
    if dtype != "str":
        return np.dtype(dtype)
    from zarr.core.dtype import VariableLengthUTF8

    return VariableLengthUTF8()


def _compressors(array: ArrayPlan, zarr_format: int) -> Any:
    p = array.compressor
    if p["name"] == "none":
        return None
    if zarr_format == 2:
        import numcodecs

        if p["name"] == "blosc":
            shuffle = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}[p["shuffle"]]
            return numcodecs.Blosc(p["cname"], p["level"], shuffle, p.get("blocksize", 0))
        return numcodecs.Zstd(p["level"]) if p["name"] == "zstd" else numcodecs.GZip(p["level"])
    from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

    if p["name"] == "blosc":
        size = 1 if array.dtype == "str" else np.dtype(array.dtype).itemsize
        return BloscCodec(
            typesize=size,
            cname=p["cname"],
            clevel=p["level"],
            shuffle=p["shuffle"],
            blocksize=p.get("blocksize", 0),
        )
    return ZstdCodec(level=p["level"]) if p["name"] == "zstd" else GzipCodec(level=p["level"])


def coordinate_attrs(arrays: Sequence[ArrayPlan]) -> dict[str, str]:
    """``coordinates`` attributes that make coordinates come back as such, as xarray writes them; ``""`` is the root's.

    A data variable names the non-dimension coordinates that fit its dims, in the order that its own attribute has
    them. The
    root names those that no variable names. A name that is no coordinate of the dataset would make xarray ignore all.
    """
    coords = {a.name: set(a.dims) for a in arrays if a.is_coord and a.dims != (a.name,) and " " not in a.name}
    result, named = {}, set()
    for array in arrays:
        if array.is_coord:
            continue
        fitting = [n for n, dims in coords.items() if dims <= set(array.dims)]
        before = str(array.attrs.get("coordinates", "")).split()
        order = [n for n in before if n in fitting] + sorted(n for n in fitting if n not in before)
        named.update(order)
        if order:
            result[array.name] = " ".join(order)
    left = sorted(n for n in coords if n not in named)
    if left:
        result[""] = " ".join(left)
    return result


def provenance(plan: Plan) -> Mapping[str, Any]:
    """Root attributes that say what made the store, from what recipe, with which versions."""
    versions = package_versions(("apache-beam", "xarray", "zarr", "numcodecs"))
    result: dict[str, Any] = {f"{PROVENANCE}version": __version__}
    for key in ("id", "title", "fingerprint"):
        if plan.recipe.get(key):
            result[f"{PROVENANCE}recipe_{key}"] = plan.recipe[key]
    if not plan.consolidated:
        result[UNCONSOLIDATED] = True
    if plan.recipe.get("state"):
        result[STATE] = plan.recipe["state"]
    if plan.recipe.get("pruned"):
        result[PRUNED] = int(plan.recipe["pruned"])
    return {**result, f"{PROVENANCE}versions": versions}
