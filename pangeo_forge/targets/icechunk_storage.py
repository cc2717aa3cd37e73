"""Where an Icechunk repository lies: from an address and fsspec options, as all other targets have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pangeo_forge.errors import TargetError
from pangeo_forge.targets.objects import is_local, local_path

if TYPE_CHECKING:
    import icechunk

MAIN = "main"
SNAPSHOT = "#snapshot="
"""Behind a repository's address: one snapshot of it, which need not be on any branch."""


def storage_of(address: str, options: Mapping[str, Any] | None = None) -> icechunk.Storage:
    """The storage at a local path, ``s3://`` or ``gs://`` URL.

    Parameters
    ----------
    options: fsspec's: for S3 ``key``, ``secret``, ``token``, ``anon``, ``endpoint_url``, ``client_kwargs``; for Google
        ``token`` (a key file, or ``anon``). What is not given comes from the environment.

    Raises
    ------
    TargetError: T060 the library is not installed; T061 Icechunk cannot keep a repository at such a URL.
    """
    library, options = library_of_icechunk(address), options or {}
    made: icechunk.Storage
    if is_local(address):
        made = library.local_filesystem_storage(str(local_path(address)))
        return made
    parts = urlsplit(address)
    bucket, prefix = parts.netloc, parts.path.strip("/")
    if parts.scheme in ("s3", "s3a"):
        made = library.s3_storage(bucket=bucket, prefix=prefix, **s3_arguments(options))
        return made
    if parts.scheme in ("gs", "gcs"):
        key_file = options.get("token")
        given: dict[str, Any] = {"service_account_file": str(key_file)}
        if key_file in (None, "anon"):
            given = {"anonymous": key_file is not None, "from_env": key_file is None}
        made = library.gcs_storage(bucket=bucket, prefix=prefix, **given)
        return made
    raise TargetError(
        f"Icechunk keeps no repository at a {parts.scheme}:// URL",
        code="T061",
        where=address,
        hint="use a local path, s3:// or gs://, or `format: zarr`",
    )


def s3_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """icechunk's arguments for s3fs's options."""
    client = dict(options.get("client_kwargs") or {})
    endpoint = options.get("endpoint_url") or client.get("endpoint_url")
    given: dict[str, Any] = {"region": client.get("region_name"), "endpoint_url": endpoint}
    if endpoint:
        # Other services than Amazon's know buckets by path only, as a rule.
        given.update(allow_http=str(endpoint).startswith("http://"), force_path_style=True)
        given["region"] = given["region"] or "us-east-1"
    if options.get("anon"):
        given["anonymous"] = True
    elif options.get("key"):
        # Workers ask for the values themselves: a pickled session must not hold them.
        given["get_credentials"] = S3Credentials(options)
    else:
        given["from_env"] = True
    return given


@dataclass(frozen=True)
class S3Credentials:
    """Credentials of a bucket, looked up when the library asks. Holds names of secrets only, where the options do."""

    options: Mapping[str, Any] = field(repr=False)

    def __call__(self) -> Any:
        """What the library wants."""
        from icechunk import S3StaticCredentials

        found = dict(self.options)
        return S3StaticCredentials(found["key"], found.get("secret", ""), found.get("token"), None)


def library_of_icechunk(where: str) -> Any:
    """The icechunk package, made quiet.

    Raises
    ------
    TargetError: T060.
    """
    try:
        import icechunk
    except ImportError as error:
        raise TargetError(
            "the icechunk library is not installed",
            code="T060",
            where=where,
            hint="install pangeo-forge[icechunk]",
        ) from error
    icechunk.set_logs_filter("error")
    return icechunk


def open_repository(address: str, options: Mapping[str, Any] | None = None, **more: Any) -> icechunk.Repository | None:
    """The repository at an address, or None when there is none."""
    storage = storage_of(address, options)
    library = library_of_icechunk(address)
    with translated(address):
        if is_local(address) and not local_path(address).exists():
            # Asking the library would make the folder.
            return None
        return library.Repository.open(storage, **more) if library.Repository.exists(storage) else None


def readable_store(address: str, options: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """A read-only Zarr store: the head of ``main``, or the snapshot that the address names behind ``#snapshot=``.

    Raises
    ------
    TargetError: T062 there is no repository, or it cannot be read.
    """
    place, _, snapshot = address.partition(SNAPSHOT)
    repository = open_repository(place, options, **more)
    if repository is None:
        raise TargetError(
            "there is no Icechunk repository",
            code="T062",
            where=place,
            hint="is the path complete? it ends in .icechunk",
        )
    with translated(place):
        if snapshot:
            return repository.readonly_session(snapshot_id=snapshot).store
        return repository.readonly_session(MAIN).store


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Errors of the library as ours: T062."""
    import icechunk

    try:
        yield
    except icechunk.IcechunkError as error:
        first = str(error).strip().splitlines()[0].strip(" x×")
        raise TargetError(
            f"the Icechunk repository cannot be used: {first}",
            code="T062",
            where=where,
            hint="check the address, the credentials and the network",
        ) from error


def containers_of(address: str, options: Mapping[str, Any] | None = None) -> dict[str, None] | None:
    """The places that a repository's own references may point to, as the library wants them allowed; None: none."""
    repository = open_repository(address, options)
    containers = None if repository is None else repository.config.virtual_chunk_containers
    return dict.fromkeys(containers) if containers else None
