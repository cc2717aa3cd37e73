"""Google Cloud Dataflow: the job runs in Google's cloud, or only its description is written (a template)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.engines.portable import pipeline_flags
from pangeo_forge.pipeline.engines.protocol import Build, Workforce
from pangeo_forge.recipe.bakery import NamedBakery
from pangeo_forge.recipe.bakery_options import DataflowOptions


@dataclass
class DataflowEngine:
    """Dataflow, with a container that holds the project and all that the recipe needs."""

    bakery: NamedBakery
    options: DataflowOptions
    workers: int

    @property
    def workforce(self) -> Workforce:
        """One process a core on machines that share nothing with this one."""
        return Workforce(self.workers, 1, self.bakery.made.machines or self.workers, False, False)

    def problems(self) -> Iterator[BakeryError]:
        """The package, credentials, a bucket for the job's files, the workers' image."""
        where = self.bakery.name
        if find_spec("apitools") is None or find_spec("google.cloud.storage") is None:
            yield BakeryError(
                "the packages by which Beam talks to Dataflow are not installed",
                code="B010",
                where=where,
                hint="pip install 'pangeo-forge[dataflow]'",
            )
        if not self._staging.startswith("gs://"):
            yield BakeryError(
                "Dataflow keeps the job's files in a bucket, and none is named",
                code="B018",
                where=where,
                hint="set temp: gs://BUCKET/temp, or options.staging",
            )
        environment = self.bakery.made.environment
        if environment is None or environment.kind != "docker":
            yield BakeryError(
                "Dataflow's workers need a container that holds pangeo-forge",
                code="B018",
                where=where,
                hint="build one (docs/bakeries.md) and set environment: {kind: docker, image: ...}",
            )
        if not self.options.template and not _has_credentials():
            yield BakeryError(
                "there are no credentials for Google Cloud",
                code="B013",
                where=where,
                hint="gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file",
            )

    def run(self, build: Build) -> None:
        """Run a pipeline to its end."""
        from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner

        from pangeo_forge.pipeline.runner import run_pipeline

        run_pipeline(build, DataflowRunner(), self.flags(), where=self.bakery.name)

    def flags(self) -> list[str]:
        """Beam's options."""
        options, environment = self.options, self.bakery.made.environment
        flags = [
            "--runner=DataflowRunner",
            f"--project={options.project}",
            f"--region={options.region}",
            f"--temp_location={self._staging}/temp",
            f"--staging_location={self._staging}/staging",
            f"--job_name=pangeo-forge-{uuid4().hex[:12]}",
            f"--max_num_workers={self.workers}",
            f"--num_workers={self.workers}",
            "--autoscaling_algorithm=NONE",
            # One task at a time in one process: what a task may take is what a process may take.
            "--number_of_worker_harness_threads=1",
        ]
        if environment is not None and environment.image:
            flags += [f"--sdk_container_image={environment.image}", "--sdk_location=container"]
        named = {
            "machine_type": options.machine_type,
            "disk_size_gb": options.disk_size_gb,
            "service_account_email": options.service_account,
            "network": options.network,
            "subnetwork": options.subnetwork,
            "template_location": options.template,
        }
        flags += [f"--{name}={value}" for name, value in named.items() if value is not None]
        flags += [] if options.public_ips else ["--no_use_public_ips"]
        flags += [f"--labels={key}={value}" for key, value in options.labels.items()]
        return [*flags, *pipeline_flags(options.pipeline_options)]

    def close(self) -> None:
        """Nothing runs on this machine."""

    @property
    def _staging(self) -> str:
        temp = self.bakery.made.temp
        return (self.options.staging or (f"{temp.url.rstrip('/')}/dataflow" if temp else "")).rstrip("/")


def _has_credentials() -> bool:
    """Whether Google's library will find credentials, as far as files and variables tell."""
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        return True
    given = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if given:
        return Path(given).is_file()
    home = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    # On Google's own machines the metadata server hands them out.
    return (home / "application_default_credentials.json").is_file() or (
        Path("/sys/class/dmi/id/product_name").exists()
        and ("Google" in Path("/sys/class/dmi/id/product_name").read_text())
    )
