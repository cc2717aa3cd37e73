"""Transfers that fsspec knows how to do: s3, gs and sftp, read in blocks and resumed at an offset."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.address import scheme_of
from pangeo_forge.inputs.fetch.failure import Transient, absent, denied, missing_package
from pangeo_forge.inputs.fetch.ftp import same_file
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.inputs.fetch.lane import Lane
from pangeo_forge.inputs.fetch.model import Remote
from pangeo_forge.inputs.fetch.options import FetchOptions
from pangeo_forge.inputs.fetch.partial import PartialFile
from pangeo_forge.inputs.fetch.progress import Progress
from pangeo_forge.inputs.fetch.signing import Signer, s3_keys

_BLOCK = 8 * 2**20


class FsspecTransfer:
    """Reads ranges of a remote file through its fsspec file system."""

    def __init__(self, options: FetchOptions, signer: Signer, guard: Guard | None, progress: Progress) -> None:
        self.options = options
        self.signer = signer
        self.guard = guard
        self.progress = progress

    def stat(self, url: str, lane: Lane, where: str) -> Remote:
        """Size, etag and modification time."""
        with _Classified(where):
            fs, path = self._open(url, lane, where)
            return _remote(fs.info(path))

    def download(
        self, url: str, part: PartialFile, lane: Lane, where: str, unless: Remote | None = None
    ) -> Remote | None:
        """One attempt. None: unchanged since ``unless``."""
        before = part.size
        try:
            with _Classified(where):
                fs, path = self._open(url, lane, where)
                remote = _remote(fs.info(path))
                if unless is not None and same_file(remote, unless):
                    return None
                if self.guard is not None:
                    self.guard.check_size(remote.size or 0, where)
                resume = bool(part.size) and same_file(remote, part.remote) and part.size <= (remote.size or 0)
                if part.size and not resume:
                    part.restart()
                    before = 0
                part.begin(remote, resumed=resume)
                self._receive(fs, path, part)
                fs.invalidate_cache()
                if not same_file(_remote(fs.info(path)), remote):
                    part.restart()
                    raise Transient("the file changed while it was fetched")
        except Transient as error:
            error.gained = max(0, part.size - before)
            raise
        return part.remote

    def _receive(self, fs: Any, path: str, part: PartialFile) -> None:
        size = part.remote.size or 0
        with fs.open(path, "rb", block_size=_BLOCK, cache_type="none") as file:
            file.seek(part.size)
            while part.size < size:
                block = file.read(min(_BLOCK, size - part.size))
                if not block:
                    raise Transient(f"{part.size} bytes came, {size} were announced")
                self.progress.add_bytes(len(block))
                part.write(block)

    def _open(self, url: str, lane: Lane, where: str) -> tuple[Any, str]:
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        import fsspec

        if self.guard is not None:
            self.guard.check_url(url)
            if self.options.storage_options:
                # endpoint_url and its like would lead the request wherever the recipe wants.
                raise self.guard.refusal(where, "storage_options are not allowed in an untrusted recipe")
        lane.enter(url)
        scheme = scheme_of(url)
        try:
            fs, path = fsspec.core.url_to_fs(url, **self._storage_options(url, scheme))
        except ImportError as error:
            raise missing_package(scheme, error, where) from None
        return fs, path

    def _storage_options(self, url: str, scheme: str) -> dict[str, Any]:
        options = {"skip_instance_cache": True, "use_listings_cache": False, **self.options.storage_options}
        if scheme == "s3":
            options |= self._s3(options)
        elif scheme in ("gs", "gcs"):
            options.setdefault("token", "anon" if self.guard is not None else None)
            if options["token"] is None:
                del options["token"]
        else:
            for name in ("skip_instance_cache", "use_listings_cache"):
                options.pop(name)
            login = self.signer.login(url)
            options |= {"timeout": self.options.timeout} | (
                {} if login is None else {"username": login[0], "password": login[1]}
            )
            options["skip_instance_cache"] = True
        return options

    def _s3(self, given: dict[str, Any]) -> dict[str, Any]:
        """Credentials from the secret: ``key:secret[:token]`` or JSON ``{key, secret, token}``; anonymous without."""
        config = {
            "connect_timeout": self.options.timeout,
            "read_timeout": self.options.timeout,
            "retries": {"max_attempts": 1},
        }
        made: dict[str, Any] = {"config_kwargs": config | given.get("config_kwargs", {})}
        if self.signer.auth is None or self.signer.auth.kind != "s3":
            return made | ({} if {"key", "anon", "profile"} & set(given) else {"anon": True})
        return made | s3_keys(self.signer.secret().reveal(), self.signer.auth.secret)


class _Classified:
    """Turns what file systems raise into what a retry can decide about."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from pangeo_forge.inputs.fetch.credentials import REDACTOR

        if error is None or isinstance(error, InputError | Transient) or not isinstance(error, Exception):
            return
        if isinstance(error, FileNotFoundError):
            raise absent(self._where, "not found") from None
        text = REDACTOR(str(error))[:300]
        name = type(error).__name__
        if isinstance(error, PermissionError) or name in (
            "AuthenticationException",
            "NoCredentialsError",
            "BadHostKeyException",
        ):
            raise denied(self._where, text or name) from None
        raise Transient(f"{name}: {text}") from None


def _remote(info: dict[str, Any]) -> Remote:
    etag = info.get("ETag") or info.get("etag")
    modified = info.get("LastModified") or info.get("updated") or info.get("mtime")
    if isinstance(modified, datetime):
        modified = modified.isoformat()
    return Remote(
        int(info["size"]), None if etag is None else str(etag), None if modified is None else str(modified), True
    )
