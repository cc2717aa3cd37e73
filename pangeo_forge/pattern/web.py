"""Reading index pages and catalogs over HTTP: bounded, repeated when the server is busy, every URL checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pangeo_forge.errors import InputError
from pangeo_forge.pattern.redaction import redact_text, redact_url

if TYPE_CHECKING:
    import httpx

Sign = Callable[[str, str], tuple[str, Mapping[str, str]]]
LARGEST_PAGE = 64 * 2**20
_BUSY = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Page:
    """An answer: ``url`` is where redirects ended."""

    url: str
    content: bytes
    media_type: str
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The content as text; bytes that are not UTF-8 are replaced."""
        return self.content.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The content as JSON. InputError (I608) when it is not."""
        try:
            return json.loads(self.content)
        except ValueError:
            message = f"the answer is not JSON but {self.media_type or 'of no type'}"
            raise InputError(
                message, code="I608", where=redact_url(self.url), hint="is this the catalog's URL?"
            ) from None


class Web:
    """An HTTP client for sources.

    Parameters
    ----------
    client: an httpx client, for tests or for credentials; a new one is made and closed when left out.
    check_url: called with each URL before it is asked for, redirects included; raises to forbid it (untrusted recipes).
    attempts: how often a request is made before a busy or unreachable server is given up.
    wait: seconds before the second attempt, doubled for each further one.
    sign: from the URL of a hop and the URL that was asked for first, to the URL to request and headers to send. It is
        called anew at each redirect, so that it can keep a credential from other hosts.
    headers: sent with each request.
    timeout: seconds of silence of a server.
    """

    def __init__(
        self,
        client: httpx.Client | None = None,
        *,
        check_url: Callable[[str], None] | None = None,
        attempts: int = 4,
        wait: float = 1.0,
        sign: Sign | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,
    ) -> None:
        self._client, self._check = client, check_url
        self._attempts, self._wait = attempts, wait
        self._sign, self._headers, self._timeout = sign, dict(headers or {}), timeout

    def get(self, url: str, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Page:
        """GET a page. InputError (I604) on an HTTP error, an unreachable server or a page that is too large."""
        return self._ask("GET", url, params=params, headers=headers)

    def post(self, url: str, body: Any, headers: Mapping[str, str] | None = None) -> Page:
        """POST JSON; errors as of :meth:`get`."""
        return self._ask("POST", url, json=body, headers=headers)

    def check(self, url: str) -> None:
        """Raise what ``check_url`` raises when ``url`` may not be read."""
        if self._check is not None:
            self._check(url)

    def _ask(self, method: str, url: str, **options: Any) -> Page:
        import httpx
        import tenacity

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=tenacity.wait_exponential(multiplier=self._wait, max=60) + tenacity.wait_random(0, self._wait),
            retry=tenacity.retry_if_exception(_is_passing),
            reraise=True,
        )
        try:
            return retrying(self._once, method, url, options)
        except httpx.HTTPStatusError as error:
            raise _status_error(error) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            message = f"no answer: {type(error).__name__}: {redact_text(str(error))}"
            raise InputError(
                message, code="I604", where=redact_url(url), hint="is the server up, the URL right?"
            ) from None

    def _once(self, method: str, url: str, options: Mapping[str, Any]) -> Page:
        import httpx

        if self._client is not None:
            return self._follow(self._client, method, url, options)
        # No netrc or proxy credentials of the environment: what is sent is what `sign` says.
        with httpx.Client(timeout=self._timeout, auth=_unsigned) as client:
            return self._follow(client, method, url, options)

    def _follow(self, client: httpx.Client, method: str, url: str, options: Mapping[str, Any]) -> Page:
        first = url
        options = {**options, "headers": {**self._headers, **(options.get("headers") or {})}}
        request = client.build_request(method, url, **options)
        for _ in range(10):
            self.check(str(request.url))
            request = self._signed(client, request, first)
            response = client.send(request, stream=True, follow_redirects=False)
            try:
                if response.next_request is None:
                    return _page(response)
                request = response.next_request
            finally:
                response.close()
        raise InputError("more than 10 redirects", code="I604", where=redact_url(url))

    def _signed(self, client: httpx.Client, request: httpx.Request, first: str) -> httpx.Request:
        if self._sign is None:
            return request
        url, headers = self._sign(str(request.url), first)
        if url != str(request.url):
            kept = {k: v for k, v in request.headers.items() if k.lower() != "host"}
            request = client.build_request(request.method, url, headers=kept, content=request.read())
        request.headers.update(headers)
        return request


def _unsigned(request: httpx.Request) -> httpx.Request:
    return request


def _page(response: httpx.Response) -> Page:
    response.raise_for_status()
    content = bytearray()
    for part in response.iter_bytes():
        content += part
        if len(content) > LARGEST_PAGE:
            message = f"the page is larger than {LARGEST_PAGE >> 20} MiB"
            raise InputError(
                message, code="I604", where=redact_url(str(response.url)), hint="is it an index, or a data file?"
            )
    media_type = response.headers.get("content-type", "").split(";")[0].strip().lower()
    return Page(str(response.url), bytes(content), media_type, response.headers)


def _is_passing(error: BaseException) -> bool:
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _BUSY
    return isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)


def _status_error(error: httpx.HTTPStatusError) -> InputError:
    status = error.response.status_code
    hints = {
        401: "the source needs credentials: name them under fetch.auth",
        403: "the server refuses: are credentials or an agreement needed?",
        404: "is the URL right, and does the folder exist already?",
        429: "the server asks for fewer requests: try later",
    }
    message = f"the server answered {status} {error.response.reason_phrase}"
    return InputError(
        message, code="I604", where=redact_url(str(error.request.url)), hint=hints.get(status, "try later")
    )
