"""Whether inputs stood still while a run read them: the scan and the write must see the same files.

Copies in the cache never change. Inputs that are read in place may be replaced by whoever owns them, by files of the same
layout too, and then values would be written under dates that are not theirs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.address import local_path
from pangeo_forge.pipeline.prepare_inputs import LedgerEntry

SHOWN = 5
CHANGED = "I002"


def refuse_changed(entries: Iterable[LedgerEntry]) -> None:
    """Raise when a local input is not the file that was scanned, as far as size and time of change tell.

    Raises
    ------
    InputError: I002, naming the inputs.
    """
    changed = [entry.label for entry in entries if _has_changed(entry)]
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise InputError(
            f"{len(changed)} input{'s' if len(changed) > 1 else ''} changed while the run read them: "
            f"{', '.join(changed[:SHOWN])}{more}",
            code=CHANGED,
            hint="run again when nothing writes to them",
        )


def _has_changed(entry: LedgerEntry) -> bool:
    path = local_path(entry.url)
    if path is None or entry.last_modified is None or os.path.isdir(path):
        return False
    try:
        now = os.stat(path)
    except OSError:
        return True
    return (now.st_size, datetime.fromtimestamp(now.st_mtime, UTC).isoformat()) != (entry.size, entry.last_modified)
