"""What Flink and Spark have in common: a job server of Java between the driver and the engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.engines.jars import bring_jar, jar_problems, java_problems, kept_jar
from pangeo_forge.pipeline.engines.job_server import JobServer, reachable
from pangeo_forge.pipeline.engines.portable import (
    environment_flags,
    environment_problems,
    pipeline_flags,
    unreachable,
)
from pangeo_forge.pipeline.engines.protocol import Build, Workforce
from pangeo_forge.recipe.bakery import NamedBakery
from pangeo_forge.recipe.bakery_options import Environment, FlinkOptions, SparkOptions


@dataclass
class JavaEngine:
    """An engine of the Java world. Subclasses say which job server, which master, and which options."""

    bakery: NamedBakery
    options: FlinkOptions | SparkOptions
    workers: int
    _server: JobServer | None = None

    # -- of each engine ----------------------------------------------------------------------------------------------

    @property
    def artifact(self) -> str:
        """The job server's name on Maven Central."""
        raise NotImplementedError

    @property
    def is_embedded(self) -> bool:
        """Whether the engine runs inside the job server."""
        raise NotImplementedError

    def java_arguments(self) -> list[str]:
        """Of the job server, besides ports and folders."""
        raise NotImplementedError

    def engine_flags(self) -> list[str]:
        """Beam's options that are this engine's own."""
        raise NotImplementedError

    def master_problems(self) -> Iterator[BakeryError]:
        """Whether the cluster answers."""
        raise NotImplementedError

    # -- of all ------------------------------------------------------------------------------------------------------

    @property
    def environment(self) -> Environment:
        """Where workers run; default: in this process for an embedded engine, in processes of a cluster."""
        default = "loopback" if self.is_embedded else "process"
        return self.bakery.made.environment or Environment.model_validate({"kind": default})

    @property
    def workforce(self) -> Workforce:
        """Loopback: threads of this process; else as many processes as the engine's workers call for."""
        here = self.environment.kind == "loopback"
        per_process = self.workers if here else max(1, -(-self.options.slots // self.options.sdk_workers))
        shares = here or self.is_embedded or self.bakery.made.shared_filesystem
        processes = -(-self.workers // per_process)
        machines = self.bakery.made.machines or (1 if here or self.is_embedded else processes)
        return Workforce(self.workers, per_process, machines, here, shares)

    def problems(self) -> Iterator[BakeryError]:
        """Java, the jar, the cluster, the environment."""
        where = self.bakery.name
        if self.options.job_endpoint is None:
            yield from java_problems(where)
            yield from jar_problems(self.artifact, self.options.job_server_jar, where)
            yield from self.master_problems()
        elif (why := reachable(self.options.job_endpoint)) is not None:
            yield unreachable("the job server", self.options.job_endpoint, why)
        if self.environment.kind == "loopback" and not self.is_embedded and not self.bakery.made.shared_filesystem:
            yield BakeryError(
                "environment loopback: the cluster's machines call for workers in this process, which they cannot reach",
                code="B018",
                where=where,
                hint="set environment: {kind: docker, image: ...}, process or external; "
                "or shared_filesystem: true when the whole cluster is this machine",
            )
        yield from environment_problems(self.environment, where, starts_here=self.is_embedded)

    def prepare(self) -> Iterator[str]:
        """Bring what is missing; yields a line for each thing."""
        if self.options.job_endpoint is None and self.options.job_server_jar is None:
            yield f"job server: {bring_jar(self.artifact, self.bakery.name)}"

    def run(self, build: Build) -> None:
        """Run a pipeline to its end."""
        from apache_beam.runners.portability.portable_runner import PortableRunner

        from pangeo_forge.pipeline.runner import run_pipeline

        run_pipeline(build, PortableRunner(), self.flags(), where=self.bakery.name)

    def flags(self) -> list[str]:
        """Beam's options; starts the job server where it is ours."""
        endpoint = self.options.job_endpoint
        if endpoint is None:
            self._server = self._server or JobServer(self.command(), self.bakery.name)
            endpoint = self._server.endpoint()
        return [
            f"--job_endpoint={endpoint}",
            *environment_flags(self.environment),
            f"--sdk_worker_parallelism={self.options.sdk_workers}",
            *self.engine_flags(),
            *pipeline_flags(self.options.pipeline_options),
        ]

    def command(self) -> list[str]:
        """What starts the job server."""
        jar = Path(self.options.job_server_jar) if self.options.job_server_jar else kept_jar(self.artifact)
        ports = ["--job-port", "{port}", "--artifact-port", "0", "--expansion-port", "0"]
        java = ["java", *self.options.java_options, "-jar", str(jar)]
        return [*java, *self.java_arguments(), "--artifacts-dir", "{folder}/artifacts", *ports]

    def close(self) -> None:
        """Stop the job server, if it is ours."""
        if self._server is not None:
            self._server.stop()
            self._server = None
