"""A store as it will be, opened before it is: its chunks, and metadata documents that are not put yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pangeo_forge.targets.objects import is_local, local_path
from pangeo_forge.targets.retries import retried_async


def preview(
    url: str,
    documents: Mapping[str, bytes],
    storage_options: Mapping[str, Any] | None = None,
    *,
    consolidated: bool = True,
) -> Any:
    """A read-only zarr store over what is at ``url``, in which ``documents`` stand in place of what is there.

    Parameters
    ----------
    consolidated: whether it must be opened by consolidated metadata, or has none.
    """
    from zarr.storage import FsspecStore, LocalStore, WrapperStore

    class Preview(WrapperStore):  # type: ignore[type-arg]
        supports_consolidated_metadata = consolidated

        async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
            if key not in documents:
                return await retried_async(lambda: super(Preview, self).get(key, prototype, byte_range))
            from zarr.core.buffer import default_buffer_prototype

            found = (prototype or default_buffer_prototype()).buffer.from_bytes(documents[key])
            return found if byte_range is None else _part(found, byte_range)

        async def exists(self, key: str) -> bool:
            return key in documents or await super().exists(key)

    base: Any
    if is_local(url):
        base = LocalStore(local_path(url), read_only=True)
    else:
        base = FsspecStore.from_url(url, storage_options=dict(storage_options or {}), read_only=True)
    return Preview(base)


def _part(data: Any, byte_range: Any) -> Any:
    start = getattr(byte_range, "start", getattr(byte_range, "offset", None))
    if start is None:
        return data[-byte_range.suffix :]
    return data[start : getattr(byte_range, "end", None)]
