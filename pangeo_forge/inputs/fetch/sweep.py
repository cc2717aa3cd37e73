"""Many files of one host over a few connections, in one thread: libcurl's multi interface.

Threads that each fetch small files spend most of their time on handing Python's lock to each other (200 futex calls a
10 KB file, measured with eight of them). A sweep has no such cost, and no policy either: it goes on as long as all is well.
At the first answer that is neither the file nor its absence it ends, and the crew of threads, which knows redirects,
credentials that expire, retries, resumption and ranges, takes over the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.fetch.address import host_of, scheme_of
from pangeo_forge.inputs.fetch.exchange import Exchange
from pangeo_forge.inputs.fetch.failure import Transient
from pangeo_forge.inputs.fetch.http import Download, HttpTransfer
from pangeo_forge.inputs.fetch.lane import Lane
from pangeo_forge.inputs.fetch.model import FetchedInput, FetchItem, Remote
from pangeo_forge.inputs.fetch.partial import KEEP_OVER, PartialFile
from pangeo_forge.inputs.fetch.politeness import HostGate
from pangeo_forge.inputs.fetch.quarantine import FailedInput

if TYPE_CHECKING:
    from collections.abc import Iterable

Numbered = tuple[int, FetchItem]
_ASK_AGAIN = 0.05
"""Seconds between two looks for one more slot: each look opens all slot files."""


@dataclass(frozen=True)
class Desk:
    """What a sweep needs of the fetcher, for one input each."""

    here: Callable[[FetchItem], FetchedInput | None]
    """What needs no network."""
    claim: Callable[[FetchItem], PartialFile | None]
    """Its temporary file, locked; None when another worker holds it."""
    keep: Callable[[FetchItem, PartialFile, Remote], FetchedInput]
    """Check and publish what came."""
    where: Callable[[FetchItem], str]
    failed: Callable[[FetchItem, PangeoForgeError], FailedInput]
    """Record what cannot be had."""
    begun: Callable[[FetchItem], None]
    """It is under way."""
    again: Callable[[FetchItem], None]
    """It must be tried again, by the crew."""
    done: Callable[[FetchItem], None]
    """Count it."""


class _SmallDownload(Download):
    """Ends early when the file is large: that is for the crew, which resumes and fetches ranges."""

    large = False

    def _maybe_split(self, remote: Remote) -> None:
        self._refuse_large(remote.size or 0)

    def body(self, data: bytes) -> None:
        super().body(data)
        self._refuse_large(self.part.size)

    def _refuse_large(self, size: int) -> None:
        if size >= KEEP_OVER:
            self.large = True
            raise Transient("large")


@dataclass
class _Job:
    place: int
    item: FetchItem
    lane: Lane
    sink: _SmallDownload
    exchange: Exchange


@dataclass
class Sweep:
    """Fetches inputs of ``host``; :attr:`rest` is what it leaves to others, :attr:`ended_early` tells why it should not
    be tried again with this host."""

    transfer: HttpTransfer
    gate: HostGate
    host: str
    slots: int
    make_lane: Callable[[], Lane]
    desk: Desk
    ended_early: bool = False
    _left: Iterator[Numbered] = field(default_factory=lambda: iter(()))
    _deferred: list[Numbered] = field(default_factory=list)
    _found: list[tuple[int, FetchedInput | FailedInput]] = field(default_factory=list)
    _lanes: list[Lane] = field(default_factory=list)
    _idle: list[Lane] = field(default_factory=list)
    _jobs: dict[Any, _Job] = field(default_factory=dict)
    _multi: Any = None
    _asked: float = 0.0
    """When all slots were found taken."""
    _origin: str = "://"
    """Scheme and address of the last input of this host: most begin alike."""

    def fetch(self, items: Iterable[Numbered]) -> Iterator[tuple[int, FetchedInput | FailedInput]]:
        """Positions and outcomes, in the order of completion."""
        self._left = iter(items)
        try:
            while True:
                self._fill()
                yield from self._found
                self._found.clear()
                if not self._jobs:
                    return
                self._step()
        finally:
            self._close()

    @property
    def rest(self) -> Iterator[Numbered]:
        """Inputs that were not swept, with their positions."""
        return chain(self._deferred, self._left)

    # -- beginning -------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Begin as many transfers as there are slots."""
        while not self.ended_early and len(self._jobs) < self.slots and len(self._found) < 64:
            if self._lanes and self._lanes[0].wanted():
                if self._jobs:
                    return  # what is under way ends first
                self._close()
                self.gate.give_way()
            if not self._idle and not self._open_lane():
                return
            pair = next(self._left, None)
            if pair is None:
                return
            self._begin(*pair)

    def _open_lane(self) -> bool:
        now = time.monotonic()
        if self._lanes and now - self._asked < _ASK_AGAIN:
            return False
        lane = self.make_lane()
        if not lane.admit(self.gate, wait=not self._lanes):
            self._asked = now
            return False
        self._lanes.append(lane)
        self._idle.append(lane)
        return True

    def _begin(self, place: int, item: FetchItem) -> None:
        if not item.url.startswith(self._origin) and not self._is_ours(item.url):
            self._deferred.append((place, item))
            return
        try:
            if (hit := self.desk.here(item)) is not None:
                self._keep(place, item, hit)
                return
            part = self.desk.claim(item)
        except PangeoForgeError as error:
            self._found.append((place, self.desk.failed(item, error)))
            return
        if part is None or part.size:
            if part is not None:
                part.close()
            self._deferred.append((place, item))
            return
        try:
            self._send(place, item, part)
        except PangeoForgeError as error:  # no value for the secret
            part.close()
            self._found.append((place, self.desk.failed(item, error)))
        except BaseException:
            part.close()
            raise

    def _is_ours(self, url: str) -> bool:
        if scheme_of(url) not in ("http", "https") or host_of(url) != self.host:
            return False
        self._origin = "/".join(url.split("/", 3)[:3]) + "/"
        return True

    def _send(self, place: int, item: FetchItem, part: PartialFile) -> None:
        import pycurl

        if self._multi is None:
            self._multi = pycurl.CurlMulti()
            self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, self.slots)
        self.gate.throttle()
        target, headers = self.transfer.first_request(item.url)
        lane, where = self._idle.pop(), self.desk.where(item)
        sink = _SmallDownload(self.transfer, item.url, part, lane, where)
        exchange = Exchange(where, sink.head, sink.body, None)
        exchange.begin(lane, target, headers, self.transfer.options.timeout, watch=False)
        self._jobs[lane.handle()] = _Job(place, item, lane, sink, exchange)
        self._multi.add_handle(lane.handle())
        self.desk.begun(item)

    # -- ending ----------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        """Let the transfers go on; settle those that are over."""
        import pycurl

        while self._multi.perform()[0] == pycurl.E_CALL_MULTI_PERFORM:
            pass
        _, good, bad = self._multi.info_read(len(self._jobs))
        for handle in good:
            self._settle(handle, None)
        for handle, code, text in bad:
            self._settle(handle, pycurl.error(code, text))
        if not good and not bad:
            self._multi.select(0.2)
            for handle in [h for h, job in self._jobs.items() if job.exchange.stalled()]:
                self._settle(handle, pycurl.error(pycurl.E_OPERATION_TIMEDOUT, "the server was silent"))

    def _settle(self, handle: Any, error: Exception | None) -> None:
        job = self._jobs.pop(handle)
        self._multi.remove_handle(handle)
        self._idle.append(job.lane)
        part = job.sink.part
        try:
            response = job.exchange.end(error)
            if response.cookies:
                self.transfer.cookies.keep(job.item.url, response.cookies)
            if response.status not in (200, 404, 410):
                raise Transient(f"HTTP {response.status}")
            self.transfer.settle(response, job.sink, job.exchange.where)
            self._keep(job.place, job.item, self.desk.keep(job.item, part, part.remote))
        except Transient:
            self.ended_early = True
            self._deferred.append((job.place, job.item))
            if not job.sink.large:
                self.desk.again(job.item)
            if part.size < KEEP_OVER:
                part.remove()
        except InputError as failure:
            part.remove()
            self._found.append((job.place, self.desk.failed(job.item, failure)))
        finally:
            part.close()

    def _keep(self, place: int, item: FetchItem, found: FetchedInput) -> None:
        self.desk.done(item)
        self._found.append((place, found))

    def _close(self) -> None:
        """Close the connections, then give the slots back."""
        for handle, job in self._jobs.items():
            self._multi.remove_handle(handle)
            job.sink.part.close()
        self._jobs.clear()
        for lane in self._lanes:
            lane.drop_connection()
        if self._multi is not None:
            self._multi.close()  # the connections are the multi handle's
            self._multi = None
        for lane in self._lanes:
            lane.close()
        self._lanes.clear()
        self._idle.clear()
