"""The ``fetch`` section of a recipe as plain data that a worker can use: durations in seconds, rates per second."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.errors import InputError

EARTHDATA_HOST = "urs.earthdata.nasa.gov"
KINDS = ("basic", "bearer", "earthdata", "netrc", "query", "s3")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "D": 86400.0, "d": 86400.0}


@dataclass(frozen=True)
class Auth:
    """How to sign in. The secret is named, never held."""

    kind: str
    secret: str | None = None
    """Name of the secret; optional for ``netrc`` (then ``~/.netrc``)."""
    parameter: str | None = None
    """Query parameter that carries the secret of kind ``query``."""
    hosts: tuple[str, ...] = ()
    """Hosts that may be shown the secret besides the input's own (besides Earthdata's login for kind earthdata)."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(
                f"unknown way of signing in {self.kind!r}", code="I300", hint=f"known are {', '.join(KINDS)}"
            )
        if self.secret is None and self.kind != "netrc":
            raise InputError(f"auth kind {self.kind} needs a secret", code="I300", hint="name it: auth: {secret: NAME}")


@dataclass(frozen=True)
class FetchOptions:
    """How inputs are copied."""

    cache: bool = True
    max_concurrency: int = 8
    """Connections at a time to one host, across all workers of the run."""
    rate: float | None = None
    """Requests a second to one host, across all workers of the run."""
    retries: int = 5
    """Attempts after the first."""
    timeout: float = 60.0
    """Seconds: to connect, to the first byte, and of silence in between."""
    ranges: bool = True
    """False: never ask for a part of a file."""
    storage_options: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    auth: Auth | None = None
    max_pause: float = 300.0
    """Seconds that one pause between two attempts may take, whatever Retry-After says."""
    first_pause: float = 1.0
    """Seconds of the first pause; the next ones double, with jitter."""
    parallel_over: int = 64 * 2**20
    """Bytes above which a file is fetched as parallel ranges."""

    @classmethod
    def from_recipe(cls, fetch: Any) -> FetchOptions:
        """Options from a recipe's ``fetch`` section (or anything with the same attributes)."""
        auth = fetch.auth
        made = (
            None
            if auth is None
            else Auth(auth.kind, auth.secret, auth.parameter, tuple(getattr(auth, "hosts", None) or ()))
        )
        return cls(
            cache=fetch.cache,
            max_concurrency=fetch.max_concurrency,
            rate=None if fetch.rate is None else per_second(fetch.rate),
            retries=fetch.retries,
            timeout=seconds(fetch.timeout),
            ranges=fetch.ranges,
            storage_options=dict(fetch.storage_options),
            headers=dict(fetch.headers),
            auth=made,
        )

    @property
    def secret_parameters(self) -> frozenset[str]:
        """Query parameters whose values are secret."""
        return frozenset({self.auth.parameter}) if self.auth and self.auth.parameter else frozenset()


def seconds(duration: str | int | float) -> float:
    """``60s``, ``5min``, ``1h``, or a number of seconds, as seconds."""
    if isinstance(duration, int | float):
        return float(duration)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|D|d)?\s*", duration)
    if not found:
        raise InputError(f"{duration!r} is not a duration", code="I300", hint="write e.g. 60s, 5min or 1h")
    return float(found[1]) * _UNITS[found[2] or "s"]


def per_second(rate: str | int | float) -> float:
    """``5/s``, ``100/min``, ``1000/h``, or a number a second, as a number a second."""
    if isinstance(rate, int | float):
        return float(rate)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d*(?:ms|s|min|m|h|D|d))\s*", rate)
    if not found or not float(found[1]):
        raise InputError(f"{rate!r} is not a rate", code="I300", hint="write e.g. 5/s or 100/min")
    unit = found[2] if found[2][0].isdigit() else "1" + found[2]
    return float(found[1]) / seconds(unit)
