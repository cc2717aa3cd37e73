"""What may go wrong with one attempt, and what is worth another: the vocabulary of all transfers."""

from __future__ import annotations

import errno

from pangeo_forge.errors import InputError

_EXTRAS = {"s3": "s3", "sftp": "sftp", "ssh": "sftp"}
"""Extras that bring a protocol; gcsfs is always there."""


class Transient(Exception):
    """This attempt failed; another may do.

    Parameters
    ----------
    reason: what happened, without secrets.
    retry_after: seconds that the server asked to wait for, or None.
    gained: bytes that this attempt added and the next one will keep.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, gained: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.gained = gained


def absent(where: str, how: str) -> InputError:
    """The input is not there: the one failure that ``on_missing`` is about."""
    return InputError(
        f"is absent ({how})",
        code="I301",
        where=where,
        hint="check the URL template and the range of its keys, or declare `missing:` or `on_missing:`",
    )


def denied(where: str, how: str) -> InputError:
    """The server does not let us in."""
    return InputError(
        f"access was refused ({how})",
        code="I302",
        where=where,
        hint="check `fetch.auth` and the value of its secret, and whether the account accepted the data's terms",
    )


def refused(where: str, how: str) -> InputError:
    """The server answers in a way that no retry will change."""
    return InputError(how, code="I303", where=where, hint="open the URL in a browser to see what the server says")


def gave_up(where: str, attempts: int, reason: str) -> InputError:
    """All attempts are used up."""
    return InputError(
        f"failed {attempts} times, at last: {reason}",
        code="I304",
        where=where,
        hint="run again later (finished inputs are not fetched again), or raise `fetch.retries` or `fetch.timeout`",
    )


def from_os_error(error: OSError, path: str, *, doing: str = "write") -> Exception:
    """A full disk (I308) told apart from all other trouble of the local file system (I311)."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return InputError(
            f"no space left to write {path} ({error.strerror})",
            code="I308",
            where=path,
            hint="free space, `pangeo-forge cache prune`, or choose another --cache; the unfinished file was removed",
        )
    return InputError(
        f"cannot {doing} {path}: {error.strerror or error}",
        code="I311",
        where=path,
        hint="check the cache's folder and its permissions",
    )


def missing_package(scheme: str, error: ImportError, where: str) -> InputError:
    """The package that speaks a protocol is not installed."""
    extra = _EXTRAS.get(scheme)
    return InputError(
        f"the package for {scheme} is missing ({error})",
        code="I319",
        where=where,
        hint=f"pip install 'pangeo-forge[{extra}]'" if extra else "install the fsspec package for it",
    )
