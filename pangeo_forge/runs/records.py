"""One immutable JSON record a run, in the dataset's home: who, when, what, and how it ended, failures included.

``runs/<run>.json``; that of a scheduled run also tells by its name which slot it served, its try and its end:
``runs/<run>_2026-11-25T0600Z_1_done.json``. So a listing says how a schedule stands, and no record need be read.
"""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from typing import Any

from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.runs.occasion import Occasion
from pangeo_forge.targets.conditional import Conflict, put_if
from pangeo_forge.targets.objects import ObjectStore

FOLDER = "runs"
RECORD_VERSION = 1


def write_record(objects: ObjectStore, run_id: str, document: Mapping[str, Any]) -> str:
    """Keep a record; one that is there already is never changed."""
    data = json.dumps({**document, "who": who()}, indent=1, default=str).encode()
    for name in chain((run_id,), (f"{run_id}-{n}" for n in count(1))):
        key = _key_of(name, document)
        try:
            put_if(objects, key, data, None)
        except Conflict:
            continue
        break
    return f"{objects.url}/{key}"


def failure(
    recipe_id: str,
    fingerprint: str,
    run_id: str,
    began: str,
    seconds: float,
    error: BaseException,
    warnings: tuple[str, ...],
    work: Mapping[str, Any],
) -> dict[str, Any]:
    """The record of a run that failed or was stopped."""
    from pangeo_forge.runs.versions import installed_versions

    if isinstance(error, PangeoForgeError):
        said = error.to_json()
    else:
        # The text of a foreign error may hold anything, a URL with a secret too; its kind is enough here.
        said = {"code": "X000", "message": type(error).__name__, "where": None, "hint": None}
    return {
        "record_version": RECORD_VERSION,
        "outcome": "stopped" if isinstance(error, KeyboardInterrupt) else "failed",
        "recipe_id": recipe_id,
        "fingerprint": fingerprint,
        "run_id": run_id,
        "began": began,
        "seconds": seconds,
        "error": said,
        "warnings": list(warnings),
        "work": dict(work),
        "versions": installed_versions(),
    }


@dataclass(frozen=True)
class RecordName:
    """What the name of a record tells."""

    key: str
    run_id: str
    slot: str | None = None
    """The slot that the run served; None: nobody's, but the user's."""
    attempt: int = 1
    outcome: str = ""

    @classmethod
    def of(cls, key: str) -> RecordName:
        """Read a key."""
        parts = key.removeprefix(f"{FOLDER}/").removesuffix(".json").split("_")
        if len(parts) != 4 or not parts[2].isdigit():
            return cls(key, parts[0])
        slot = f"{parts[1][:13]}:{parts[1][13:]}" if parts[1].endswith("Z") else parts[1]
        return cls(key, parts[0], slot, int(parts[2]), parts[3])

    @property
    def began(self) -> datetime | None:
        """When the run began, as the clock of its machine said."""
        try:
            seconds = datetime.fromisoformat(self.run_id[:15]).replace(tzinfo=UTC)
            return seconds + timedelta(milliseconds=int(self.run_id[15:18]))
        except ValueError:
            return None


def _key_of(run_id: str, document: Mapping[str, Any]) -> str:
    occasion = Occasion.of_record(document)
    if occasion is None:
        return f"{FOLDER}/{run_id}.json"
    slot = occasion.slot.replace(":", "")
    return f"{FOLDER}/{run_id}_{slot}_{occasion.attempt}_{document['outcome']}.json"


def list_records(objects: ObjectStore) -> list[RecordName]:
    """Names of all records, the latest first; none is read."""
    return [RecordName.of(k) for k in sorted((k for k in objects.list(FOLDER) if k.endswith(".json")), reverse=True)]


def read_record(objects: ObjectStore, name: RecordName) -> dict[str, Any] | None:
    """One record; None when it is not there, or damaged."""
    data = objects.get(name.key)
    try:
        found = None if data is None else json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def read_records(objects: ObjectStore, last: int | None = None) -> Iterator[dict[str, Any]]:
    """Records, the latest first."""
    for name in list_records(objects)[:last]:
        data = objects.get(name.key)
        if data is not None:
            yield json.loads(data)


def who() -> dict[str, str]:
    """User and machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "unknown"
    return {"user": user, "host": socket.gethostname()}
