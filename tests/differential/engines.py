"""Engines as they are started for tests: each once for a module, on loopback, with two workers, stopped by its process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from shutil import which
from typing import Any

import pytest

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.engines import engine_of
from pangeo_forge.pipeline.engines.java_runner import JavaEngine
from pangeo_forge.pipeline.engines.job_server import PATIENCE, JobServer, answers, free_port, python_job_server
from pangeo_forge.recipe.bakery import NamedBakery
from tests.cli.invocation import environment

from .works import bakery

WORKERS = 2


@contextmanager
def embedded() -> Iterator[NamedBakery]:
    """Beam's own job service in this process."""
    yield bakery("embedded", runner="portable", workers=WORKERS)


@contextmanager
def portable() -> Iterator[NamedBakery]:
    """Beam's own job service in a process of its own, that calls workers in this one."""
    server = python_job_server("portable")
    try:
        options = {"job_endpoint": server.endpoint()}
        yield bakery("portable", runner="portable", options=options, workers=WORKERS)
    finally:
        server.stop()


@contextmanager
def pool() -> Iterator[NamedBakery]:
    """The same with a pool of workers that are processes of their own."""
    port = free_port()
    module = "apache_beam.runners.worker.worker_pool_main"
    command = [sys.executable, "-m", module, f"--service_port={port}"]
    with portable() as made, _child(command, port):
        options = made.made.options.model_dump()
        kind = {"kind": "external", "endpoint": f"localhost:{port}"}
        yield bakery(
            "pool", runner="portable", options=options, workers=WORKERS, environment=kind, shared_filesystem=True
        )


@contextmanager
def dask() -> Iterator[NamedBakery]:
    """A scheduler with two worker processes."""
    with dask_cluster() as cluster:
        yield bakery("dask", runner="dask", options={"scheduler": cluster.scheduler_address}, workers=WORKERS,
                     shared_filesystem=True)  # fmt: skip


@contextmanager
def dask_cluster() -> Iterator[Any]:
    """A cluster of this machine."""
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, memory_limit=0, silence_logs=50
    )
    try:
        yield cluster
    finally:
        # On a loaded machine Dask loses patience with its own workers, after it has killed them.
        with suppress(Exception):
            cluster.close()


@contextmanager
def flink() -> Iterator[NamedBakery]:
    """An embedded Flink."""
    with _java("flink") as made:
        yield made


@contextmanager
def spark() -> Iterator[NamedBakery]:
    """An embedded Spark."""
    with _java("spark") as made:
        yield made


@contextmanager
def _java(runner: str) -> Iterator[NamedBakery]:
    for program in ("java", "mvn"):
        if which(program) is None:
            pytest.skip(f"there is no {program}")
    engine = engine_of(bakery(runner, runner=runner, workers=WORKERS))
    assert isinstance(engine, JavaEngine)
    try:
        list(engine.prepare())
    except BakeryError as error:
        pytest.skip(f"the job server's jar cannot be had from here: {error}")
    server = JobServer(engine.command(), runner)
    try:
        yield bakery(runner, runner=runner, options={"job_endpoint": server.endpoint()}, workers=WORKERS)
    finally:
        server.stop()


@contextmanager
def _child(command: list[str], port: int) -> Iterator[None]:
    import time

    process = subprocess.Popen(command, env=dict(environment()), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        latest = time.monotonic() + PATIENCE
        while not answers(port):
            assert process.poll() is None, "the pool of workers ended"
            assert time.monotonic() < latest, "the pool of workers does not start"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


ENGINES = {"embedded": embedded, "portable": portable, "pool": pool, "dask": dask, "flink": flink, "spark": spark}
