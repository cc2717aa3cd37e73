"""Opens zarr stores, formats 2 and 3: a folder, a zip of one, or a URL; as source of rechunking."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.isolation import Limits
from pangeo_forge.inputs.openers.assembly import StoredDataset, StoredVariable, merge_groups, to_xarray
from pangeo_forge.inputs.openers.leaves import IsolatedArray, Region
from pangeo_forge.inputs.source import InputSource, OpenOptions, safe_url

if TYPE_CHECKING:
    import xarray as xr


def open(source: InputSource, options: OpenOptions) -> xr.Dataset:
    """The dataset in ``options.group`` of a store, as stored.

    Raises
    ------
    InputError: I111 no such group; I110 the metadata is damaged.
    """
    place = StorePlace(os.path.abspath(source.path) if source.path else source.url, dict(source.storage_options))
    parts = [(g, options.limits.call(read_group, place, g, options.limits, where=source.where)) for g in options.groups]
    stored = merge_groups(parts, source.where)
    if options.dims:
        stored = _renamed(stored, options.dims)
    return to_xarray(stored, decode_coords=options.decode_coords, drop=options.drop, source=safe_url(place.url))


@dataclass(frozen=True)
class StorePlace:
    """Where a store is; opened anew wherever it is read, so that it pickles."""

    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def open(self) -> tuple[Any, str]:
        """A zarr store and the path of the root group in it."""
        if "://" in self.url:
            from zarr.storage import FsspecStore

            return FsspecStore.from_url(self.url, storage_options=dict(self.storage_options), read_only=True), ""
        if os.path.isdir(self.url):
            from zarr.storage import LocalStore

            return LocalStore(self.url, read_only=True), ""
        from zarr.storage import ZipStore

        return ZipStore(self.url, read_only=True, mode="r"), _root_in_zip(self.url)


def _root_in_zip(path: str) -> str:
    from pangeo_forge.inputs.sniff import ZARR_FILES
    from pangeo_forge.inputs.unpack import zip_names

    folders = [n.rpartition("/")[0] for n in zip_names(path) if n.rpartition("/")[2] in ZARR_FILES]
    return min(folders, key=lambda f: (f.count("/") if f else -1, f), default="")


def read_group(place: StorePlace, group: str, limits: Limits) -> StoredDataset:
    """What a group holds, as its metadata say."""
    from xarray.backends.zarr import ZarrStore

    store, root = place.open()
    path = f"{root}/{group.strip('/')}".strip("/")
    try:
        found = ZarrStore.open_group(store, mode="r", group=path or None, consolidated=False if root else None)
        loaded, attrs = found.load()
    except (FileNotFoundError, KeyError) as error:
        where = f"{safe_url(place.url)}:{group}"
        raise InputError(
            "no zarr group there", code="I111", where=where, hint="check the URL and open.group"
        ) from error
    finally:
        store.close()
    variables = {}
    for name, variable in loaded.items():
        chunks = variable.encoding.get("chunks")
        where, parts = f"{path}/{name}".strip("/"), tuple(chunks) if chunks else None
        arguments, shown = (place, where, variable.dtype), f"{safe_url(place.url)}: {where}"
        array = IsolatedArray(read_values, arguments, shown, tuple(variable.shape), variable.dtype, parts, limits)
        variables[str(name)] = StoredVariable(tuple(map(str, variable.dims)), array, dict(variable.attrs))
    return StoredDataset(variables, dict(attrs))


def _renamed(stored: StoredDataset, dims: Mapping[str, Any]) -> StoredDataset:
    known = {d for v in stored.variables.values() for d in v.dims}
    absent = sorted(set(dims) - known)
    if absent:
        hint = f"dimensions: {', '.join(sorted(known))}"
        raise InputError(f"open.dims names {absent[0]!r}, which is no dimension", code="I113", hint=hint)
    variables = {
        n: StoredVariable(tuple(str(dims.get(d, d)) for d in v.dims), v.source, v.attrs)
        for n, v in stored.variables.items()
    }
    return StoredDataset(variables, stored.attrs, stored.coords, stored.warnings)


def read_values(place: StorePlace, array: str, dtype: np.dtype[Any], region: Region) -> np.ndarray:
    """Values in ``region`` of an array."""
    import zarr

    store, _ = place.open()
    try:
        values = np.asarray(zarr.open_array(store, path=array, mode="r")[region])
    finally:
        store.close()
    return values.astype(dtype, copy=False) if dtype.kind != "O" else values.astype(object)
