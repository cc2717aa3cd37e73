"""Kerchunk references opened as a zarr store, by fsspec's reference file system."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from pangeo_forge.errors import TargetError
from pangeo_forge.targets.objects import is_local, local_path, open_objects


def open_references(
    address: str | Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    *,
    input_options: Mapping[str, Any] | None = None,
) -> Any:
    """A read-only zarr store over references.

    Parameters
    ----------
    address: of a ``.json`` document or a ``.parquet`` folder; or the references themselves.
    options: fsspec options of the references themselves.
    input_options: fsspec options of the files that are referred to.

    Raises
    ------
    TargetError: T065 they cannot be read.
    """
    import fsspec
    from zarr.storage import FsspecStore

    from pangeo_forge.targets.grib_codec import register

    register()

    class ReferenceStore(FsspecStore):
        # fsspec keeps the metadata of all arrays in one place already.
        supports_consolidated_metadata = False

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            files = fsspec.filesystem(
                "reference",
                fo=_document(address, options) if isinstance(address, str) else dict(address),
                target_options=dict(options or {}) or None,
                remote_options={**(input_options or {}), "asynchronous": True},
                asynchronous=True,
                skip_instance_cache=True,
            )
            return ReferenceStore(files, read_only=True)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise TargetError(
            f"the references cannot be read: {type(error).__name__}: {error}",
            code="T065",
            where=address if isinstance(address, str) else None,
            hint="is the path complete? it ends in .json or .parquet",
        ) from error


def _document(address: str, options: Mapping[str, Any] | None) -> str | dict[str, Any]:
    """The references of a ``.json`` address; any other address as it is.

    Read in one request: fsspec asks for the object's state first, and gives up when it is replaced before it has it all.
    """
    if not address.endswith(".json"):
        return address
    if is_local(address):
        data: bytes | None = local_path(address).read_bytes()
    else:
        folder, _, name = address.rpartition("/")
        data = open_objects(folder, options).get(name)
    if data is None:
        raise FileNotFoundError("there is no such object")
    found: dict[str, Any] = json.loads(data)
    return found
