"""A small client of GitHub's REST API: JSON in and out, pages, patience with limits, errors that say what to do."""

from __future__ import annotations

import os
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pangeo_forge.ci.escaping import clean
from pangeo_forge.errors import AutomationError, UsageError

if TYPE_CHECKING:
    import httpx

API = "https://api.github.com"
PAGE = 100
MOST_PAGES = 50
ATTEMPTS = 5
LONGEST_PAUSE = 900.0
"""Seconds that one pause for the sake of GitHub's limits may take."""
_BUSY = (500, 502, 503, 504)
_REPOSITORY = re.compile(r"(?!\.+/)[A-Za-z0-9._-]{1,100}/(?!\.+\Z)[A-Za-z0-9._-]{1,100}\Z")


class Refused(AutomationError):
    """GitHub has answered, and not with what was asked for; ``status`` is its answer's."""

    status = 0


class Passing(Exception):
    """A request that may be sent again after ``pause`` seconds; None: as long as seems right."""

    def __init__(self, error: AutomationError, pause: float | None = None) -> None:
        super().__init__(str(error))
        self.error, self.pause = error, pause


@dataclass(frozen=True)
class GitHub:
    """One repository at GitHub.

    Parameters
    ----------
    repository: ``owner/name``.
    token: sent with each request to the API's own host, and nowhere else.
    url: of the API.
    sleep: how to wait.
    """

    repository: str
    token: str = field(repr=False)
    url: str = API
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def from_environment(cls) -> GitHub:
        """As a workflow's environment says: GITHUB_REPOSITORY, GITHUB_TOKEN, GITHUB_API_URL.

        Raises
        ------
        UsageError: U111, something is missing.
        """
        repository = os.environ.get("GITHUB_REPOSITORY", "")
        token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or ""
        if not _REPOSITORY.match(repository) or not token:
            missing = "GITHUB_TOKEN" if _REPOSITORY.match(repository) else "GITHUB_REPOSITORY (owner/name)"
            hint = "a workflow sets the repository; give the token by `env: {GITHUB_TOKEN: ...}`"
            raise UsageError(f"the environment has no {missing}", code="U111", hint=hint)
        return cls(repository, token, os.environ.get("GITHUB_API_URL") or API)

    def get(self, path: str, **params: Any) -> Any:
        """What is at ``path`` (below the repository; ``{}`` in it was filled by :func:`part`)."""
        return self._answer("GET", path, params=params).json()

    def pages(self, path: str, key: str | None = None, **params: Any) -> Iterator[Any]:
        """All items of a list, page by page; ``key`` names the list inside of an answer."""
        for page in range(1, MOST_PAGES + 1):
            found = self.get(path, **params, per_page=PAGE, page=page)
            items = found[key] if key else found
            yield from items
            if len(items) < PAGE:
                return

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create something. A request that may have been carried out is not sent twice."""
        return self._answer("POST", path, json=body).json()

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change something."""
        return self._answer("PATCH", path, json=body).json()

    def delete(self, path: str) -> None:
        """Remove something."""
        self._answer("DELETE", path)

    def download(self, path: str, most: int) -> bytes:
        """The content that ``path`` redirects to, no more than ``most`` bytes; the token stays at home.

        Raises
        ------
        AutomationError: A111, it is larger.
        """
        import httpx

        answer = self._answer("GET", path)
        location = answer.headers.get("location") if answer.is_redirect else None
        if location is None:
            return _bounded(answer.content, most, path)
        found = bytearray()
        try:
            with httpx.stream("GET", location, timeout=60, follow_redirects=True) as stream:
                stream.raise_for_status()
                for block in stream.iter_bytes():
                    found += block
                    _bounded(found, most, path)
        except httpx.HTTPError as error:
            raise AutomationError(
                f"the content cannot be had: {type(error).__name__}", code="A131", where=path, hint="try again later"
            ) from None
        return bytes(found)

    def _answer(self, method: str, path: str, **more: Any) -> httpx.Response:
        import tenacity

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=_pause,
            retry=tenacity.retry_if_exception_type(Passing),
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(self._once, method, path, more)
        except Passing as last:
            raise last.error from None

    def _once(self, method: str, path: str, more: Mapping[str, Any]) -> httpx.Response:
        import httpx

        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "pangeo-forge",
        }
        address = f"{self.url.rstrip('/')}/repos/{self.repository}/{path}"
        try:
            with httpx.Client(headers=headers, timeout=30, trust_env=False, verify=_trusted()) as client:
                answer = client.request(method, address, **more)
        except httpx.TransportError as error:
            fault = AutomationError(
                f"GitHub cannot be reached: {type(error).__name__}",
                code="A131",
                where=f"{method} {path}",
                hint="try again later; is GITHUB_API_URL right?",
            )
            if method == "POST" and not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                raise fault from None
            raise Passing(fault) from None
        if answer.status_code < 400:
            return answer
        raise self._judged(method, path, answer)

    def _judged(self, method: str, path: str, answer: httpx.Response) -> Exception:
        """The error that an answer means: one to wait for, or one to tell."""
        fault = _fault(method, path, answer)
        limited = answer.status_code == 429 or (
            answer.status_code == 403
            and ("retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0")
        )
        if limited:
            pause = _asked_pause(answer)
            if pause > LONGEST_PAUSE:
                return AutomationError(
                    f"GitHub asks to wait for {pause:.0f} s",
                    code="A135",
                    where=f"{method} {path}",
                    hint="run it again then",
                )
            return Passing(fault, pause)
        # A POST that was begun may have been carried out: the caller looks before it tries again.
        return Passing(fault) if answer.status_code in _BUSY and method != "POST" else fault


@cache
def _trusted() -> ssl.SSLContext:
    """Certificates are read once, not for each request."""
    import httpx

    return httpx.create_ssl_context(trust_env=True)


def part(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")


def _bounded(data: bytes | bytearray, most: int, where: str) -> bytes:
    if len(data) > most:
        raise AutomationError(f"it has more than {most} bytes", code="A111", where=where, hint="it is not read")
    return bytes(data)


def _pause(state: Any) -> float:
    error = state.outcome.exception()
    if isinstance(error, Passing) and error.pause is not None:
        return error.pause
    return float(min(30.0, 2.0 ** (state.attempt_number - 1)))


def _asked_pause(answer: httpx.Response) -> float:
    after, reset = answer.headers.get("retry-after", ""), answer.headers.get("x-ratelimit-reset", "")
    if after.isdigit():
        return float(after)
    if reset.isdigit():
        return max(1.0, float(reset) - time.time() + 1)
    return 60.0


def _fault(method: str, path: str, answer: httpx.Response) -> Refused:
    try:
        said = clean(answer.json().get("message", ""), 300)
    except (ValueError, AttributeError):
        said = ""
    hints = {
        401: "the token is not valid any more",
        403: "the token may not do this: see the permissions of the job in docs/ci.md",
        404: "it is not there, or the token may not see it",
        422: "GitHub does not take what was sent: report it",
    }
    fault = Refused(
        f"GitHub answers {answer.status_code}: {said}".rstrip(": "),
        code="A130",
        where=f"{method} {path}",
        hint=hints.get(answer.status_code, "try again later"),
    )
    fault.status = answer.status_code
    return fault
