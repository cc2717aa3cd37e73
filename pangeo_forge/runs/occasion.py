"""Why a run happens: the slot of a feedstock's schedule that it serves. It is kept in the run's record."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.errors import AutomationError
from pangeo_forge.targets.objects import ObjectStore

KEY = "schedule"
"""Of a run's record: the occasion."""


@dataclass(frozen=True)
class Occasion:
    """One try of one slot; without a slot only the time that a run has."""

    feedstock: str
    slot: str
    attempt: int = 1
    date: dt.date | None = None
    """The date that the recipe takes for today; None: that of the clock."""
    confirm: Callable[[ObjectStore], None] | None = field(default=None, compare=False, repr=False)
    """Called with the dataset's home once the run holds its lease; raises when the slot is another's by now. A scheduler
    decides before the run has the lease, so that two which tick in the same instant come to the same decision."""

    def to_json(self) -> dict[str, Any]:
        """What the run's record holds."""
        if not self.slot:
            return {}
        return {KEY: {"feedstock": self.feedstock, "slot": self.slot, "attempt": self.attempt}}

    deadline: float | None = None
    """When the run's time is over, on the monotonic clock of this machine; whoever started it stops it then."""
    timeout: str = ""
    """The time that it has, as it was written."""

    def cause(self, error: BaseException) -> BaseException:
        """Why a run really ended: being stopped after its deadline is a failure of its own."""
        late = self.deadline is not None and time.monotonic() >= self.deadline
        return out_of_time(self.timeout) if late and isinstance(error, KeyboardInterrupt) else error

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Occasion | None:
        """The occasion of a run; None: it was nobody's but the user's."""
        said = record.get(KEY)
        try:
            return cls(str(said["feedstock"]), str(said["slot"]), int(said["attempt"])) if said else None
        except (KeyError, TypeError, ValueError):
            return None


def out_of_time(timeout: str) -> AutomationError:
    """A run was stopped because its time was over."""
    return AutomationError(
        f"ran longer than its timeout of {timeout}, and was stopped",
        code="A030",
        hint="what is done is kept and the next try goes on from there; a longer `timeout` in the feedstock lets it end",
    )
