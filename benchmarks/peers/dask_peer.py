"""The work with dask alone, as a user of xarray writes it: python dask_peer.py FOLDER COUNT CHUNKS STORE"""

import json
import sys
from pathlib import Path

import xarray as xr

KEPT = ("scale_factor", "add_offset", "_FillValue", "dtype")


def main() -> None:
    """Open all, rechunk, write; packed as the inputs are."""
    folder, count, chunks, store = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
    files = sorted(folder.glob("*.nc"))[:count]
    ds = xr.open_mfdataset(
        files, engine="h5netcdf", combine="nested", concat_dim="time",
        data_vars="minimal", coords="minimal", compat="override",
    ).chunk(chunks)  # fmt: skip
    for variable in ds.variables.values():
        variable.encoding = {k: v for k, v in variable.encoding.items() if k in (*KEPT, "units", "calendar")}
    ds.to_zarr(store, mode="w", consolidated=True)


if __name__ == "__main__":
    main()
