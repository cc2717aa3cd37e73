"""Requests to an object store again, when the store or the way to it failed for a moment: a bounded number of times.

The clients of gcsfs and s3fs retry what they know as transient by themselves. What passes through them (a connection that
breaks in the middle of an answer, a 503 that lasts) is tried here again with growing pauses. All requests of this
program may be done twice: puts write the same bytes, deletes of what is gone are nothing, and conditional puts look at
what is there when they are refused (see ``conditional.py``).
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from pangeo_forge.errors import PangeoForgeError, TargetError

T = TypeVar("T")

TRIES = 5
LONGEST_PAUSE = 10.0
"""Seconds."""
CONNECT_TIMEOUT = 15
"""Seconds; botocore's own 60, five by five times, would be a hang."""

_LASTING = (FileNotFoundError, PermissionError, FileExistsError, IsADirectoryError, NotADirectoryError)
_STATUS = ("code", "status", "status_code")


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(error, (PangeoForgeError, *_LASTING)) or not isinstance(error, Exception):
        return False
    status = next((getattr(error, name) for name in _STATUS if getattr(error, name, None) is not None), None)
    try:
        number = int(status) if status is not None else None
    except (TypeError, ValueError):
        number = None
    if number is not None:
        return number in (408, 425, 429) or number >= 500
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError) or module in ("aiohttp", "botocore", "google", "requests", "asyncio")


def retried(request: Callable[[], T], *, tries: int = TRIES, pause: float | None = None) -> T:
    """The answer to ``request``, which may be sent ``tries`` times; the last error when none succeeds.

    Parameters
    ----------
    pause: seconds before the second try; later ones double, with jitter. Default: 0.5 s, or what
        ``PANGEO_FORGE_RETRY_PAUSE`` says.
    """
    from tenacity import Retrying

    return Retrying(**_policy(tries, pause))(request)


async def retried_async(request: Callable[[], Awaitable[T]], *, tries: int = TRIES, pause: float | None = None) -> T:
    """The same for a coroutine."""
    from tenacity import AsyncRetrying

    async def attempt() -> T:
        return await request()

    return await AsyncRetrying(**_policy(tries, pause))(attempt)


def _policy(tries: int, pause: float | None) -> dict[str, Any]:
    from tenacity import retry_if_exception, stop_after_attempt, wait_random_exponential

    first = float(os.environ.get("PANGEO_FORGE_RETRY_PAUSE", "0.5")) if pause is None else pause
    return {
        "stop": stop_after_attempt(tries),
        "wait": wait_random_exponential(multiplier=first, max=LONGEST_PAUSE),
        "retry": retry_if_exception(is_transient),
        "reraise": True,
    }


def client_options(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """fsspec options by which a client leaves retries to s3fs and to us.

    botocore tries each request five times, s3fs each of these, and we each of those: a store that is down would be an error
    after some minutes only.
    """
    made = dict(options)
    if url.startswith(("s3://", "s3a://")):
        config = dict(made.get("config_kwargs") or {})
        config.setdefault("retries", {"total_max_attempts": 1})
        config.setdefault("connect_timeout", CONNECT_TIMEOUT)
        made["config_kwargs"] = config
    return made


def unreachable(error: Exception, url: str) -> Exception:
    """The user's words for a store that does not answer as a store; errors that are the user's already stay."""
    if isinstance(error, PangeoForgeError):
        return error
    if isinstance(error, PermissionError):
        return TargetError(
            f"may not be read or written: {str(error)[:200] or 'permission denied'}",
            code="T011",
            where=url,
            hint="see whether these are the right credentials, and whether they may read and write there",
        )
    return TargetError(
        f"the store does not answer as it should: {type(error).__name__}: {str(error)[:200]}",
        code="T013",
        where=url,
        hint="see whether the address, the endpoint and the credentials are right, then run again; what is done is kept",
    )
