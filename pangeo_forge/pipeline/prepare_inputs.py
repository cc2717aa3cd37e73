"""What a worker does for a range of inputs before the plan: fetch each, open it, scan it. No Beam here."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from pangeo_forge import progress
from pangeo_forge.dataset import ahead
from pangeo_forge.dataset.archive import Archive
from pangeo_forge.dataset.combine import Combination
from pangeo_forge.dataset.model import Index, InputScan
from pangeo_forge.dataset.scan import scan_dataset
from pangeo_forge.dataset.scanning import Scanned
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.errors import CombineError, InputError, PangeoForgeError, RecipeError
from pangeo_forge.inputs.fetch import FetchedInput
from pangeo_forge.inputs.fetch.address import local_path, redact_url
from pangeo_forge.inputs.fetch.local import file_digest
from pangeo_forge.pattern.pattern import PatternItem
from pangeo_forge.pipeline.effort import Effort, Slow, slowest_of

Fetched = tuple[PatternItem, FetchedInput | PangeoForgeError | None]
"""An input, and its local copy, or why there is none; None: it is read where it is."""

ABSENT = "I301"
"""Code of the fetcher for an input that its server does not have."""


@dataclass(frozen=True)
class LedgerEntry:
    """What is known of an input that went into the dataset."""

    index: Index
    label: str
    url: str
    """Without secrets."""
    size: int | None
    etag: str | None
    last_modified: str | None
    sha256: str | None


@dataclass(frozen=True)
class FailedInput:
    """An input that could not be had or opened."""

    index: Index
    label: str
    error: PangeoForgeError
    absent: bool
    """The source says that it does not exist, as opposed to being broken."""


@dataclass(frozen=True)
class Prepared:
    """All that is known of a set of inputs; merging is associative and commutative."""

    combination: Combination
    ledger: tuple[LedgerEntry, ...] = ()
    failed: tuple[FailedInput, ...] = ()
    nbytes: int = 0
    effort: Effort = field(default_factory=Effort)

    def merge(self, other: Prepared) -> Prepared:
        """What is known of the inputs of both."""
        return Prepared.join((self, other))

    @classmethod
    def join(cls, parts: Sequence[Prepared]) -> Prepared:
        """What is known of the inputs of all."""
        return cls(
            Combination.join([p.combination for p in parts]),
            tuple(entry for p in parts for entry in p.ledger),
            tuple(failed for p in parts for failed in p.failed),
            sum(p.nbytes for p in parts),
            Effort.join([p.effort for p in parts]),
        )


@dataclass(frozen=True)
class InputPreparer:
    """Prepares ranges of inputs; picklable."""

    archive: Archive
    settings: CombineSettings
    digests: bool = False
    """Also read local inputs for their SHA-256, so that a later append can tell a touched file from a changed one."""

    def empty(self) -> Prepared:
        """Nothing known yet."""
        return Prepared(Combination.empty(self.settings))

    def prepare(self, start: int, stop: int, seen: Callable[[Effort], None] | None = None) -> Prepared:
        """Fetch, open and scan the inputs of the positions [start, stop).

        An input that fails does not stop the others: all failures are known at the end, at once.

        Parameters
        ----------
        seen: called with what each input took, when it is done.
        """
        tell = progress.at(self.archive.channel)
        ready = list(self.archive.fetch_range(start, stop))
        with tell.doing("scan", _named([item for item, _ in ready])):
            found = self._scanned(start, stop, ready)
        done = Prepared(self.empty().combination if found is None else found.combination)
        ledger: list[LedgerEntry] = []
        failed: list[FailedInput] = []
        efforts = [Effort(workers=frozenset([f"{socket.gethostname()}:{os.getpid()}"]))]
        for item, fetched in ready:
            size, good = 0, False
            seconds = 0.0 if found is None else found.seconds.get(item.index, 0.0)
            try:
                if isinstance(fetched, PangeoForgeError):
                    raise fetched
                if found is None or item.index not in found.stamps:
                    began = time.perf_counter()
                    with tell.doing("scan", item.label):
                        done.combination.add(self.archive.reading(item, partial(self._scan, item)))
                    seconds = time.perf_counter() - began
                elif item.index in found.failed:
                    self.archive.mend(item, found.failed[item.index])
                    done.combination.add(self._scan(item))
                ledger.append(_entry(item, fetched, digest=self.digests))
                size, good = ledger[-1].size or 0, True
            except (InputError, RecipeError, CombineError) as error:
                failed.append(FailedInput(item.index, item.label, error, is_absent(error)))
            effort = self._effort(item, fetched, seconds, good=good)
            efforts.append(effort)
            tell.advance("inputs", 1, size)
            if seen is not None:
                seen(effort)
        nbytes = sum(e.size or 0 for e in ledger)
        total = Effort.join(efforts)
        return replace(done, ledger=tuple(ledger), failed=tuple(failed), nbytes=nbytes, effort=total)

    def _scanned(self, start: int, stop: int, ready: Sequence[Fetched]) -> Scanned | None:
        """What is had of a range at once: scanned before it was asked for, or in one request now."""
        files = [(item, f.path) for item, f in ready if isinstance(f, FetchedInput)]
        before = ahead.take(self.archive, start, stop)
        if before is not None and all(before.is_of(item.index, path) for item, path in files):
            return before
        return ahead.scan_together(self.archive, self.settings, files)

    def _scan(self, item: PatternItem) -> InputScan:
        with self.archive.outline(item) as ds:
            return scan_dataset(
                ds,
                item.index,
                item.label,
                self.settings.concat_dims,
                key=self.archive.concat_values(item),
                decode_times=self.archive.decode_times,
            )

    def _effort(
        self, item: PatternItem, fetched: FetchedInput | PangeoForgeError | None, scan: float, *, good: bool
    ) -> Effort:
        """What one input took."""
        cost = self.archive.cost(item)
        here = isinstance(fetched, FetchedInput)
        local = fetched is None or local_path(item.url) is not None
        came = isinstance(fetched, FetchedInput) and not local and not fetched.from_cache
        slow = [Slow(cost.seconds, "fetch", item.label)] if cost.seconds else []
        if scan:
            slow.append(Slow(scan, "scan", item.label))
        return Effort(
            fetched=int(came),
            cached=int(here and not local and not came),
            in_place=int(local and not isinstance(fetched, PangeoForgeError)),
            failed=int(not good),
            scanned=int(good),
            bytes_fetched=fetched.size if isinstance(fetched, FetchedInput) and came else 0,
            retries=cost.retries,
            slowest=slowest_of(slow),
        )


def _named(items: Sequence[PatternItem]) -> str:
    """Inputs that are scanned together."""
    if len(items) < 2:
        return "".join(item.label for item in items)
    return f"{len(items)} inputs, {items[0].label} to {items[-1].label}"


def _entry(item: PatternItem, fetched: FetchedInput | None, *, digest: bool = False) -> LedgerEntry:
    if fetched is None:
        return LedgerEntry(item.index, item.label, redact_url(item.url), None, None, None, None)
    sha256 = fetched.sha256
    if digest and sha256 is None and os.path.isfile(fetched.path):
        sha256 = file_digest(fetched.path)
    return LedgerEntry(item.index, item.label, fetched.url, fetched.size, fetched.etag, fetched.last_modified, sha256)


def is_absent(error: PangeoForgeError) -> bool:
    """Whether the source said that the input does not exist."""
    return error.code == ABSENT
