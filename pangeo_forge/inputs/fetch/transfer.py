"""What every way of transfer can do, and which one a scheme takes."""

from __future__ import annotations

from typing import Protocol

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.inputs.fetch.lane import Lane
from pangeo_forge.inputs.fetch.model import Remote
from pangeo_forge.inputs.fetch.options import FetchOptions
from pangeo_forge.inputs.fetch.partial import PartialFile
from pangeo_forge.inputs.fetch.progress import Progress
from pangeo_forge.inputs.fetch.signing import Signer


class Transfer(Protocol):
    """One attempt each; raises Transient when another may succeed, InputError when none will."""

    def stat(self, url: str, lane: Lane, where: str) -> Remote:
        """What the server says of ``url``."""
        ...

    def download(
        self, url: str, part: PartialFile, lane: Lane, where: str, unless: Remote | None = None
    ) -> Remote | None:
        """Bring ``part`` to the whole file, resuming if that is safe. None: unchanged since ``unless``."""
        ...


def make_transfer(
    scheme: str, options: FetchOptions, signer: Signer, guard: Guard | None, progress: Progress
) -> Transfer:
    """The transfer for ``scheme``; its libraries are imported here, on first use."""
    if scheme in ("http", "https"):
        from pangeo_forge.inputs.fetch.http import HttpTransfer

        return HttpTransfer(options, signer, guard, progress)
    if scheme in ("ftp", "ftps"):
        from pangeo_forge.inputs.fetch.ftp import FtpTransfer

        return FtpTransfer(options, signer, guard, progress)
    if scheme in ("s3", "gs", "gcs", "sftp", "ssh"):
        from pangeo_forge.inputs.fetch.objects import FsspecTransfer

        return FsspecTransfer(options, signer, guard, progress)
    raise InputError(
        f"cannot fetch {scheme}:// URLs",
        code="I317",
        hint="known are http, https, ftp, ftps, sftp, s3, gs and local paths",
    )
