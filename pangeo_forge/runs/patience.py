"""``--stall-timeout`` and ``--stall-limit``: how long nothing may move before a run says so, and before it ends."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from pangeo_forge.errors import UsageError
from pangeo_forge.inputs.fetch.options import seconds
from pangeo_forge.progress import NEVER, Patience
from pangeo_forge.recipe.scalars import Duration

DEFAULT_TIMEOUT = "30min"
DEFAULT_LIMIT = "2h"
FOR_EVER = "never"


def patience_of(timeout: str | int | float, limit: str | int | float) -> Patience:
    """Both settings in seconds; ``never`` is allowed.

    Raises
    ------
    UsageError: U034.
    """
    return Patience(_seconds(timeout, "stall_timeout"), _seconds(limit, "stall_limit"))


def _seconds(value: str | int | float, name: str) -> float:
    if value == FOR_EVER:
        return NEVER
    try:
        return seconds(TypeAdapter(Duration).validate_python(value))
    except ValidationError:
        hint = "write a number and a unit: 90s, 30min, 2h; or never"
        raise UsageError(f"{name}: {value!r} is not a duration", code="U034", hint=hint) from None
