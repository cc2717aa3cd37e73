"""The limit of the machine: each byte of the archive inflated once, each byte of the store encoded once; no framework.

    python benchmarks/limit.py FOLDER COUNT CHUNKS STORE [THREADS [BLOCK]]

What is written by hand for one layout of input and for this work only: nothing is discovered, planned or checked. CHUNKS
is JSON, such as ``{"time": 20}``. BLOCK is the number of bytes that Blosc compresses at a time; 0: its own choice.
"""

from __future__ import annotations

import itertools
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import deflate
import h5py
import numcodecs
import numpy as np
import zarr
from numcodecs.shuffle import Shuffle
from zarr.codecs import BloscCodec

NAMES = ("sst", "anom", "err", "ice")
ROWS, COLUMNS = 720, 1440


def main() -> None:
    """Write the store."""
    folder, count, spec, store = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), Path(sys.argv[4])
    threads = int(sys.argv[5]) if len(sys.argv) > 5 else 2
    files = sorted(folder.glob("*.nc"))[:count]
    depth, rows, columns = (spec.get(d, n) for d, n in (("time", 1), ("lat", ROWS), ("lon", COLUMNS)))
    block = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    numcodecs.blosc.use_threads = False
    group = zarr.open_group(store, mode="w")
    codec = BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle", blocksize=block)
    for name in NAMES:
        shape, chunks = (len(files), 1, ROWS, COLUMNS), (depth, 1, rows, columns)
        array = group.create_array(name, shape=shape, chunks=chunks, dtype="i2", compressors=codec, fill_value=0)
        array.attrs["_FillValue"] = -999
        array.attrs["scale_factor"] = 0.01
    with ThreadPoolExecutor(threads) as pool:
        starts = range(0, len(files), depth)
        list(
            pool.map(
                lambda start: slab(files[start : start + depth], start // depth, store, (depth, rows, columns), block),
                starts,
            )
        )
    zarr.consolidate_metadata(store)


def slab(files: list[Path], number: int, store: Path, chunk: tuple[int, int, int], block: int) -> None:
    """All chunks of one range of days."""
    depth, rows, columns = chunk
    codec, shuffle = numcodecs.Blosc("zstd", 1, numcodecs.Blosc.BITSHUFFLE, block), Shuffle(2)
    blocks = {name: np.full((depth, 1, ROWS, COLUMNS), -999, "i2") for name in NAMES} if len(files) < depth else {
        name: np.empty((depth, 1, ROWS, COLUMNS), "i2") for name in NAMES
    }  # fmt: skip
    for day, path in enumerate(files):
        with h5py.File(path) as file:
            raw = {name: file[name].id.read_direct_chunk((0, 0, 0, 0))[1] for name in NAMES}
        for name in NAMES:
            shuffle.decode(deflate.zlib_decompress(raw[name], 2 * ROWS * COLUMNS), out=blocks[name][day])
    for name, y, x in itertools.product(NAMES, range(0, ROWS, rows), range(0, COLUMNS, columns)):
        path = store / name / "c" / str(number) / "0" / str(y // rows) / str(x // columns)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = np.ascontiguousarray(blocks[name][:, :, y : y + rows, x : x + columns])
        path.write_bytes(codec.encode(part))


if __name__ == "__main__":
    main()
