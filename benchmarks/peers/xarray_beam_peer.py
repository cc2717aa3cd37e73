"""The work with xarray-beam, as its documentation does it: python xarray_beam_peer.py FOLDER COUNT CHUNKS STORE"""

import json
import sys
from pathlib import Path

import apache_beam as beam
import numpy as np
import xarray as xr
import xarray_beam as xb
from apache_beam.options.pipeline_options import PipelineOptions

KEPT = ("scale_factor", "add_offset", "_FillValue", "dtype")
RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def main() -> None:
    """One pipeline: load each file, consolidate or rechunk, write."""
    folder, count, asked, store = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
    files = sorted(folder.glob("*.nc"))[:count]

    def load(number: int) -> tuple[xb.Key, xr.Dataset]:
        return xb.Key({"time": number}), xr.open_dataset(files[number], engine="h5netcdf").load()

    first = xr.open_dataset(files[0], engine="h5netcdf")
    times = np.concatenate([xr.open_dataset(path, engine="h5netcdf").time.values for path in files])
    template = xb.make_template(first).isel(time=0, drop=True).expand_dims(time=times)
    encoding = {v: {k: first[v].encoding[k] for k in KEPT} for v in first.data_vars}
    sizes = dict(template.sizes)
    chunks = {dim: asked.get(dim, size) for dim, size in sizes.items()}
    if set(asked) == {"time"}:
        rechunk = xb.ConsolidateChunks(chunks)
    else:
        rechunk = xb.Rechunk(sizes, {**sizes, "time": 1}, chunks, itemsize=8, max_mem=2**30)
    flags = ["--runner", RUNNER, "--direct_running_mode", "in_memory", "--direct_num_workers", "1"]
    with beam.Pipeline(options=PipelineOptions(flags)) as pipeline:
        datasets = pipeline | beam.Create(range(len(files))) | beam.Reshuffle() | beam.Map(load)
        _ = datasets | rechunk | xb.ChunksToZarr(store, template, chunks, encoding=encoding)


if __name__ == "__main__":
    main()
