"""Dask: options, and who works; a worker that is killed in the middle does no harm."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from pangeo_forge.pipeline.engines import engine_of
from pangeo_forge.pipeline.engines.distributed_dask import DaskEngine
from tests.differential.works import bakery


def made(**entry: object) -> DaskEngine:
    engine = engine_of(bakery("x", runner="dask", **{"workers": 4, **entry}))
    assert isinstance(engine, DaskEngine)
    return engine


def test_processes_of_this_machine_or_a_scheduler_elsewhere() -> None:
    here = made(options={"threads_per_worker": 2}).workforce
    assert (here.per_process, here.processes, here.machines, here.here, here.shares_files) == (2, 2, 1, False, True)
    away = made(options={"scheduler": "tcp://h:8786"})
    assert (away.workforce.machines, away.workforce.shares_files) == (4, False)
    assert away.flags() == [
        "--dask_npartitions=16",
        "--dask_connection_timeout=30",
        "--dask_client_address=tcp://h:8786",
    ]
    named = made(options={"scheduler_file": "/s.json", "partitions": 9, "timeout": 5})
    assert named.flags() == ["--dask_npartitions=9", "--dask_connection_timeout=5", "--dask_scheduler_file=/s.json"]


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    [error] = made(options={"scheduler": "tcp://127.0.0.1:1"}).problems()
    assert error.code == "B014"
    monkeypatch.setattr("pangeo_forge.pipeline.engines.distributed_dask.find_spec", lambda name: None)
    [error] = made().problems()
    assert (error.code, error.hint) == ("B010", "pip install 'pangeo-forge[dask]'")


@pytest.mark.servers
def test_a_worker_that_is_killed_in_the_middle_is_replaced_and_the_store_is_the_same(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    from tests.differential.engines import dask_cluster
    from tests.differential.test_local import SINGLE
    from tests.differential.works import Work, assert_same_store
    from tests.targets.referring import oisst_like, write_recipe

    (tmp_path / "in").mkdir()
    oisst_like(tmp_path / "in", 60)
    sections = {"inputs": {"glob": "in/*.nc", "concat": {"time": {}}}, "target": {"chunks": {"time": 1, "lat": 3}}}
    work = Work("days", str(write_recipe(tmp_path, id="made-here", **sections)))
    wanted = work.run(SINGLE, tmp_path / "single")
    with dask_cluster() as cluster:
        victims = [worker.pid for worker in cluster.workers.values()]
        killed: list[int] = []

        def kill() -> None:
            # As soon as the first task of writing is done, and more than half are left.
            marks = tmp_path / "dask"
            while not stop.wait(0.02):
                if any(marks.glob(".*/work/*/tasks/0/*.json")):
                    os.kill(victims[0], signal.SIGKILL)
                    killed.append(victims[0])
                    return

        stop = threading.Event()
        killer = threading.Thread(target=kill)
        killer.start()
        where = bakery("dask", runner="dask", options={"scheduler": cluster.scheduler_address, "partitions": 30},
                       workers=2, shared_filesystem=True)  # fmt: skip
        try:
            store = work.run(where, tmp_path / "dask")
        finally:
            stop.set()
            killer.join()
    assert killed
    assert_same_store(store, wanted)
