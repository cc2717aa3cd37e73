"""What goes into a fetch and what comes out of it: plain, frozen, picklable data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FetchItem:
    """One input to fetch."""

    url: str
    label: str = ""
    """Its key, e.g. ``time=2020-01-01``; for messages."""

    @property
    def where(self) -> str:
        """Key and URL without secrets, for errors."""
        from pangeo_forge.inputs.fetch.address import redact_url

        shown = redact_url(self.url)
        return f"{self.label} ({shown})" if self.label and self.label != self.url else shown


Named = FetchItem | str | tuple[str, str]
"""An item, a URL, or (URL, label)."""


def item_of(named: Named) -> FetchItem:
    """The item that is meant."""
    if isinstance(named, FetchItem):
        return named
    return FetchItem(named) if isinstance(named, str) else FetchItem(*named)


@dataclass(frozen=True)
class Remote:
    """What a server says of one file."""

    size: int | None = None
    """Bytes; None where the server does not tell."""
    etag: str | None = None
    last_modified: str | None = None
    """As the server writes it (HTTP date), or an ISO 8601 UTC time for ftp, sftp and object stores."""
    ranges: bool = False
    """True: the server says that it answers range requests."""

    @property
    def validator(self) -> str | None:
        """What may stand in ``If-Range`` (RFC 9110, 13.1.5): a strong etag, else the modification time."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified


@dataclass(frozen=True)
class FetchedInput:
    """One input that is here, whole."""

    path: str
    """Local file: the blob in the cache, a copy of it in the scratch folder, or the local input itself."""
    url: str
    """Where it came from, without secrets."""
    size: int
    etag: str | None
    last_modified: str | None
    sha256: str | None
    """None for local inputs read in place, unless asked for."""
    from_cache: bool
    temporary: bool = False
    """True: ``path`` is a copy that :meth:`Fetcher.discard` may delete."""
    label: str = ""
