"""The work with pangeo-forge-recipes 0.10: python recipes_peer.py FOLDER COUNT CHUNKS STORE"""

import json
import sys
from pathlib import Path

import apache_beam as beam
import fsspec
from apache_beam.options.pipeline_options import PipelineOptions
from pangeo_forge_recipes.patterns import pattern_from_file_sequence
from pangeo_forge_recipes.storage import FSSpecTarget
from pangeo_forge_recipes.transforms import (
    ConsolidateDimensionCoordinates,
    ConsolidateMetadata,
    OpenURLWithFSSpec,
    OpenWithXarray,
    StoreToZarr,
)

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def main() -> None:
    """The recipe of its tutorial, on two worker processes."""
    folder, count, chunks, store = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), Path(sys.argv[4])
    files = [str(path) for path in sorted(folder.glob("*.nc"))[:count]]
    pattern = pattern_from_file_sequence(files, "time", nitems_per_file=1)
    target = FSSpecTarget(fsspec.filesystem("file", auto_mkdir=True), str(store.parent))
    flags = ["--runner", RUNNER, "--direct_running_mode", "multi_processing", "--direct_num_workers", "2"]
    with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
        _ = (
            pipeline
            | beam.Create(pattern.items())
            | OpenURLWithFSSpec()
            | OpenWithXarray(file_type=pattern.file_type)
            | StoreToZarr(
                store_name=store.name,
                target_root=target,
                combine_dims=pattern.combine_dim_keys,
                target_chunks=chunks,
            )
            | ConsolidateDimensionCoordinates()
            | ConsolidateMetadata()
        )


if __name__ == "__main__":
    main()
