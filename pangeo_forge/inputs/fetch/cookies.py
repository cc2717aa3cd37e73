"""Cookies of signing in (Earthdata's dance lives by them), each kept for its own domain."""

from __future__ import annotations

import threading
from email.message import Message
from http.cookiejar import CookieJar
from typing import Any, cast
from urllib.request import Request


class _Answer:
    """What CookieJar wants to see of a response."""

    def __init__(self, lines: list[str]) -> None:
        self._message = Message()
        for line in lines:
            self._message["Set-Cookie"] = line

    def info(self) -> Message:
        return self._message


class CookieBox:
    """A cookie jar in memory; costs nothing until the first cookie comes."""

    def __init__(self) -> None:
        self._jar = CookieJar()
        self._any = False
        self._lock = threading.Lock()

    def keep(self, url: str, lines: list[str]) -> None:
        """Take the Set-Cookie lines of an answer from ``url``."""
        if lines:
            with self._lock:
                self._jar.extract_cookies(cast(Any, _Answer(lines)), Request(url))  # noqa: S310 - not opened
                self._any = True

    def header(self, url: str) -> dict[str, str]:
        """The Cookie header for ``url``, or nothing."""
        if not self._any:
            return {}
        request = Request(url)  # noqa: S310 - not opened
        with self._lock:
            self._jar.add_cookie_header(request)
        value = request.get_header("Cookie")
        return {"Cookie": value} if value else {}

    def clear(self) -> bool:
        """Forget all; True when there were any."""
        with self._lock:
            had = len(self._jar) > 0
            self._jar.clear()
        return had
