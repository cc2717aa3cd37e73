"""Engines: where a pipeline runs. One module an engine, one small protocol, and the choice between them.

::

    local      Beam's FnApiRunner: threads or processes of this machine, or everything in the calling thread
    portable   any job service: Beam's own (embedded, or a process of its own), or one at an address
    flink      the same through Beam's job server for Flink (embedded Flink, or a cluster)
    spark      the same for Spark
    dataflow   Google Cloud Dataflow, or a template for it
    dask       a Dask scheduler, or a cluster of processes on this machine

Beam is imported when an engine runs its first pipeline, not when it is chosen or checked.
"""

from __future__ import annotations

from pangeo_forge.pipeline.engines.choice import engine_of
from pangeo_forge.pipeline.engines.protocol import Build, Engine, Workforce

__all__ = ["Build", "Engine", "Workforce", "engine_of"]
