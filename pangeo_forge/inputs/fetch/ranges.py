"""A big file in pieces over several connections."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pangeo_forge.inputs.fetch.exchange import Response
from pangeo_forge.inputs.fetch.failure import Transient
from pangeo_forge.inputs.fetch.lane import Lane
from pangeo_forge.inputs.fetch.partial import PartialFile

if TYPE_CHECKING:
    from pangeo_forge.inputs.fetch.http import HttpTransfer

PIECE = 16 * 2**20


@dataclass
class PieceDownload:
    """What is left of ``part``, cut into pieces that threads take in order."""

    transfer: HttpTransfer
    url: str
    where: str
    part: PartialFile
    _taken: int = field(init=False)
    _whole: int = field(init=False)
    _done: dict[int, int] = field(default_factory=dict)
    _failure: BaseException | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._taken = self._whole = self.part.size

    @property
    def total(self) -> int:
        """Bytes of the whole file."""
        return self.part.remote.size or 0

    def work(self, lane: Lane) -> None:
        """Take pieces until there are none or one has failed. Closes the lane."""
        try:
            while (piece := self._take()) is not None:
                self._fetch(lane, *piece)
                self._finished(*piece)
        except BaseException as error:  # noqa: BLE001 - raised by result()
            with self._lock:
                self._failure = self._failure or error
        finally:
            lane.close()

    def result(self) -> None:
        """Join what came, in order; raise what went wrong."""
        self.part.join(self._whole)
        if self._failure is not None:
            raise self._failure

    def _take(self) -> tuple[int, int] | None:
        with self._lock:
            if self._failure is not None or self._taken >= self.total:
                return None
            start = self._taken
            self._taken = min(self.total, start + PIECE)
            return start, self._taken

    def _finished(self, start: int, stop: int) -> None:
        with self._lock:
            self._done[start] = stop
            while self._whole in self._done:
                self._whole = self._done.pop(self._whole)
            self.part.trust(self._whole)

    def _fetch(self, lane: Lane, start: int, stop: int) -> None:
        from pangeo_forge.inputs.fetch.http import content_range

        remote, offset = self.part.remote, start

        def head(response: Response) -> bool:
            if response.status == 200 or (response.status == 206 and content_range(response) != (start, remote.size)):
                raise Transient(
                    "the file changed while it was fetched, or the server sent another range than asked for"
                )
            etag = response.headers.get("etag")
            if response.status == 206 and etag and remote.etag and etag != remote.etag:
                raise Transient("the file changed while it was fetched")
            return response.status == 206

        def body(data: bytes) -> None:
            nonlocal offset
            if offset + len(data) > stop:
                raise Transient("the server sent more than asked for")
            self.transfer.progress.add_bytes(len(data))
            self.part.write_at(offset, data)
            offset += len(data)

        asked = {"Range": f"bytes={start}-{stop - 1}", "If-Range": remote.validator or ""}
        response = self.transfer.request(self.url, lane, self.where, asked, head, body)
        self.transfer.judge(response, self.where)
        if offset != stop:
            raise Transient(f"a range ended after {offset - start} of {stop - start} bytes")


def fetch_pieces(download: PieceDownload, lane: Lane, spare: list[Lane]) -> None:
    """Fetch the rest of a file over ``lane`` and the ``spare`` lanes; all are closed before threads are awaited."""
    download.part.trust(download.part.size)
    threads = [threading.Thread(target=download.work, args=(each,), daemon=True) for each in spare]
    for thread in threads:
        thread.start()
    download.work(lane)
    for thread in threads:
        thread.join()
    download.result()
