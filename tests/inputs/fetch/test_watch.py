from __future__ import annotations

from collections.abc import Callable

from pangeo_forge.inputs.fetch import Fetcher, Progress
from pangeo_forge.inputs.fetch.watch import FetchWatch
from pangeo_forge.progress import Recorder
from tests.inputs.fetch.faulty_server import FaultyServer

DATA = b"CDF\x01" + bytes(5000)


def test_front_end_sees_files_bytes_and_new_attempts(
    server: FaultyServer, make_fetcher: Callable[..., Fetcher]
) -> None:
    shown = Recorder()
    watch = FetchWatch(shown, 4)
    progress = Progress(watch, interval=0.0)
    urls = [server.on(f"/{i}", lambda r: r.serve(DATA)) for i in range(3)]
    urls.append(server.on("/busy", lambda r: r.send("503 x") if r.number < 4 else r.serve(DATA)))
    fetcher = make_fetcher(progress=progress)
    assert not fetcher.fetch_all([(u, u[-5:]) for u in urls]).failed
    watch.finish(progress.snapshot())
    assert shown.totals == {"fetch": 4}
    assert shown.done == {"fetch": 4}
    assert shown.nbytes == {"fetch": 4 * len(DATA)}
    assert any(note.startswith("retrying /busy: HTTP 503; again in") for note in shown.notes)


def test_nothing_is_shown_for_cached_inputs(server: FaultyServer, make_fetcher: Callable[..., Fetcher]) -> None:
    url = server.on("/a", lambda r: r.serve(DATA))
    make_fetcher().fetch(url)
    shown = Recorder()
    watch = FetchWatch(shown, 1)
    progress = Progress(watch, interval=0.0)
    make_fetcher(progress=progress).fetch_all([url])
    watch.finish(progress.snapshot())
    assert not shown.totals
    assert not shown.done
