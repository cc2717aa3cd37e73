"""Options of each engine, as a bakery writes them. ``docs/bakeries.md`` explains each."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from pangeo_forge.recipe.section import Section, form, problem, shown

_ADDRESS = re.compile(r"(https?://)?(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}\Z")
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]\Z")
_CREDENTIAL = re.compile(r"password|secret|token|credential|api_?key", re.I)
RESERVED = {
    "runner", "project", "region", "temp_location", "staging_location", "environment_type", "environment_config",
    "job_endpoint", "flink_master", "spark_master_url", "parallelism", "template_location", "sdk_container_image",
}  # fmt: skip
"""Options of Beam that a bakery says in its own words."""


def _address(value: Any) -> str:
    if not isinstance(value, str) or not _ADDRESS.match(value):
        raise problem("R015", f"{shown(value)} is not an address", "write HOST:PORT")
    return value


def _endpoint(value: Any) -> str:
    return value if value in ("embed", "start") else _address(value)


def _master(value: Any) -> str:
    return value if value == "[local]" else _address(value)


def _spark_master(value: Any) -> str:
    if not isinstance(value, str) or not re.match(
        r"(local(\[(\*|[0-9]+)\])?|spark://.+:[0-9]+|yarn|k8s://.+)\Z", value
    ):
        raise problem("R015", f"{shown(value)} is not a Spark master", "write local[2] or spark://HOST:7077")
    return value


def _scheduler(value: Any) -> str:
    if not isinstance(value, str) or not re.match(r"(tcp|tls|ucx|ws|wss|tls)://.+:[0-9]+\Z", value):
        raise problem("R015", f"{shown(value)} is not a Dask scheduler", "write tcp://HOST:8786")
    return value


def _project(value: Any) -> str:
    if not isinstance(value, str) or not _PROJECT.match(value):
        raise problem("R015", f"{shown(value)} is not the id of a Google Cloud project", "write its id, not its title")
    return value


def _more(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(v, (str, int, float, bool, list)) for v in value.values()):
        raise problem("R013", "should be a mapping of option names to values", "write {max_bundle_size: 100}")
    for name in value:
        if name in RESERVED:
            raise problem("R093", f"{name!r} is said by another key of the bakery", "see docs/bakeries.md")
        if _CREDENTIAL.search(str(name)):
            raise problem("R040", f"{name!r} looks like a credential; options of a pipeline are shown", "use `secrets`")
    return value


_TEXT = {"type": "string"}
Address = Annotated[str, *form(_address, _TEXT)]


class Environment(Section):
    """Where the Python of the workers runs."""

    kind: Literal["loopback", "process", "docker", "external"] = Field(
        description="In the driver, a process a worker starts, a container it starts, or a pool that runs already.",
        examples=["docker"],
    )
    image: str | None = Field(None, min_length=1, description="For docker: the image.")
    command: str | None = Field(None, min_length=1, description="For process: what starts a worker.")
    endpoint: Address | None = Field(None, description="For external: address of the pool as workers see it.")
    variables: dict[str, str] = Field(
        default_factory=dict, description="For process: environment variables; no secrets."
    )

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """Each kind has its own keys."""
        if not isinstance(data, dict):
            return data
        needed = {"docker": "image", "external": "endpoint"}.get(data.get("kind", ""))
        if needed and not data.get(needed):
            raise problem("R011", f"key {needed!r} is missing", f"kind {data['kind']} needs it")
        for key, kind in (
            ("image", "docker"),
            ("command", "process"),
            ("endpoint", "external"),
            ("variables", "process"),
        ):
            if (
                key in data
                and data.get("kind") in ("loopback", "process", "docker", "external")
                and data["kind"] != kind
            ):
                raise problem(
                    "R093", f"{key!r} is of kind {kind}, not of {data['kind']}", "remove it, or change the kind"
                )
        for name in data.get("variables") or ():
            if _CREDENTIAL.search(str(name)):
                raise problem(
                    "R040", f"{name!r} looks like a credential; options of a pipeline are shown", "use `secrets`"
                )
        return data


class _WithPipelineOptions(Section):
    pipeline_options: Annotated[dict[str, Any], *form(_more, {"type": "object"})] = Field(
        default_factory=dict, description="Any other option of Beam or of its runner, by name."
    )


class LocalOptions(Section):
    """This machine."""

    mode: Literal["threads", "processes", "single"] = Field("threads", description="How workers run.")


class PortableOptions(_WithPipelineOptions):
    """Any engine that speaks Beam's job protocol."""

    job_endpoint: Annotated[str, *form(_endpoint, _TEXT)] = Field(
        "embed", description="embed: Beam's own, in this process; start: the same, in a process of its own; HOST:PORT."
    )


