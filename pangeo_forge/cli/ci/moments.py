"""Moments and durations on the command line."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import click

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?")


def at_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--at``: the time to decide for."""
    return click.option(
        "--at",
        metavar="TIME",
        default=None,
        help="Decide as if it were this time, UTC: 2026-11-25T06:00. [default: now]",
    )(function)


def moment(text: str | None) -> dt.datetime:
    """The time that ``--at`` means; None: now."""
    if text is None:
        return dt.datetime.now(dt.UTC)
    try:
        found = dt.datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise click.UsageError(f"--at takes a time such as 2026-11-25T06:00 (UTC), not {text!r}")
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def seconds(text: str | None, option: str) -> float | None:
    """The seconds of a duration such as ``5h``."""
    from pangeo_forge.recipe.scalars import duration_in_seconds

    if text is None:
        return None
    try:
        found = duration_in_seconds(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError:
        found = 0.0
    if found <= 0:
        raise click.UsageError(f"{option} takes a duration such as 90min or 5h, not {text!r}")
    return found
