"""URLs without what may be secret in them: for labels, messages and fingerprints."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_SECRET_NAME = re.compile(
    r"(token|secret|passw|pwd|signature|credential|api_?-?key|apikey|access_?-?key|auth|session|jwt|^sig$|^key$|^code$|"
    r"^se$|^sp$|^sv$|^sr$|^x-amz-|^x-goog-|^awsaccesskeyid$|^googleaccessid$|^expires$)",
    re.IGNORECASE,
)


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")


def redact_text(text: str) -> str:
    """``text``, such as the message of a library, with every URL in it treated by :func:`redact_url`."""
    return _URL.sub(lambda match: redact_url(match.group()), text)


def redact_url(url: str) -> str:
    """``url`` less the user and password and the query arguments whose names tell of secrets, fragments included.

    Each link of a chained URL (``zip://member::https://...``) is treated by itself. What a path itself hides cannot be
    known: recipes name secrets instead of writing them.
    """
    return "::".join(_redact(link) for link in url.split("::"))


def _redact(link: str) -> str:
    if "://" not in link or not ("@" in link or "?" in link or "#" in link):
        return link
    try:
        parts = urlsplit(link)
    except ValueError:
        return link.split("?", 1)[0].rsplit("@", 1)[-1]
    # Object keys may hold "@"; only what stands before the host is a login.
    netloc = parts.netloc.rsplit("@", 1)[-1]
    kept = [a for a in parts.query.split("&") if a and not _SECRET_NAME.search(a.split("=", 1)[0])]
    fragment = "" if "=" in parts.fragment else parts.fragment
    return urlunsplit((parts.scheme, netloc, parts.path, "&".join(kept), fragment))
