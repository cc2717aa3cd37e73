"""Fetching inputs: the one door that all stages use."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.fetch.address import cache_key, host_of, redact_url, scheme_of
from pangeo_forge.inputs.fetch.cache import Cache
from pangeo_forge.inputs.fetch.copies import Copies
from pangeo_forge.inputs.fetch.credentials import REDACTOR, Provider, Secrets
from pangeo_forge.inputs.fetch.crew import Crew
from pangeo_forge.inputs.fetch.entries import Entry
from pangeo_forge.inputs.fetch.failure import Transient, refused
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.inputs.fetch.http import HttpTransfer
from pangeo_forge.inputs.fetch.lane import Lane
from pangeo_forge.inputs.fetch.local import local_input, run_check
from pangeo_forge.inputs.fetch.model import FetchedInput, FetchItem, Named, Remote, item_of
from pangeo_forge.inputs.fetch.options import FetchOptions
from pangeo_forge.inputs.fetch.partial import PartialFile
from pangeo_forge.inputs.fetch.politeness import HostGate, Politeness
from pangeo_forge.inputs.fetch.progress import Cost, Progress
from pangeo_forge.inputs.fetch.quarantine import FailedInput, FetchOutcome
from pangeo_forge.inputs.fetch.retry import with_retries
from pangeo_forge.inputs.fetch.signing import Signer
from pangeo_forge.inputs.fetch.transfer import Transfer, make_transfer
from pangeo_forge.inputs.fetch.webpage import refuse_web_page

if TYPE_CHECKING:
    from pangeo_forge.inputs.fetch.sweep import Desk, Sweep

T = TypeVar("T")
Check = Callable[[str], object]
"""Raises an InputError when the file at a path is not what it should be (``inputs.sniff.sniff``)."""


class Fetcher:
    """Brings inputs here: from the cache, or from their server into the cache. Thread-safe; make one a worker process.

    Parameters
    ----------
    options: the recipe's ``fetch`` section; defaults when None.
    cache: where copies are kept; None: in ``scratch``, for the life of this fetcher.
    secrets: values of named secrets, a mapping or a callable; the environment is asked next.
    guard: rules for an untrusted recipe; None: trusted.
    progress: where to count.
    check: called with the path of each new file before it is published. Copies in the cache were checked then.
    workers: machines that share a host's limits evenly; the processes of one machine find each other.
    scratch: local folder for copies of blobs of a remote cache; a temporary one when None.
    """

    def __init__(
        self,
        options: FetchOptions | None = None,
        cache: Cache | None = None,
        *,
        secrets: Provider | None = None,
        guard: Guard | None = None,
        progress: Progress | None = None,
        check: Check | None = None,
        politeness: Politeness | None = None,
        workers: int = 1,
        scratch: str | None = None,
    ) -> None:
        # Before anybody imports eccodes, which brings an older libcurl into the process; pycurl then refuses to load.
        with contextlib.suppress(ImportError):
            importlib.import_module("pycurl")
        self.options = options or FetchOptions()
        self._own_scratch = None if scratch else tempfile.mkdtemp(prefix="pangeo-forge-fetch-")
        self.scratch = scratch or self._own_scratch or ""
        kept = cache is not None and self.options.cache
        self.cache = cache if cache is not None and kept else Cache(os.path.join(self.scratch, "uncached"))
        self._copies = Copies(self.cache, self.scratch, kept=kept)
        self.guard = guard
        self.progress = progress or Progress()
        self._check = check
        self._politeness = politeness or Politeness(self.options.max_concurrency, self.options.rate, workers=workers)
        self._gates: dict[str, HostGate] = {}
        self._signer = Signer(self.options.auth, Secrets(secrets), guard)
        self._transfers: dict[str, Transfer] = {}
        self._also_secret = self.options.secret_parameters
        self._seen: set[int] = set()
        self._unswept: set[str] = set()
        self._lock = threading.Lock()

    def fetch(self, url: str, label: str = "", *, revalidate: bool = False, verify: bool = False) -> FetchedInput:
        """One input, whole, as a local file.

        ``revalidate`` asks the server whether a cached copy is still what it has. ``verify`` reads a cached copy again
        and compares its digest: use it when an opener stumbled over the file; it tells damage of the cache (which is
        fetched anew) from a bad source.
        Raises InputError (I301 absent, I302 access, I304 gave up, I305 web page...).
        """
        lane = self._lane()
        try:
            return self._fetch(FetchItem(url, label), lane, revalidate, verify)
        finally:
            lane.close()

    def fetch_all(self, items: Iterable[Named], *, revalidate: bool = False, verify: bool = False) -> FetchOutcome:
        """All of ``items``, several at a time. Failures do not stop the others: see :meth:`FetchOutcome.settle`."""
        todo = [item_of(i) for i in items]
        self.progress.total = (self.progress.total or 0) + len(todo)
        fetched: list[FetchedInput | None] = [None] * len(todo)
        failed: list[tuple[int, FailedInput]] = []
        for place, found in self._fetched_each(iter(todo), revalidate, verify):
            if isinstance(found, FailedInput):
                failed.append((place, found))
            else:
                fetched[place] = found
        return FetchOutcome(tuple(fetched), tuple(f for _, f in sorted(failed, key=lambda pair: pair[0])))

    def _fetched_each(
        self, items: Iterator[FetchItem], revalidate: bool, verify: bool
    ) -> Iterator[tuple[int, FetchedInput | FailedInput]]:
        def one(item: FetchItem, lane: Lane) -> FetchedInput:
            return self._fetch(item, lane, revalidate, verify)

        def here(item: FetchItem) -> FetchedInput | None:
            return self._here(item, verify, known=not revalidate)

        left: Iterator[tuple[int, FetchItem]] = enumerate(items)
        while (pair := next(left, None)) is not None:
            place, item = pair
            try:
                found = here(item)
            except PangeoForgeError as error:
                yield place, self._failed(item, error)
                continue
            if found is None:
                left = chain([pair], left)
                break
            self.progress.finished(self._name(item))
            yield place, found
        else:
            return
        desk = self._desk(here)
        if not revalidate and (sweep := self._sweep(item, desk)) is not None:
            yield from sweep.fetch(left)
            left = sweep.rest
            if sweep.ended_early:
                self._unswept.add(sweep.host)
        yield from self._each(left, one)

    def _sweep(self, item: FetchItem, desk: Desk) -> Sweep | None:
        """A sweep for the host of ``item``; None where it takes a crew: slow schemes and caches, rules, rates."""
        if scheme_of(item.url) not in ("http", "https") or self.guard is not None or not self.cache.is_local:
            return None
        from pangeo_forge.inputs.fetch.sweep import Sweep

        host, transfer = host_of(item.url), self._transfer(item.url)
        if host in self._unswept or self._politeness.rate is not None or not isinstance(transfer, HttpTransfer):
            return None
        lane = self._lane()
        return Sweep(transfer, lane.gate(item.url), host, self._politeness.slots, self._lane, desk)

    def _desk(self, here: Callable[[FetchItem], FetchedInput | None]) -> Desk:
        from pangeo_forge.inputs.fetch.sweep import Desk

        def claim(item: FetchItem) -> PartialFile | None:
            try:
                return self._copies.claim(self._key(item), wait=False)
            except BlockingIOError:
                return None

        def keep(item: FetchItem, part: PartialFile, said: Remote) -> FetchedInput:
            return self._keep(item, part, said, self._key(item))

        def begun(item: FetchItem) -> None:
            self.progress.started(self._name(item))

        def again(item: FetchItem) -> None:
            self.progress.again(self._name(item))

        def done(item: FetchItem) -> None:
            self.progress.finished(self._name(item))

        return Desk(here, claim, keep, self._where, self._failed, begun, again, done)

    def _failed(self, item: FetchItem, error: PangeoForgeError) -> FailedInput:
        self.progress.finished(self._name(item), failed=True)
        return FailedInput.of(item, self._shown(item.url), error)

    def exists(self, url: str, label: str = "") -> bool:
        """True when the server (or the disk) has ``url``; raises when that cannot be found out."""
        try:
            self.probe(url, label)
        except InputError as error:
            if error.code == "I301":
                return False
            raise
        return True

    def probe(self, url: str, label: str = "") -> Remote:
        """What the server says of ``url`` without fetching it; raises I301 when it is absent."""
        lane = self._lane()
        try:
            return self._probe(FetchItem(url, label), lane)
        finally:
            lane.close()

    def probe_all(self, items: Iterable[Named]) -> tuple[FailedInput, ...]:
        """All of ``items`` that are absent (``.absent``) or cannot be reached, in order; asks several at a time."""
        return tuple(f for f in self.ask_all(items) if isinstance(f, FailedInput))

    def ask_all(self, items: Iterable[Named]) -> tuple[Remote | FailedInput, ...]:
        """What the servers say of each of ``items``, in order; asks several at a time, fetches nothing."""
        found = self._each(enumerate(item_of(i) for i in items), self._probe)
        return tuple(f for _, f in sorted(found, key=lambda p: p[0]))

    def read(self, url: str, label: str = "", *, limit: int = 2**31) -> bytes:
        """What a service answers at an http(s) ``url``: in memory, no copy kept, as politely and signed in as a file.

        Raises InputError (I301 absent, I302 access, I303 refused or more than ``limit`` bytes, I304 gave up).
        """
        from pangeo_forge.inputs.fetch.answers import read_answer

        item, lane = FetchItem(url, label), self._lane()
        if self.guard is not None:
            self.guard.check_url(url)
        transfer = self._transfer(url)
        if not isinstance(transfer, HttpTransfer):
            raise refused(self._where(item), "a service is asked over http or https")
        try:
            return self._retried(item, lane, lambda _: read_answer(transfer, url, lane, self._where(item), limit))
        finally:
            self.progress.settled(self._name(item))
            lane.close()

    def discard(self, fetched: FetchedInput) -> None:
        """Delete the local copy if it is a temporary one; the cache keeps its own."""
        if fetched.temporary and os.path.exists(fetched.path):
            os.unlink(fetched.path)

    def close(self) -> None:
        """Delete the scratch folder, if it is the fetcher's own."""
        if self._own_scratch:
            shutil.rmtree(self._own_scratch, ignore_errors=True)

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- one input ------------------------------------------------------------------------------------------------

    def _fetch(self, item: FetchItem, lane: Lane, revalidate: bool, verify: bool) -> FetchedInput:
        if (found := self._here(item, verify, known=not revalidate)) is not None:
            return found
        self._counted(item)
        key = self._key(item)
        part = self._copies.claim(key)
        try:
            # Another worker may have fetched it while we waited for the lock.
            if not revalidate and (hit := self._copies.find(key, item, verify=verify)):
                return hit
            return self._renew(item, lane, part, self.cache.entry(key) if revalidate else None, key)
        finally:
            part.close()

    def _here(self, item: FetchItem, verify: bool, *, known: bool) -> FetchedInput | None:
        """A local input, or (``known``) what is in the cache: all that needs no network."""
        if self.guard is not None:
            self.guard.check_url(item.url)
        found = None
        if scheme_of(item.url) == "file":
            found = local_input(item, digest=verify)
        elif known:
            found = self._copies.find(self._key(item), item, verify=verify)
        if found is not None:
            self._counted(item)
        return found

    def _key(self, item: FetchItem) -> str:
        return cache_key(item.url, also=self._also_secret)

    def _renew(self, item: FetchItem, lane: Lane, part: PartialFile, known: Entry | None, key: str) -> FetchedInput:
        where = self._where(item)
        self.progress.started(self._name(item))
        unless = None if known is None else Remote(known.size, known.etag, known.last_modified)

        def attempt(transfer: Transfer, unless: Remote | None = None) -> Remote | None:
            said = transfer.download(item.url, part, lane, where, unless)
            if said is not None and said.size is None:
                self._suspect(item, part)
            return said

        try:
            remote = self._retried(item, lane, lambda t: attempt(t, unless))
            if remote is None and known is not None:
                hit = self._copies.hit(known, item)
                if hit is not None:
                    return hit
                remote = self._retried(item, lane, attempt)
            return self._keep(item, part, remote or part.remote, key)
        except InputError:
            part.remove()
            raise
        finally:
            self.progress.ended(self._name(item))

    def cost(self, url: str, label: str = "") -> Cost:
        """What fetching an input took in this process, told once; nothing when it was here already."""
        return self.progress.cost(self._name(FetchItem(url, label)))

    def _keep(self, item: FetchItem, part: PartialFile, said: Remote, key: str) -> FetchedInput:
        """Check what came, and publish it."""
        self._inspect(item, part)
        return self._copies.keep(part, said, key, self._shown(item.url), item)

    def _suspect(self, item: FetchItem, part: PartialFile) -> None:
        """What came without a length may have been cut: what the check refuses then is worth another attempt."""
        try:
            self._inspect(item, part)
        except InputError as error:
            if error.code != "I314":
                raise
            part.restart()
            raise Transient(f"{error.message}, and the server told no length") from None

    def _inspect(self, item: FetchItem, part: PartialFile) -> None:
        """Refuse what is whole but not the input: a login page, or something the opener does not know."""
        where = self._where(item)
        refuse_web_page(part.head(), item.url, where)
        if self._check is not None:
            run_check(self._check, part.path, where)

    def _probe(self, item: FetchItem, lane: Lane) -> Remote:
        if self.guard is not None:
            self.guard.check_url(item.url)
        self._counted(item)
        if scheme_of(item.url) == "file":
            found = local_input(item)
            return Remote(found.size, None, found.last_modified, True)
        return self._retried(item, lane, lambda t: t.stat(item.url, lane, self._where(item)))

    def _counted(self, item: FetchItem) -> None:
        if self.guard is not None:
            with self._lock:
                self._seen.add(hash(item.url))
            self.guard.check_count(len(self._seen))

    # -- machinery ------------------------------------------------------------------------------------------------

    def _retried(self, item: FetchItem, lane: Lane, attempt: Callable[[Transfer], T]) -> T:
        transfer = self._transfer(item.url)
        name = self._name(item)

        def before_sleep(failure: Transient, pause: float) -> None:
            if failure.retry_after:
                lane.gate(item.url).pause(min(failure.retry_after, self.options.max_pause))
            lane.close()  # a slot is not slept on
            self.progress.retrying(name, f"{failure.reason}; again in {pause:.0f} s")

        return with_retries(lambda: attempt(transfer), self.options, self._where(item), before_sleep)

    def _transfer(self, url: str) -> Transfer:
        scheme = scheme_of(url)
        with self._lock:
            if scheme not in self._transfers:
                self._transfers[scheme] = make_transfer(scheme, self.options, self._signer, self.guard, self.progress)
            return self._transfers[scheme]

    def _lane(self) -> Lane:
        return Lane(self._politeness, self._gates)

    def _shown(self, url: str) -> str:
        return REDACTOR(redact_url(url, also=self._also_secret))

    def _name(self, item: FetchItem) -> str:
        return item.label or self._shown(item.url)

    def _where(self, item: FetchItem) -> str:
        shown = self._shown(item.url)
        return f"{item.label} ({shown})" if item.label and item.label != item.url else shown

    def _each(
        self,
        items: Iterator[tuple[int, FetchItem]],
        work: Callable[[FetchItem, Lane], T],
    ) -> Iterator[tuple[int, T | FailedInput]]:
        """``work`` on all ``items``, several at a time; lazily. Errors for users become records.

        Without a cache no thread is started: the consumer takes one input after the other.
        """

        def one(item: FetchItem, lane: Lane) -> T | FailedInput:
            try:
                found = work(item, lane)
            except PangeoForgeError as error:
                lane.close()
                return self._failed(item, error)
            self.progress.finished(self._name(item))
            return found

        if (first := next(items, None)) is None:
            return
        left = chain([first], items)
        if not self.options.cache:
            lane = self._lane()
            try:
                for place, item in left:
                    yield place, one(item, lane)
            finally:
                lane.close()
            return
        yield from Crew(left, one, [self._lane() for _ in range(self._politeness.slots)])
