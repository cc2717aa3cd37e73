"""Inputs named by an index: an HTML page as web servers make it, or an FTP folder."""

from __future__ import annotations

import ftplib
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from pangeo_forge.errors import InputError
from pangeo_forge.pattern.expressions import NameExpression
from pangeo_forge.pattern.locations import file_name
from pangeo_forge.pattern.redaction import redact_text, redact_url
from pangeo_forge.pattern.web import Web


def list_index(url: str, match: str, web: Web, *, limit: int) -> list[str]:
    """URLs of the files in an index whose names fit ``match``, in the index's order, each once.

    Links to parents, to other folders' pages, to sorting orders (``?C=M``) and to anchors are not files. A link may
    point to another host. Only names are matched, see :class:`~pangeo_forge.pattern.expressions.NameExpression`.

    Raises
    ------
    InputError: I601 (nothing fits; the hint shows what is there), I602 (more than ``limit``), I604 (HTTP or FTP
    error), I605 (not an index), I606 (the expression).
    """
    expression = NameExpression(match, where=redact_url(url))
    found = _ftp(url) if urlsplit(url).scheme == "ftp" else _html(url, web)
    names = {u: file_name(u) for u in dict.fromkeys(found)}
    fitting = [u for u, name in names.items() if expression.fits(name)]
    if not fitting:
        shown = ", ".join(list(names.values())[:5])
        hint = f"the index holds {shown}" + (" ..." if len(names) > 5 else "") if names else "the index names no file"
        raise InputError(f"no name fits {match!r}", code="I601", where=redact_url(url), hint=hint)
    if len(fitting) > limit:
        message = f"{len(fitting)} names fit {match!r}, more than {limit}"
        raise InputError(message, code="I602", where=redact_url(url), hint="write a narrower expression")
    return fitting


def _html(url: str, web: Web) -> list[str]:
    page = web.get(url)
    head = page.content[:2048].lstrip().lower()
    if page.media_type not in ("text/html", "application/xhtml+xml") and not head.startswith(
        (b"<!doctype html", b"<html")
    ):
        message = f"not an HTML index but {page.media_type or 'of no type'}"
        raise InputError(
            message, code="I605", where=redact_url(url), hint="name the folder's page, which lists the files"
        )
    reader = _Links()
    reader.feed(page.text)
    reader.close()
    if not reader.hrefs:
        raise InputError("the page holds no link", code="I605", where=redact_url(url), hint="is it made by a script?")
    # A server that leaves out the redirect to the folder's slash would let relative links lose the last part.
    base = urljoin(page.url, reader.base) if reader.base else page.url
    links = [_resolved(base, href) for href in reader.hrefs]
    return [link for link in links if link is not None and _is_file(link, base)]


def _resolved(base: str, href: str) -> str | None:
    try:
        return urldefrag(urljoin(base, href.strip()))[0]
    except ValueError:  # a malformed link is no file of ours
        return None


def _is_file(link: str, base: str) -> bool:
    parts, page = urlsplit(link), urlsplit(base)
    if parts.scheme not in ("http", "https", "ftp") or not parts.path or parts.path.endswith("/"):
        return False
    same_page = (parts.netloc, unquote(parts.path)) == (page.netloc, unquote(page.path))
    # The parent folder without its slash, and everything above.
    parent = parts.netloc == page.netloc and unquote(page.path).startswith(unquote(parts.path) + "/")
    return not (same_page or parent)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.hrefs: list[str] = []
        self.base: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.hrefs.append(href)
        elif tag == "base" and href and self.base is None:
            self.base = href


def _ftp(url: str, timeout: float = 60) -> list[str]:
    parts = urlsplit(url)
    folder = unquote(parts.path).rstrip("/") or "/"
    port = parts.port or ftplib.FTP_PORT
    if any(ord(c) < 32 for c in folder):
        raise InputError("a control character in the path", code="I604", where=redact_url(url))
    try:
        # Plain FTP is what the archives have; the listing is public and nothing secret is sent.
        with ftplib.FTP(timeout=timeout) as ftp:  # noqa: S321
            ftp.connect(parts.hostname or "", port)
            ftp.login(unquote(parts.username or "anonymous"), unquote(parts.password or "anonymous@"))
            ftp.cwd(folder)
            names = ftp.nlst()
    except ftplib.error_perm as error:
        if str(error).startswith("550") and "no files" in str(error).lower():
            return []
        raise _ftp_error(url, error) from None
    except (ftplib.Error, OSError, EOFError, UnicodeError) as error:
        raise _ftp_error(url, error) from None
    root = parts._replace(path="", query="", fragment="").geturl() + folder.rstrip("/")
    return [f"{root}/{name.rsplit('/', 1)[-1]}" for name in names if name.rsplit("/", 1)[-1] not in ("", ".", "..")]


def _ftp_error(url: str, error: Exception) -> InputError:
    message = f"FTP: {redact_text(str(error)) or type(error).__name__}"
    return InputError(message, code="I604", where=redact_url(url), hint="is the server up, and the folder right?")
