"""URLs as cache keys and as text that may be shown: both without anything secret."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

_SECRET_PARAMETERS = re.compile(
    r"(x-(amz|goog|ms)-.*|signature|sig|awsaccesskeyid|googleaccessid|(access|auth|id)?_?token|api_?key|apikey|"
    r"password|passwd|pwd|secret|client_secret|credential)\Z",
    re.I,
)
_MASK = "***"
_UNUSUAL = re.compile(r"[^A-Za-z0-9_.%/:=&?~+!$,;'@()*\[\]-]")


def redact_url(url: str, *, also: frozenset[str] = frozenset()) -> str:
    """``url`` without user and password, and with the values of secret query parameters masked.

    ``also`` names further query parameters that are secret (``auth.parameter`` of a recipe).
    """
    return _rewritten(url, also, keep_masked=True)


def identity(url: str, *, also: frozenset[str] = frozenset()) -> str:
    """``url`` without anything secret, so that a file signed anew each hour is still the same file."""
    return _rewritten(url, also, keep_masked=False)


@lru_cache(maxsize=1024)  # asked for several times while an input is worked on
def cache_key(url: str, *, also: frozenset[str] = frozenset()) -> str:
    """sha256 (hex) of :func:`identity`: the name of the cache entry. No secret goes into the digest."""
    return hashlib.sha256(identity(url, also=also).encode()).hexdigest()


def _rewritten(url: str, also: frozenset[str], *, keep_masked: bool) -> str:
    if "@" not in url and "?" not in url and "#" not in url:
        return url
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        return url
    host = parts.netloc.rpartition("@")[2]
    query = parts.query
    if query:
        pairs = parse_qsl(query, keep_blank_values=True)
        if any(_is_secret(name, also) for name, _ in pairs):
            shown = [
                (n, _MASK if _is_secret(n, also) else v) for n, v in pairs if keep_masked or not _is_secret(n, also)
            ]
            query = urlencode(shown, safe="*")
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def _is_secret(name: str, also: frozenset[str]) -> bool:
    return name in also or bool(_SECRET_PARAMETERS.match(name))


def scheme_of(url: str) -> str:
    """Scheme in lower case; ``file`` for a path."""
    if url.startswith(("https://", "http://")):
        return "https" if url[4] == "s" else "http"
    scheme, mark, _ = url.partition("://")
    return scheme.lower() if mark and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme) else "file"


def host_of(url: str) -> str:
    """Host name in lower case, without port; the bucket's store (``s3``, ``gs``) for object stores."""
    scheme = scheme_of(url)
    if scheme in ("s3", "gs", "gcs", "file"):
        return scheme
    return (urlsplit(url).hostname or "").lower()


def local_path(url: str) -> str | None:
    """Path of a local input (a path or ``file://``); None for all others."""
    if scheme_of(url) != "file":
        return None
    if url.lower().startswith("file://"):
        rest = url[7:]
        return unquote(rest if rest.startswith("/") else "/" + rest.partition("/")[2])
    return os.path.expanduser(url)


def encoded_url(url: str) -> str:
    """``url`` with spaces and other characters that HTTP does not allow percent-encoded; what is encoded stays so."""
    if not _UNUSUAL.search(url):
        return url
    start, mark, rest = url.partition("#")[0].partition("://")
    host, slash, path = rest.partition("/")
    with suppress(UnicodeError):  # an empty or too long label: the name will not resolve
        host = host if host.isascii() else host.encode("idna").decode()
    return quote(f"{start}{mark}{host}{slash}{path}", safe="%/:=&?~#+!$,;'@()*[]")
