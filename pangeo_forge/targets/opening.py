"""Open what any target has written, with plain xarray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pangeo_forge.targets.icechunk_storage import MAIN, SNAPSHOT, containers_of, readable_store
from pangeo_forge.targets.objects import is_local, local_path
from pangeo_forge.targets.reference_store import open_references

if TYPE_CHECKING:
    import xarray as xr


def store_of(
    address: str,
    options: Mapping[str, Any] | None = None,
    *,
    input_options: Mapping[str, Any] | None = None,
) -> Any:
    """What ``xarray.open_zarr`` takes: the address of a Zarr store as it is, else a zarr store over it.

    Parameters
    ----------
    options: fsspec options of the target.
    input_options: fsspec options of the inputs that references point to.

    Raises
    ------
    TargetError: T062, T065 it does not open.
    """
    place = address.partition(SNAPSHOT)[0].rstrip("/")
    if place.endswith(".icechunk"):
        return readable_store(address, options, authorize_virtual_chunk_access=containers_of(place, options))
    if place.endswith((".json", ".parquet")):
        return open_references(address, options, input_options=input_options)
    return address


def open_dataset(
    address: str,
    options: Mapping[str, Any] | None = None,
    *,
    input_options: Mapping[str, Any] | None = None,
    **more: Any,
) -> xr.Dataset:
    """A dataset by the address of its store, repository or references; ``more`` goes to ``xarray.open_zarr``.

    Parameters are those of :func:`store_of`.
    """
    import xarray as xr

    store = store_of(address, options, input_options=input_options)
    if isinstance(store, str):
        more["storage_options"] = dict(options) if options and "://" in address else None
    else:
        more["consolidated"] = False
    ds: xr.Dataset = xr.open_zarr(store, **more)
    return ds


def snippet(address: str) -> str:
    """The Python that opens it, for people to copy."""
    place = address.rstrip("/")
    if place.endswith((".json", ".parquet")):
        return f'xarray.open_dataset("{address}", engine="kerchunk", chunks={{}})'
    if place.endswith(".icechunk"):
        storage = f'icechunk.local_filesystem_storage("{local_path(address)}")' if is_local(address) else "storage"
        session = f'icechunk.Repository.open({storage}).readonly_session("{MAIN}")'
        return f"xarray.open_zarr({session}.store, consolidated=False)"
    return f'xarray.open_zarr("{address}")'
