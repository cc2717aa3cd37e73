"""References to the inputs kept in an Icechunk repository: versioned, and read by Icechunk's own fast client.

A repository names the places that its references may point to (virtual chunk containers); a reader allows each of them
explicitly when it opens the repository, so that a repository cannot make it read anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pangeo_forge.errors import InternalError, TargetError
from pangeo_forge.plan.plan import Plan
from pangeo_forge.targets.icechunk_repository import IcechunkTarget
from pangeo_forge.targets.icechunk_storage import (
    library_of_icechunk,
    open_repository,
    s3_arguments,
    translated,
)
from pangeo_forge.targets.protocol import Changes
from pangeo_forge.targets.reference_documents import reference_documents
from pangeo_forge.targets.reference_placement import Forms
from pangeo_forge.targets.references import References, references_of

if TYPE_CHECKING:
    import icechunk

BATCH = 10_000
"""References that are handed to the library at a time."""


@dataclass(eq=False)
class VirtualIcechunkTarget(IcechunkTarget):
    """As :class:`IcechunkTarget`, with references in place of chunks.

    Parameters
    ----------
    input_options: fsspec options by which the inputs are read when the references are checked; never shown.
    """

    input_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    forms: Forms = field(default_factory=dict)
    """Of the arrays that are referenced; set before ``create``."""
    known: tuple[str, int] | None = None
    """Dimension, and length along it up to which the repository has references already."""
    _references: References = field(default_factory=References, repr=False)

    def receive(self, changes: Changes) -> None:
        """Take the references that workers have made."""
        self._references = self._references.merge(references_of(changes))

    def documents(self, plan: Plan) -> dict[str, bytes]:
        """Metadata with the inputs' codecs."""
        return reference_documents(plan, self.forms)

    def _merge(self, plan: Plan) -> None:
        """Put the references into the session, with the known values."""
        if self._session is None or self._fork is None:
            raise InternalError("a target is committed that was not created", code="X021")
        self._references.check(plan, self.forms, self.known)
        repository = self._configured()
        self._session = repository.writable_session("main")
        library = library_of_icechunk(self.url)
        super()._merge(plan)
        store = self._session.store
        for name in self.forms:
            batch: list[Any] = []
            for number, (piece, offset, length) in self._references.of(name):
                # Icechunk refuses to read from an input that is younger. Stores round to seconds.
                until = None if piece.modified is None else piece.modified + timedelta(seconds=1)
                batch.append(library.VirtualChunkSpec(list(number), piece.url, offset, length, None, until))
                if len(batch) == BATCH:
                    self._put(store, name, batch)
                    batch = []
            self._put(store, name, batch)

    def _put(self, store: Any, name: str, batch: list[Any]) -> None:
        refused = store.set_virtual_refs(f"/{name}", batch, validate_containers=True) if batch else None
        if refused:
            raise InternalError(f"references of {name} lie in no container: chunks {refused[:3]}", code="X025")

    def _configured(self) -> icechunk.Repository:
        """The repository, with containers for all inputs in its configuration."""
        library = library_of_icechunk(self.url)
        repository = open_repository(self.address, self.storage_options)
        if repository is None:
            raise TargetError("the repository was removed under the run", code="T062", where=self.url, hint="run again")
        config = repository.config
        known = tuple(config.virtual_chunk_containers or ())
        for prefix in prefixes_of(self._references.urls):
            # A folder within one that is allowed already needs no permission of its own.
            if known and prefix.startswith(known):
                continue
            config.set_virtual_chunk_container(container_of(library, prefix, self.input_options))
        repository = library.Repository.open(repository.storage, config=config)
        with translated(self.url):
            repository.save_config()
        return repository  # type: ignore[no-any-return]

    def _readable(self, address: str) -> Any:
        """A snapshot with all its containers allowed."""
        from pangeo_forge.targets.icechunk_storage import readable_store

        allowed = dict.fromkeys(prefixes_of(self._references.urls))
        return readable_store(address, self.storage_options, authorize_virtual_chunk_access=allowed)


def prefixes_of(urls: Iterable[str]) -> list[str]:
    """Containers for URLs: the host or bucket; of local files, the folder that holds them all.

    Raises
    ------
    TargetError: T061 an HTTP address with a port.
    """
    import os

    found: set[str] = set()
    local: list[str] = []
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme == "file":
            local.append(url.rpartition("/")[0])
        elif parts.scheme in ("http", "https") and ":" in parts.netloc:
            raise TargetError(
                "Icechunk drops the port of an HTTP address, so it would read from somewhere else",  # seen in 1.1.21
                code="T061",
                where=f"{parts.scheme}://{parts.netloc}/",
                hint="use `reference: {format: parquet}`, or `format: zarr`",
            )
        else:
            found.add(f"{parts.scheme}://{parts.netloc}/")
    if local:
        common = os.path.commonpath([u.removeprefix("file://") for u in local])
        found.add(f"file://{common.rstrip('/')}/")
    return sorted(found)


def container_of(library: Any, prefix: str, options: Mapping[str, Any]) -> Any:
    """How Icechunk reads what lies under a prefix.

    Raises
    ------
    TargetError: T061 it cannot.
    """
    scheme = urlsplit(prefix).scheme
    if scheme == "file":
        from urllib.parse import unquote

        store = library.local_filesystem_store(unquote(prefix.removeprefix("file://")))
    elif scheme in ("http", "https"):
        store = library.http_store({"allow_http": "true"} if scheme == "http" else None)
    elif scheme in ("s3", "s3a"):
        given = s3_arguments(options)
        names = ("region", "endpoint_url", "allow_http", "anonymous", "force_path_style")
        store = library.s3_store(**{k: v for k, v in given.items() if k in names})
    elif scheme in ("gs", "gcs"):
        store = library.gcs_store()
    else:
        raise TargetError(
            f"Icechunk cannot refer to inputs at {scheme}:// URLs",
            code="T061",
            where=prefix,
            hint="use `reference: {format: parquet}`, or `format: zarr`",
        )
    return library.VirtualChunkContainer(prefix, store)
