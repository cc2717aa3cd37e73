"""Dask: a scheduler by its address, or a cluster of processes on this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.engines.job_server import reachable
from pangeo_forge.pipeline.engines.portable import pipeline_flags, unreachable
from pangeo_forge.pipeline.engines.protocol import Build, Workforce
from pangeo_forge.recipe.bakery import NamedBakery
from pangeo_forge.recipe.bakery_options import DaskOptions

PARTS_A_WORKER = 4


@dataclass
class DaskEngine:
    """Beam's runner for Dask. It has no shuffle worth the name, and needs none here."""

    bakery: NamedBakery
    options: DaskOptions
    workers: int
    _cluster: Any = None

    @property
    def _is_ours(self) -> bool:
        """Whether the cluster is made by this process."""
        return self.options.scheduler is None and self.options.scheduler_file is None

    @property
    def workforce(self) -> Workforce:
        """Processes with as many threads as the bakery says."""
        threads = min(self.options.threads_per_worker, self.workers)
        shares = self._is_ours or self.bakery.made.shared_filesystem
        processes = -(-self.workers // threads)
        return Workforce(
            self.workers, threads, self.bakery.made.machines or (1 if self._is_ours else processes), False, shares
        )

    def problems(self) -> Iterator[BakeryError]:
        """The package, and the scheduler."""
        if find_spec("distributed") is None:
            yield BakeryError(
                "the dask and distributed packages are not installed",
                code="B010",
                where=self.bakery.name,
                hint="pip install 'pangeo-forge[dask]'",
            )
        elif self.options.scheduler and (why := reachable(self.options.scheduler)) is not None:
            yield unreachable("the Dask scheduler", self.options.scheduler, why)

    def run(self, build: Build) -> None:
        """Run a pipeline to its end."""
        from apache_beam.runners.dask.dask_runner import DaskRunner

        from pangeo_forge.pipeline.runner import run_pipeline

        logging.getLogger("distributed").setLevel(logging.ERROR)
        runner = _kept(DaskRunner())
        try:
            run_pipeline(build, runner, self.flags(), where=self.bakery.name)
        finally:
            # Beam's runner opens a connection for each pipeline and closes none.
            for client in runner.clients:
                with suppress(Exception):
                    client.close()

    def flags(self) -> list[str]:
        """Beam's options; starts the cluster where it is ours."""
        partitions = self.options.partitions or self.workers * PARTS_A_WORKER
        flags = [f"--dask_npartitions={partitions}", f"--dask_connection_timeout={self.options.timeout}"]
        if self.options.scheduler_file:
            flags.append(f"--dask_scheduler_file={self.options.scheduler_file}")
        else:
            flags.append(f"--dask_client_address={self.options.scheduler or self._address()}")
        return [*flags, *pipeline_flags(self.options.pipeline_options)]

    def close(self) -> None:
        """Stop the cluster, if it is ours."""
        if self._cluster is not None:
            with suppress(Exception):
                self._cluster.close()
            self._cluster = None

    def _address(self) -> str:
        if self._cluster is None:
            from distributed import LocalCluster

            threads = self.workforce.per_process
            self._cluster = LocalCluster(
                n_workers=self.workforce.processes,
                threads_per_worker=threads,
                dashboard_address=None,
                # What tasks may take is held by the plan; Dask's own limit would kill workers in the middle of one.
                memory_limit=0,
                silence_logs=logging.ERROR,
            )
        return str(self._cluster.scheduler_address)


def _kept(runner: Any) -> Any:
    """A runner that remembers the connections that it opens."""
    runner.clients = []
    run = runner.run_pipeline

    def run_pipeline(pipeline: Any, options: Any) -> Any:
        result = run(pipeline, options)
        runner.clients.append(result.client)
        return result

    runner.run_pipeline = run_pipeline
    return runner
