"""How often and after which pauses an attempt is repeated: tenacity's loop with our conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential, wait_random

from pangeo_forge.inputs.fetch.failure import Transient, gave_up
from pangeo_forge.inputs.fetch.options import FetchOptions

T = TypeVar("T")
GAIN = 8 * 2**20
"""Bytes that an attempt must add to a resumable file so as not to count: large files over bad lines arrive."""


def with_retries(
    attempt: Callable[[], T], options: FetchOptions, where: str, before_sleep: Callable[[Transient, float], None]
) -> T:
    """What ``attempt`` returns, tried until it does or ``options.retries`` failures stand in a row.

    Pauses double from ``options.first_pause`` with jitter; never shorter than a Retry-After (up to ``max_pause``).
    ``before_sleep`` gets the failure and the pause. Raises InputError I304 at the end.
    """
    try:
        return attempt()
    except Transient as error:
        first: Transient | None = error
    counted = 0
    # Not wait_exponential_jitter, whose first parameter changes its name in tenacity 9.2.
    jitter = wait_random(0, options.first_pause)
    backoff = wait_exponential(multiplier=options.first_pause, max=options.max_pause)

    def stop(state: RetryCallState) -> bool:
        nonlocal counted
        failure = _failure(state)
        counted = 0 if failure.gained >= GAIN else counted + 1
        return counted > options.retries

    def wait(state: RetryCallState) -> float:
        asked = _failure(state).retry_after or 0.0
        return max(min(backoff(state) + jitter(state), options.max_pause), min(asked, options.max_pause))

    def announce(state: RetryCallState) -> None:
        before_sleep(_failure(state), state.next_action.sleep if state.next_action else 0.0)

    def again() -> T:
        # The first attempt was made outside of tenacity, whose loop costs as much as fetching a small file.
        nonlocal first
        if first is not None:
            failure, first = first, None
            raise failure
        return attempt()

    loop = Retrying(stop=stop, wait=wait, retry=retry_if_exception_type(Transient), before_sleep=announce, reraise=True)
    try:
        return loop(again)
    except Transient as error:
        raise gave_up(where, options.retries + 1, error.reason) from None


def _failure(state: RetryCallState) -> Transient:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Transient) else Transient("unknown")
