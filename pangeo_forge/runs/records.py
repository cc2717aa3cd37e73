"""One immutable JSON record a run, in the dataset's home: who, when, what, and how it ended, failures included."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.targets.conditional import Conflict, put_if
from pangeo_forge.targets.objects import ObjectStore

FOLDER = "runs"
RECORD_VERSION = 1


def write_record(objects: ObjectStore, run_id: str, document: Mapping[str, Any]) -> str:
    """Keep a record; one that is there already is never changed."""
    key = f"{FOLDER}/{run_id}.json"
    data = json.dumps({**document, "who": who()}, indent=1, default=str).encode()
    try:
        put_if(objects, key, data, None)
    except Conflict:
        number = sum(1 for k in objects.list(FOLDER) if k.startswith(f"{FOLDER}/{run_id}"))
        key = f"{FOLDER}/{run_id}-{number}.json"
        objects.put(key, data)
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


def read_records(objects: ObjectStore, last: int | None = None) -> Iterator[dict[str, Any]]:
    """Records, the latest first."""
    keys = sorted((k for k in objects.list(FOLDER) if k.endswith(".json")), reverse=True)
    for key in keys[:last]:
        data = objects.get(key)
        if data is not None:
            yield json.loads(data)


def who() -> dict[str, str]:
    """User and machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):
        user = "unknown"
    return {"user": user, "host": socket.gethostname()}
