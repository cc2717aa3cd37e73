"""Which engine a bakery means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pangeo_forge.inputs.codec_threads import available_cpus
from pangeo_forge.recipe.bakery_options import (
    DaskOptions,
    DataflowOptions,
    FlinkOptions,
    LocalOptions,
    PortableOptions,
    SparkOptions,
)

if TYPE_CHECKING:
    from pangeo_forge.pipeline.engines.protocol import Engine
    from pangeo_forge.recipe.bakery import NamedBakery


def engine_of(bakery: NamedBakery, workers: int | None = None) -> Engine:
    """The engine of a bakery; nothing is started.

    Parameters
    ----------
    workers: tasks at once; default: the bakery's, else one a core of this machine.
    """
    count = workers or bakery.made.workers or available_cpus()
    options = bakery.made.options
    if isinstance(options, LocalOptions):
        from pangeo_forge.pipeline.engines.local import LocalEngine

        return LocalEngine(options.mode, count)
    if isinstance(options, PortableOptions):
        from pangeo_forge.pipeline.engines.portable import PortableEngine

        return PortableEngine(bakery, options, count)
    if isinstance(options, FlinkOptions):
        from pangeo_forge.pipeline.engines.flink import FlinkEngine

        return FlinkEngine(bakery, options, count)
    if isinstance(options, SparkOptions):
        from pangeo_forge.pipeline.engines.spark import SparkEngine

        return SparkEngine(bakery, options, count)
    if isinstance(options, DataflowOptions):
        from pangeo_forge.pipeline.engines.dataflow import DataflowEngine

        return DataflowEngine(bakery, options, count)
    assert isinstance(options, DaskOptions)
    from pangeo_forge.pipeline.engines.distributed_dask import DaskEngine

    return DaskEngine(bakery, options, count)
