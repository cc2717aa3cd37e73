"""A worker process's report: a small JSON file that it puts over its last one, in a folder that the driver reads."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from pangeo_forge.progress.reporter import Doing, Reporter, Stage

STOP = "stop"
"""Put by the driver when it gives the run up."""
ENDING = ".json"
READERS = 16


@dataclass(frozen=True)
class Report:
    """The state of one worker process."""

    worker: str
    stages: dict[str, Stage]
    doing: tuple[Doing, ...] = ()
    notes: tuple[str, ...] = ()
    noted: int = 0

    @classmethod
    def of(cls, reporter: Reporter, worker: str) -> Report:
        """What a reporter knows now."""
        stages = {k: Stage(**asdict(v)) for k, v in list(reporter.stages.items())}
        return cls(worker, stages, tuple(reporter.under_way()), tuple(reporter.notes), reporter.noted)

    def is_news(self, other: Report | None) -> bool:
        """Whether this tells more than ``other`` but that time has passed."""
        if other is None:
            return True
        mine, theirs = ((r.stages, [(d.step, d.name) for d in r.doing], r.noted) for r in (self, other))
        return mine != theirs

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Report:
        """Inverse of :meth:`to_bytes`."""
        found = json.loads(data)
        stages = {k: Stage(**v) for k, v in found["stages"].items()}
        doing = tuple(Doing(**{**d, "worker": found["worker"]}) for d in found["doing"])
        return cls(found["worker"], stages, doing, tuple(found["notes"]), found["noted"])


@dataclass(frozen=True)
class ReportFolder:
    """Where reports are: a local folder or any fsspec URL. Picklable."""

    url: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return "://" not in self.url

    def make(self) -> None:
        """Make a local folder. Workers do not: when it is gone, the run is over."""
        if self.is_local:
            os.makedirs(self.url, exist_ok=True)

    def put(self, name: str, data: bytes) -> None:
        """Store a file whole."""
        path = self._path(name)
        if self.is_local:
            draft = f"{path}.{os.getpid()}.writing"
            with open(draft, "wb") as file:
                file.write(data)
            os.replace(draft, path)
        else:
            self._filesystem[0].pipe_file(path, data)

    def exists(self, name: str) -> bool:
        """Whether a file is there."""
        if self.is_local:
            return os.path.exists(self._path(name))
        self._filesystem[0].invalidate_cache()
        return bool(self._filesystem[0].exists(self._path(name)))

    def changed(self, tags: dict[str, object]) -> Iterator[tuple[str, Report]]:
        """Reports that are not as ``tags`` tells, by file; takes the new tags down. One listing, one get for each."""
        wanted = [(name, tag) for name, tag in self._list() if tag is None or tags.get(name) != tag]
        if not wanted:
            return
        with ThreadPoolExecutor(min(READERS, len(wanted))) as pool:
            for (name, tag), report in zip(wanted, pool.map(lambda w: self._report(w[0]), wanted), strict=True):
                if report is not None:
                    tags[name] = tag
                    yield name, report

    def clear(self) -> None:
        """Remove all that is in it."""
        with suppress(Exception):
            if self.is_local:
                for entry in os.scandir(self.url):
                    os.unlink(entry.path)
            else:
                self._filesystem[0].rm(self._filesystem[1], recursive=True)

    def _report(self, name: str) -> Report | None:
        # A file that is gone again, or that another version wrote, tells nothing.
        with suppress(Exception):
            path = self._path(name)
            if self.is_local:
                with open(path, "rb") as file:
                    return Report.from_bytes(file.read())
            return Report.from_bytes(self._filesystem[0].cat_file(path))
        return None

    def _list(self) -> list[tuple[str, object]]:
        """Names and what tells one state of a file from another; None where the store tells nothing."""
        if self.is_local:
            with os.scandir(self.url) as found:
                return [(e.name, e.stat().st_mtime_ns) for e in found if e.name.endswith(ENDING)]
        fs, root = self._filesystem
        fs.invalidate_cache()
        try:
            rows = fs.ls(root, detail=True)
        except FileNotFoundError:
            return []
        named = [(str(r["name"]).rpartition("/")[2], _tag(r)) for r in rows if r.get("type") == "file"]
        return [(name, tag) for name, tag in named if name.endswith(ENDING)]

    def _path(self, name: str) -> str:
        return f"{self.url}/{name}" if self.is_local else f"{self._filesystem[1]}/{name}"

    @cached_property
    def _filesystem(self) -> tuple[Any, str]:
        import fsspec

        fs, root = fsspec.core.url_to_fs(self.url, **self.options)
        return fs, root.rstrip("/")

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "options": self.options}


def _tag(row: Mapping[str, Any]) -> object:
    found = [row.get(k) for k in ("ETag", "etag", "generation", "md5Hash", "mtime", "LastModified", "last_modified")]
    return repr(found) if any(v is not None for v in found) else None
