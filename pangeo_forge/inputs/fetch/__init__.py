"""Inputs are copied once, whole or not at all, politely and resumably, and the cache holds what the server had.

The public names; see ``docs/fetch.md`` for the cache's layout, credentials and politeness.
"""

from __future__ import annotations

from pangeo_forge.inputs.fetch.cache import Cache
from pangeo_forge.inputs.fetch.credentials import Redactor, Secret, Secrets
from pangeo_forge.inputs.fetch.entries import Entry
from pangeo_forge.inputs.fetch.fetcher import Fetcher
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.inputs.fetch.inventory import list_entries, prune_entries, verify_entries
from pangeo_forge.inputs.fetch.model import FetchedInput, FetchItem, Remote
from pangeo_forge.inputs.fetch.options import Auth, FetchOptions
from pangeo_forge.inputs.fetch.politeness import Politeness
from pangeo_forge.inputs.fetch.progress import Cost, Progress, Snapshot
from pangeo_forge.inputs.fetch.quarantine import FailedInput, FetchOutcome

__all__ = [
    "Auth",
    "Cache",
    "Cost",
    "Entry",
    "FailedInput",
    "FetchItem",
    "FetchOptions",
    "FetchOutcome",
    "FetchedInput",
    "Fetcher",
    "Guard",
    "Politeness",
    "Progress",
    "Redactor",
    "Remote",
    "Secret",
    "Secrets",
    "Snapshot",
    "list_entries",
    "prune_entries",
    "verify_entries",
]
