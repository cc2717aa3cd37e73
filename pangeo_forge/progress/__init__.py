"""What a run tells while it works, from whichever process the work is done in.

::

    worker ── Reporter ──(threads of the driver)──────────────┐
    worker ── Reporter ── Beacon ── small file ── Monitor ────┴── Screen ── front end

Work is pickled functions that may run in other threads, processes or machines, so it names a :class:`Channel` instead of
holding a front end: :func:`at` finds the reporter of this process. The driver's :class:`Monitor` gathers what all report,
and sees when nothing moves any more.
"""

from pangeo_forge.progress.channels import Channel, at, channel, give_up, monitor_of, verdict
from pangeo_forge.progress.front_end import Progress, Recorder, Silent
from pangeo_forge.progress.reporter import Reporter, Stopped
from pangeo_forge.progress.stall import NEVER, Patience

__all__ = [
    "NEVER",
    "Channel",
    "Patience",
    "Progress",
    "Recorder",
    "Reporter",
    "Silent",
    "Stopped",
    "at",
    "channel",
    "give_up",
    "monitor_of",
    "verdict",
]
