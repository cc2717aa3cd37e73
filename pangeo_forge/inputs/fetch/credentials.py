"""Secrets: named in recipes, bound by the bakery or the environment, shown nowhere.

``PANGEO_FORGE_SECRET_<NAME>`` holds the value of secret NAME: upper case, and
every character that is not a letter or digit as ``_``;
``PANGEO_FORGE_SECRET_<NAME>_HOSTS`` lists, with commas, the hosts that may be shown it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import quote

from pangeo_forge.errors import InputError

Provider = Mapping[str, "Secret | str"] | Callable[[str], "Secret | str | None"]
_PREFIX = "PANGEO_FORGE_SECRET_"


class Secret:
    """A value that never shows itself: ``repr``, ``str`` and formatting print a mask, and pickling it fails.

    Parameters
    ----------
    value: the secret itself.
    hosts: hosts that may be shown it (``example.org`` or ``*.example.org``); empty: those that the recipe's URL names.
    """

    __slots__ = ("_value", "hosts")

    def __init__(self, value: str, hosts: tuple[str, ...] = ()) -> None:
        self._value = value
        self.hosts = hosts

    def reveal(self) -> str:
        """The value. Call it where the value is sent, and nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is not pickled: a graph or a log would hold it; workers resolve secrets by name")


class Redactor:
    """Masks secrets in any text: log records, tracebacks, reports.

    Parameters
    ----------
    guards_process: from the first secret on, all log records and tracebacks of this process are masked, whichever
        library writes them and whichever handler is added later.
    """

    def __init__(self, *, guards_process: bool = False) -> None:
        self._guards_process = guards_process
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def learn(self, value: str) -> None:
        """Mask ``value``, its parts (``user:password``) and its URL-encoded form from now on."""
        import base64

        parts = {value, *(p for p in re.split(r"[:\s=]", value) if len(p) >= 6)}
        forms = parts | {quote(p, safe="") for p in parts} | {base64.b64encode(value.encode()).decode()}
        with self._lock:
            guard, self._guards_process = self._guards_process, False
            if forms - self._values:
                self._values |= {f for f in forms if len(f) >= 4}
                longest_first = sorted(self._values, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        if guard:
            self.guard_logging()
            self.guard_tracebacks()

    def __call__(self, text: str) -> str:
        """``text`` with every known secret masked."""
        return self._pattern.sub("***", text) if self._pattern else text

    def masked(self, value: Any) -> Any:
        """JSON-able data with every known secret masked in its texts."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {k: self.masked(v) for k, v in value.items()}
        return [self.masked(v) for v in value] if isinstance(value, list | tuple) else value

    def filter(self, record: logging.LogRecord) -> bool:
        """A ``logging`` filter that masks the message (add it to handlers: ``handler.addFilter(redactor.filter)``)."""
        if self._pattern:
            record.msg, record.args = self(record.getMessage()), ()
            if record.exc_info:
                record.exc_text = self(logging.Formatter().formatException(record.exc_info))
                record.exc_info = None
        return True

    def guard_logging(self) -> None:
        """Mask every log record of this process as it is made, so that no handler sees a secret."""
        make = logging.getLogRecordFactory()

        def masked(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make(*args, **kwargs)
            self.filter(record)
            return record

        logging.setLogRecordFactory(masked)

    def guard_tracebacks(self) -> None:
        """Mask what uncaught exceptions print in this process, those of threads included."""
        import traceback

        def hook(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
            sys.stderr.write(self("".join(traceback.format_exception(kind, error, trace))))

        def thread_hook(args: threading.ExceptHookArgs) -> None:
            if args.exc_type is not SystemExit:
                hook(args.exc_type, args.exc_value, args.exc_traceback)

        sys.excepthook, threading.excepthook = hook, thread_hook


REDACTOR = Redactor(guards_process=True)
"""The process's redactor: every secret that is resolved is learned by it."""


class Secrets:
    """Resolves names of secrets: first the bakery's mapping (or callable), then the environment.

    Only names travel to workers; values are resolved where they are used and never kept in a graph or a cache key.
    """

    def __init__(self, provider: Provider | None = None, *, redactor: Redactor | None = None) -> None:
        self._provider = provider
        self._redactor = redactor or REDACTOR

    def resolve(self, name: str) -> Secret:
        """The secret called ``name``; asked anew on each call, so that a provider may hand out a fresh token.

        Raises InputError I309 when nobody knows it.
        """
        value: Secret | str | None = None
        if callable(self._provider):
            value = self._provider(name)
        elif self._provider is not None:
            value = self._provider.get(name)
        if value is None:
            value = _from_environment(name)
        if value is None:
            raise InputError(
                f"no value for secret {name!r}",
                code="I309",
                hint=f"set {environment_name(name)}, or bind it in the bakery",
            )
        # Files that hold a secret end with a line break, which is not part of it.
        secret = value if isinstance(value, Secret) else Secret(value.strip())
        self._redactor.learn(secret.reveal())
        return secret


def environment_name(name: str) -> str:
    """The variable that holds secret ``name``: ``edl-token`` is ``PANGEO_FORGE_SECRET_EDL_TOKEN``."""
    return _PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _from_environment(name: str) -> Secret | None:
    variable = environment_name(name)
    value = os.environ.get(variable)
    if not value:
        return None
    hosts = os.environ.get(variable + "_HOSTS", "")
    return Secret(value.strip(), tuple(h.strip().lower() for h in hosts.split(",") if h.strip()))


def host_matches(host: str, patterns: tuple[str, ...]) -> bool:
    """True when ``host`` is one of ``patterns``, or under one of the form ``*.example.org``."""
    host = host.lower()
    return any(host == p or (p.startswith("*.") and host.endswith(p[1:])) for p in (q.lower() for q in patterns))
