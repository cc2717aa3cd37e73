"""Engines that speak Beam's job protocol: a job service takes the pipeline, and calls for workers of Python."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.engines.job_server import JobServer, python_job_server, reachable
from pangeo_forge.pipeline.engines.protocol import Build, Workforce
from pangeo_forge.recipe.bakery import NamedBakery
from pangeo_forge.recipe.bakery_options import Environment, PortableOptions

WORKER_COMMAND = "pangeo-forge-worker"
"""What starts a worker where the environment is `process`; it comes with the package."""


def environment_flags(environment: Environment) -> list[str]:
    """Beam's options for where the Python of the workers runs."""
    kind = environment.kind.upper()
    flags = [f"--environment_type={kind}"]
    if environment.kind == "docker":
        flags.append(f"--environment_config={environment.image}")
    elif environment.kind == "external":
        flags.append(f"--environment_config={environment.endpoint}")
    elif environment.kind == "process":
        config = {"command": environment.command or WORKER_COMMAND, "env": dict(environment.variables)}
        flags.append(f"--environment_config={json.dumps(config)}")
    return flags


def pipeline_flags(options: Mapping[str, Any]) -> list[str]:
    """``{name: value}`` as command line options, as Beam takes them."""
    flags = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            flags += [f"--{name}"] if one is True else [] if one is False else [f"--{name}={one}"]
    return flags


def environment_problems(environment: Environment, where: str, *, starts_here: bool) -> Iterator[BakeryError]:
    """What an environment lacks, as far as this machine can tell."""
    if environment.kind == "docker" and starts_here and shutil.which("docker") is None:
        yield BakeryError(
            "workers are to run in containers on this machine, but there is no docker",
            code="B017",
            where=where,
            hint="install docker, or set environment: {kind: loopback}",
        )
    if environment.kind == "process" and starts_here:
        command = environment.command or WORKER_COMMAND
        if shutil.which(command) is None:
            yield BakeryError(
                f"there is no program {command!r} that starts a worker",
                code="B017",
                where=where,
                hint="install pangeo-forge in the Python of the workers, or give environment.command its full path",
            )
    if environment.kind == "external" and environment.endpoint and starts_here:
        why = reachable(environment.endpoint)
        if why is not None:
            yield unreachable("the pool of workers", environment.endpoint, why)


def unreachable(what: str, address: str, why: str) -> BakeryError:
    """The error of an address where nobody answers."""
    hint = "start it, or mend the address; is a firewall or a tunnel in between?"
    return BakeryError(f"{what} does not answer: {why}", code="B014", where=address, hint=hint)


@dataclass
class PortableEngine:
    """Any job service: ``embed`` and ``start`` are Beam's own, which runs the pipeline in one process or calls for workers."""

    bakery: NamedBakery
    options: PortableOptions
    workers: int
    _server: JobServer | None = None

    @property
    def environment(self) -> Environment:
        """Where workers run; default: in this process."""
        return self.bakery.made.environment or Environment.model_validate({"kind": "loopback"})

    @property
    def _is_ours(self) -> bool:
        """Whether the job service is a child of this process."""
        return self.options.job_endpoint in ("embed", "start")

    @property
    def workforce(self) -> Workforce:
        """Loopback: threads of this process; else processes with one task at a time each."""
        here = self.environment.kind == "loopback"
        on_this_machine = here or (self._is_ours and self.environment.kind in ("process", "external"))
        shares = on_this_machine or self.bakery.made.shared_filesystem
        machines = self.bakery.made.machines or (1 if on_this_machine else self.workers)
        return Workforce(self.workers, self.workers if here else 1, machines, here, shares)

    def problems(self) -> Iterator[BakeryError]:
        """The job service and the environment."""
        if not self._is_ours and (why := reachable(self.options.job_endpoint)) is not None:
            yield unreachable("the job server", self.options.job_endpoint, why)
        yield from environment_problems(self.environment, self.bakery.name, starts_here=self._is_ours)

    def run(self, build: Build) -> None:
        """Run a pipeline to its end."""
        from apache_beam.runners.portability.portable_runner import PortableRunner

        from pangeo_forge.pipeline.runner import run_pipeline

        run_pipeline(build, PortableRunner(), self.flags(), where=self.bakery.name)

    def flags(self) -> list[str]:
        """Beam's options; starts the job server where it is ours."""
        endpoint = self.options.job_endpoint
        if endpoint == "start":
            self._server = self._server or python_job_server(self.bakery.name)
            endpoint = self._server.endpoint()
        flags = [f"--job_endpoint={endpoint}", *environment_flags(self.environment)]
        if self._is_ours:
            mode = "multi_threading" if self.environment.kind == "loopback" else "multi_processing"
            flags += [f"--direct_num_workers={self.workers}", f"--direct_running_mode={mode}"]
        return [*flags, *pipeline_flags(self.options.pipeline_options)]

    def close(self) -> None:
        """Stop the job server, if it is ours."""
        if self._server is not None:
            self._server.stop()
            self._server = None