class _JobServerOptions(_WithPipelineOptions):
    job_endpoint: Address | None = Field(None, description="A job server that runs already.")
    job_server_jar: str | None = Field(None, min_length=1, description="The job server; default: brought by mvn.")
    java_options: list[str] = Field(default_factory=list, description="Options of the job server's Java.")
    sdk_workers: int = Field(1, ge=1, description="Python processes beside each of the engine's workers.")
    slots: int = Field(1, ge=1, description="Tasks that one of the engine's workers does at once.")


class FlinkOptions(_JobServerOptions):
    """Apache Flink, embedded or a running cluster."""

    flink_master: Annotated[str, *form(_master, _TEXT)] = Field(
        "[local]", description="[local]: inside the job server; HOST:PORT: REST address of a cluster."
    )
    flink_version: Literal["1.19", "1.20", "2.0", "2.1", "2.2"] = Field("1.20", description="Version of the cluster.")
    retries: int = Field(3, ge=0, description="How often the job is started again when a machine is lost.")
    retry_delay: int = Field(5, ge=0, description="Seconds before that.")


class SparkOptions(_JobServerOptions):
    """Apache Spark 3, embedded or a running cluster."""

    spark_master_url: Annotated[str, *form(_spark_master, _TEXT)] | None = Field(
        None, description="local[N], or the master of a cluster; default: local with the bakery's workers."
    )


class DataflowOptions(_WithPipelineOptions):
    """Google Cloud Dataflow."""

    project: Annotated[str, *form(_project, _TEXT)] = Field(description="Id of the project.", examples=["my-project"])
    region: str = Field(pattern="^[a-z]+-[a-z]+[0-9]+$", description="Region.", examples=["us-central1"])
    staging: str | None = Field(None, description="gs:// folder for the job's files; default: below temp.")
    machine_type: str | None = Field(None, min_length=1, description="Kind of virtual machine.")
    disk_size_gb: int | None = Field(None, ge=10, description="Disk of each machine.")
    service_account: str | None = Field(None, min_length=3, description="Account as which workers act.")
    network: str | None = Field(None, min_length=1, description="Network of the machines.")
    subnetwork: str | None = Field(None, min_length=1, description="Subnetwork of the machines.")
    public_ips: bool = Field(
        True, description="Machines have addresses of their own; sources outside need them, or a NAT."
    )
    labels: dict[str, str] = Field(default_factory=dict, description="Labels of the job, for bills.")
    template: str | None = Field(None, min_length=1, description="Write the job's description there, run nothing.")


class DaskOptions(_WithPipelineOptions):
    """Dask: an existing scheduler, or a cluster of processes on this machine."""

    scheduler: Annotated[str, *form(_scheduler, _TEXT)] | None = Field(
        None, description="Address of a scheduler; default: processes of this machine."
    )
    scheduler_file: str | None = Field(None, min_length=1, description="File in which a scheduler wrote its address.")
    partitions: int | None = Field(None, ge=1, description="Parts into which work is cut; default: four a worker.")
    threads_per_worker: int = Field(1, ge=1, description="Tasks that one worker process does at once.")
    timeout: int = Field(30, ge=1, description="Seconds to wait for the scheduler.")


Options = LocalOptions | PortableOptions | FlinkOptions | SparkOptions | DataflowOptions | DaskOptions

OPTIONS: dict[str, type[Section]] = {
    "local": LocalOptions,
    "portable": PortableOptions,
    "flink": FlinkOptions,
    "spark": SparkOptions,
    "dataflow": DataflowOptions,
    "dask": DaskOptions,
}
"""The model of each runner's options."""
