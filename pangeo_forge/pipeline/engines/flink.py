"""Apache Flink: inside the job server, or a running cluster by its REST address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pangeo_forge.errors import BakeryError
from pangeo_forge.pipeline.engines.java_runner import JavaEngine
from pangeo_forge.pipeline.engines.job_server import reachable
from pangeo_forge.pipeline.engines.portable import unreachable
from pangeo_forge.recipe.bakery_options import FlinkOptions

EMBEDDED = "[local]"


@dataclass
class FlinkEngine(JavaEngine):
    """Flink through Beam's job server."""

    @property
    def _flink(self) -> FlinkOptions:
        assert isinstance(self.options, FlinkOptions)
        return self.options

    @property
    def artifact(self) -> str:
        """One for each version of Flink."""
        return f"beam-runners-flink-{self._flink.flink_version}-job-server"

    @property
    def is_embedded(self) -> bool:
        """Whether Flink runs inside the job server."""
        return self._flink.flink_master == EMBEDDED

    def java_arguments(self) -> list[str]:
        """Where Flink is."""
        master = self._flink.flink_master
        return ["--flink-master", master if self.is_embedded or "://" in master else f"http://{master}"]

    def engine_flags(self) -> list[str]:
        """Parallelism, and how a job goes on when a machine is lost: batch jobs of Flink have no checkpoints."""
        return [
            f"--parallelism={self.workers}",
            f"--number_of_execution_retries={self._flink.retries}",
            f"--execution_retry_delay={self._flink.retry_delay * 1000}",
        ]

    def master_problems(self) -> Iterator[BakeryError]:
        """Whether the cluster's REST address answers."""
        if not self.is_embedded and (why := reachable(self._flink.flink_master)) is not None:
            yield unreachable("the Flink cluster", self._flink.flink_master, why)
