"""Transfers over ftp: passive mode, resumed by REST, whole only when the size agrees."""

from __future__ import annotations

import ftplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.failure import Transient, absent, denied, refused
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.inputs.fetch.lane import Lane
from pangeo_forge.inputs.fetch.model import Remote
from pangeo_forge.inputs.fetch.options import FetchOptions
from pangeo_forge.inputs.fetch.partial import PartialFile
from pangeo_forge.inputs.fetch.progress import Progress
from pangeo_forge.inputs.fetch.signing import Signer

_BLOCK = 256 * 1024


class FtpTransfer:
    """ftp and ftps. One control and one data connection an attempt; both count as one slot."""

    def __init__(self, options: FetchOptions, signer: Signer, guard: Guard | None, progress: Progress) -> None:
        self.options = options
        self.signer = signer
        self.guard = guard
        self.progress = progress

    def stat(self, url: str, lane: Lane, where: str) -> Remote:
        """Size and modification time (UTC, ISO 8601)."""
        with self._session(url, lane, where) as (ftp, path):
            return self._remote(ftp, path)

    def download(
        self, url: str, part: PartialFile, lane: Lane, where: str, unless: Remote | None = None
    ) -> Remote | None:
        """One attempt. None: unchanged since ``unless``."""
        before = part.size
        with self._session(url, lane, where) as (ftp, path):
            remote = self._remote(ftp, path)
            if unless is not None and same_file(remote, unless):
                return None
            if self.guard is not None:
                self.guard.check_size(remote.size or 0, where)
            resume = (
                bool(part.size)
                and self.options.ranges
                and same_file(remote, part.remote)
                and part.size <= (remote.size or 0)
            )
            if part.size and not resume:
                part.restart()
                before = 0
            part.begin(remote, resumed=resume)
            try:
                self._receive(ftp, path, part, where)
            except (OSError, EOFError, ftplib.error_temp) as error:
                raise Transient(f"ftp: {error or type(error).__name__}", gained=part.size - before) from None
            if remote.size is not None and part.size != remote.size:
                raise Transient(f"{part.size} bytes came, {remote.size} were announced", gained=part.size - before)
            if not same_file(self._remote(ftp, path), remote):
                part.restart()
                raise Transient("the file changed while it was fetched")
        return part.remote

    def _receive(self, ftp: ftplib.FTP, path: str, part: PartialFile, where: str) -> None:
        connection = ftp.transfercmd(f"RETR {path}", rest=part.size or None)
        with connection:
            while block := connection.recv(_BLOCK):
                self.progress.add_bytes(len(block))
                part.write(block)
                if self.guard is not None:
                    self.guard.check_size(part.size, where)
            if isinstance(ftp, ftplib.FTP_TLS):
                with suppress(OSError):
                    connection.unwrap()  # type: ignore[attr-defined]
        ftp.voidresp()

    @staticmethod
    def _remote(ftp: ftplib.FTP, path: str) -> Remote:
        ftp.voidcmd("TYPE I")
        size = ftp.size(path)
        modified = None
        with suppress(ftplib.error_perm):
            found = re.match(r"213 (\d{14})", ftp.sendcmd(f"MDTM {path}"))
            if found:
                modified = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC).isoformat()
        return Remote(size, None, modified, modified is not None)

    @contextmanager
    def _session(self, url: str, lane: Lane, where: str) -> Iterator[tuple[ftplib.FTP, str]]:
        if self.guard is not None:
            self.guard.check_url(url)
        lane.enter(url)
        parts = urlsplit(url)
        path = unquote(parts.path)
        if re.search(r"[\r\n\0]", path):
            raise refused(where, "the path holds a line break")
        # ftplib's own context would verify nothing.
        tls = parts.scheme == "ftps"
        ftp = ftplib.FTP_TLS(context=ssl.create_default_context()) if tls else _Ftp()  # noqa: S321 - archives speak it
        try:
            self._connect(ftp, parts.hostname or "", parts.port or 21, url, where)
            yield ftp, path
        except ftplib.error_perm as error:
            raise _permanent(error, where) from None
        except ssl.SSLCertVerificationError as error:
            raise InputError(
                f"the server's certificate is not valid ({error.verify_message})",
                code="I313",
                where=where,
                hint="check the URL and SSL_CERT_FILE",
            ) from None
        except (OSError, EOFError, ftplib.Error) as error:
            raise Transient(f"ftp: {error or type(error).__name__}") from None
        finally:
            ftp.close()

    def _connect(self, ftp: ftplib.FTP, host: str, port: int, url: str, where: str) -> None:
        address = host
        if self.guard is not None:
            address = self.guard.resolved(host, port, where)  # this very address is connected to
        ftp.connect(address, port, timeout=self.options.timeout)
        login = self.signer.login(url)
        if login is None:
            ftp.login()
        else:
            ftp.login(*login)
        if isinstance(ftp, ftplib.FTP_TLS):
            ftp.prot_p()


class _Ftp(ftplib.FTP):
    """Ignores the address in PASV's answer (a server could send us to a third host); the default, but relied on."""

    trust_server_pasv_ipv4_address = False


def same_file(one: Remote, other: Remote) -> bool:
    """True when both describe the same state of a file, as far as its server tells."""
    if one.etag and other.etag:
        return one.etag == other.etag
    return one.last_modified is not None and (one.size, one.last_modified) == (other.size, other.last_modified)


def _permanent(error: ftplib.error_perm, where: str) -> InputError:
    text = str(error)[:200]
    if text.startswith("550"):
        return absent(where, f"FTP {text}")
    return denied(where, "FTP 530") if text.startswith("53") else refused(where, f"the server answers FTP {text}")
