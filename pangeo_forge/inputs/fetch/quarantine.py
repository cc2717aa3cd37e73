"""Inputs that could not be had: kept aside with key, URL and cause, so that one does not end a run of 10,000."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.fetch.model import FetchedInput, FetchItem

_SHOWN = 20


@dataclass(frozen=True)
class FailedInput:
    """One input that is not here, and why."""

    label: str
    url: str
    """Without secrets."""
    code: str
    message: str
    hint: str | None = None

    @property
    def absent(self) -> bool:
        """True when the server says that it does not exist: what ``on_missing`` decides about."""
        return self.code == "I301"

    @classmethod
    def of(cls, item: FetchItem, url: str, error: PangeoForgeError) -> FailedInput:
        """The record of ``error`` for ``item``; ``url`` is the redacted one."""
        return cls(item.label, url, error.code, error.message, error.hint)

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        return {"label": self.label, "url": self.url, "code": self.code, "message": self.message, "hint": self.hint}


@dataclass(frozen=True)
class FetchOutcome:
    """What became of a list of inputs. ``fetched[i]`` is None where input i failed; ``failed`` has those, in order."""

    fetched: tuple[FetchedInput | None, ...]
    failed: tuple[FailedInput, ...]

    def settle(self, policy: str = "fail") -> FetchOutcome:
        """Apply ``on_missing``. ``fail``: raises I316 for any; ``skip`` and ``fill`` let absent inputs pass only.

        A server that broke down is no missing input: turning it into a gap would be a silently wrong dataset.
        """
        bad = [f for f in self.failed if policy == "fail" or not f.absent]
        if bad:
            raise quarantined(bad, len(self.fetched))
        return self


def quarantined(failed: Sequence[FailedInput], total: int) -> InputError:
    """One error for all inputs that failed, as a table."""
    rows = [f"  {f.label or '-'}  {f.url}: {f.message} [{f.code}]" for f in failed[:_SHOWN]]
    if len(failed) > _SHOWN:
        rows.append(f"  ... and {len(failed) - _SHOWN} more")
    hints = {f.hint for f in failed if f.hint}
    text = f"{len(failed)} of {total} inputs could not be fetched (the others are in the cache):\n" + "\n".join(rows)
    return InputError(
        text,
        code="I316",
        hint=hints.pop() if len(hints) == 1 else "run again: only those are fetched; or set `on_missing`",
    )
