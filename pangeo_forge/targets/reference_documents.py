"""Zarr metadata of a dataset whose chunks lie in its inputs: the codecs are the inputs'."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from pangeo_forge.plan.plan import ArrayPlan, Plan
from pangeo_forge.targets.byte_ranges import ChunkForm
from pangeo_forge.targets.codec import fill_of
from pangeo_forge.targets.grib_codec import CODEC as GRIB
from pangeo_forge.targets.grib_codec import register
from pangeo_forge.targets.metadata import coordinate_attrs, documents, fill_attribute
from pangeo_forge.targets.reference_placement import Forms


def reference_documents(plan: Plan, forms: Forms) -> dict[str, bytes]:
    """All metadata documents by key, the root's without consolidated metadata.

    Parameters
    ----------
    forms: of the arrays that are referenced; those of the others are as in a store.
    """
    arrays, roots = documents(plan)
    found = {**arrays, **{k: v for k, v in roots.items() if k != ".zmetadata"}}
    if "zarr.json" in found:
        root = json.loads(found["zarr.json"])
        root.pop("consolidated_metadata", None)
        found["zarr.json"] = json.dumps(root).encode()
    coordinates = coordinate_attrs(plan.arrays)
    for name, form in forms.items():
        found.update(_array_documents(plan.array(name), form, plan.zarr_format, coordinates.get(name)))
    return found


def _array_documents(array: ArrayPlan, form: ChunkForm, zarr_format: int, coordinates: str | None) -> dict[str, bytes]:
    import zarr
    from zarr.storage import MemoryStore

    store: dict[str, Any] = {}
    number: Literal[2, 3] = 2 if zarr_format == 2 else 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.create_group(MemoryStore(store), zarr_format=number)
        group.create_array(
            array.name,
            shape=array.shape,
            chunks=array.chunks,
            dtype=np.dtype(form.dtype),
            fill_value=fill_of(array.dtype, array.fill_value, zarr_format),
            attributes=_attrs(array, coordinates, zarr_format),
            **_codecs_v3(form, array.dims) if number == 3 else _codecs_v2(form),
        )
    return {k: v.to_bytes() for k, v in store.items() if k.startswith(f"{array.name}/")}


def _attrs(array: ArrayPlan, coordinates: str | None, zarr_format: int) -> dict[str, Any]:
    attrs = {k: v for k, v in array.attrs.items() if k != "coordinates"}
    if coordinates:
        attrs["coordinates"] = coordinates
    if zarr_format == 2:
        return {**attrs, "_ARRAY_DIMENSIONS": list(array.dims)}
    if array.fill_value is not None:
        attrs["_FillValue"] = fill_attribute(array)
    return attrs


def _codecs_v2(form: ChunkForm) -> dict[str, Any]:
    import numcodecs

    if GRIB in {c["id"] for c in json.loads(form.codecs)}:
        register()
    # All go into `filters`, which any number of them may; kerchunk writes them there, too.
    return {"filters": [numcodecs.get_codec(dict(c)) for c in json.loads(form.codecs)] or None, "compressors": None}


def _codecs_v3(form: ChunkForm, dims: tuple[str, ...]) -> dict[str, Any]:
    from zarr.codecs import BytesCodec, ZstdCodec

    codecs = [ZstdCodec() if c["id"] == "zstd" else _numcodec(c) for c in json.loads(form.codecs)]
    kind = np.dtype(form.dtype)
    endian: Any = None if kind.itemsize == 1 or kind.kind == "S" else "big" if form.dtype[0] == ">" else "little"
    options = {"serializer": BytesCodec(endian=endian), "compressors": codecs or None, "filters": None}
    return {**options, "dimension_names": dims or None}


def _numcodec(config: Mapping[str, Any]) -> Any:
    """A numcodecs codec under the name by which zarr-python writes it into Zarr v3 metadata."""
    from zarr.codecs import numcodecs as named

    kinds: Mapping[str, Any] = {
        "zlib": named.Zlib,
        "shuffle": named.Shuffle,
        "fletcher32": named.Fletcher32,
        "bz2": named.BZ2,
        "blosc": named.Blosc,
    }
    return kinds[config["id"]](**{k: v for k, v in config.items() if k != "id"})
