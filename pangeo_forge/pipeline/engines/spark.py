"""Apache Spark 3: inside the job server, or a running cluster by its master."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.engines.java_runner import JavaEngine
from pangeo_forge.pipeline.engines.job_server import reachable
from pangeo_forge.pipeline.engines.portable import unreachable
from pangeo_forge.recipe.bakery_options import SparkOptions

_OPENED = ("sun.nio.ch", "java.nio", "java.util", "java.lang.invoke", "java.lang", "java.net")
"""Packages of Java 17 that Spark 3 reaches into."""


@dataclass
class SparkEngine(JavaEngine):
    """Spark through Beam's job server."""

    @property
    def master(self) -> str:
        """As given, else this machine with as many threads as there are workers."""
        assert isinstance(self.options, SparkOptions)
        return self.options.spark_master_url or f"local[{self.workers}]"

    @property
    def artifact(self) -> str:
        """One for all of Spark 3."""
        return "beam-runners-spark-3-job-server"

    @property
    def is_embedded(self) -> bool:
        """Whether Spark runs inside the job server."""
        return self.master.startswith("local")

    def java_arguments(self) -> list[str]:
        """Where Spark is."""
        return ["--spark-master-url", self.master]

    def command(self) -> list[str]:
        """As any job server, with those packages of Java opened that Spark needs."""
        java, *rest = super().command()
        return [java, *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENED), *rest]

    def engine_flags(self) -> list[str]:
        """None: the master says how many work."""
        return []

    def master_problems(self) -> Iterator[BakeryError]:
        """Whether a master of Spark's own kind answers; those of YARN and Kubernetes are found by their own settings."""
        if self.master.startswith("spark://") and (why := reachable(self.master)) is not None:
            yield unreachable("the Spark master", self.master, why)
