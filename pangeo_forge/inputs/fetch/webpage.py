"""A login page with status 200 is the classic way to a cache full of HTML."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pangeo_forge.errors import InputError

_PAGE = re.compile(rb"\s*(<\?xml[^>]*\?>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.I | re.S)


def refuse_web_page(head: bytes, url: str, where: str) -> None:
    """Raise InputError I305 when a file that begins with ``head`` is a web page, unless the URL asks for one."""
    if _PAGE.match(head.removeprefix(b"\xef\xbb\xbf")):
        if urlsplit(url).path.lower().endswith((".html", ".htm")):
            return
        title = re.search(rb"<title[^>]*>\s*(.{1,80}?)\s*</title>", head, re.I | re.S)
        shown = f" titled {title[1].decode('utf-8', 'replace')!r}" if title else ""
        raise InputError(
            f"the server sent a web page{shown} instead of the file",
            code="I305",
            where=where,
            hint="most often a login page: check `fetch.auth` and its secret, or open the URL in a browser",
        )
