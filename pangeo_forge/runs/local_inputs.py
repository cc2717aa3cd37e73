"""Are local inputs still the files that were read? By size and date where these can be trusted, else by their bytes.

A file of the same size and date may still be another one (``cp -p``, ``rsync -t``). What nobody can set is the moment at which the
system last touched it (``st_ctime``): when that is after the run that read it, its bytes are compared. Files that have moved,
or got other rights, are read once; the home remembers that they were found the same.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from pangeo_forge.inputs.fetch.address import local_path
from pangeo_forge.inputs.fetch.local import file_digest
from pangeo_forge.pattern.pattern import PatternItem
from pangeo_forge.runs.ledger import Row
from pangeo_forge.targets.objects import ObjectStore

KEY = "checked.json"
"""Object in a dataset's home: by input, when the system last touched the file whose bytes were found to be the same."""


@dataclass
class LocalInputs:
    """Looks at the local inputs of a ledger."""

    checked: dict[str, int] = field(default_factory=dict)
    """What the object :data:`KEY` says."""
    by_date: bool = False
    """A file with another date is another one, also when its bytes are the same."""
    has_news: bool = False
    """Whether ``checked`` is to be kept."""

    @classmethod
    def of(cls, home: ObjectStore, *, by_date: bool = False) -> LocalInputs:
        """With what earlier runs have found."""
        data = home.get(KEY)
        return cls({} if data is None else json.loads(data), by_date)

    def keep(self, home: ObjectStore) -> None:
        """For later runs."""
        if self.has_news:
            home.put(KEY, json.dumps(self.checked, separators=(",", ":")).encode())

    def verdict(self, item: PatternItem, row: Row) -> str:
        """``same``, ``changed``, ``gone``, or ``remote``: it is not local."""
        path = local_path(item.url)
        if path is None:
            return "remote"
        try:
            status = os.stat(path)
        except OSError:
            return "gone"
        if row.size is None:
            # A store of many files is read where it is; nothing tells cheaply whether it is the same.
            return "same"
        if status.st_size != row.size:
            return "changed"
        same_date = datetime.fromtimestamp(status.st_mtime, UTC).isoformat() == row.last_modified
        if not same_date and self.by_date:
            return "changed"
        if same_date and (status.st_ctime_ns <= _began(row.run) or row.sha256 is None):
            return "same"
        if self.checked.get(row.identity) == status.st_ctime_ns:
            return "same"
        if row.sha256 is None or not os.path.isfile(path) or file_digest(path) != row.sha256:
            return "changed"
        self.checked[row.identity], self.has_news = status.st_ctime_ns, True
        return "same"


@lru_cache(maxsize=1024)
def _began(run: str) -> int:
    """When a run began, in nanoseconds, from its id (``20261122T101500123-...``); far in the future when it tells nothing."""
    try:
        moment = datetime.strptime(run[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return int(moment.timestamp()) * 10**9 + int(run[15:18]) * 10**6
    except ValueError:
        return 2**63
