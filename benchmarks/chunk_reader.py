"""How fast HDF5 chunks are read and decoded: h5py against the chunk reader, and the codecs one by one.

    python benchmarks/chunk_reader.py [FOLDER] [--files 100] [--threads 2] [--repeat 3]

FOLDER holds files with packed int16 variables ``sst anom err ice`` (one day each, 720 x 1440, deflate and shuffle);
without it such files are made in a temporary folder. Prints a table; MB are of decoded values.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from pangeo_forge.inputs.codec_threads import run_all
from pangeo_forge.inputs.hdf5_chunks import layout, read_layout
from pangeo_forge.inputs.hdf5_filters import unshuffle

NAMES = ("sst", "anom", "err", "ice")
SHAPE = (1, 1, 720, 1440)
BYTES = 2 * 720 * 1440
SLAB = 20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.folder or temporary)
        if not arguments.folder:
            make_files(folder, arguments.files)
        paths = [str(p) for p in sorted(folder.glob("*.nc"))[: arguments.files]]
        print(f"{'':44}{'MB/s':>8}{'CPU s/GB':>10}")
        for label, seconds, cpu, megabytes in measure(paths, arguments.threads, arguments.repeat):
            print(f"{label:44}{megabytes / seconds:8.0f}{1000 * cpu / megabytes:10.2f}")
        print(f"{'layout of 4 variables':44}{1000 * layout_seconds(paths):8.2f} ms a file")


def measure(paths: list[str], threads: int, repeat: int) -> list[tuple[str, float, float, float]]:
    """(label, wall seconds, CPU seconds, MB) of each way, medians; the ways take turns."""
    known = {p: layout(p, NAMES) for p in paths}
    whole = len(paths) * len(NAMES) * BYTES / 1e6
    ways: list[tuple[str, float, Callable[[], object]]] = [
        ("h5py, 1 thread", whole, lambda: read_all(paths, 1, by_h5py)),
        (f"h5py, {threads} threads", whole, lambda: read_all(paths, threads, by_h5py)),
        ("libdeflate and numcodecs by hand, 1 thread", whole, lambda: read_all(paths, 1, by_hand)),
        (f"libdeflate and numcodecs by hand, {threads} threads", whole, lambda: read_all(paths, threads, by_hand)),
        ("chunk reader, 1 thread", whole, lambda: read_all(paths, 1, by_layout)),
        (f"chunk reader, {threads} threads", whole, lambda: read_all(paths, threads, by_layout)),
        (f"  with layouts known, {threads} threads", whole, lambda: read_known(paths, threads, known)),
        *codecs(paths[0]),
    ]
    times: dict[str, list[tuple[float, float]]] = {label: [] for label, _, _ in ways}
    for _ in range(repeat):
        for label, _, run in ways:
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            times[label].append((time.perf_counter() - wall, time.process_time() - cpu))
    return [
        (label, statistics.median(t[0] for t in times[label]), statistics.median(t[1] for t in times[label]), megabytes)
        for label, megabytes, _ in ways
    ]


Reader = Callable[[str, dict[str, np.ndarray], int], None]


def read_all(paths: list[str], threads: int, reader: Reader) -> None:
    """Read all variables of all files into buffers of 20 days, a file at a time in each thread."""
    buffers = {name: np.empty((SLAB, *SHAPE[1:]), "i2") for name in NAMES}
    for start in range(0, len(paths), SLAB):
        slab = list(enumerate(paths[start : start + SLAB]))
        run_all(lambda item: reader(item[1], buffers, item[0]), slab, threads)


def by_h5py(path: str, buffers: dict[str, np.ndarray], day: int) -> None:
    """The HDF5 library's filters."""
    with h5py.File(path) as file:
        for name in NAMES:
            file[name].read_direct(buffers[name][day : day + 1])


def by_hand(path: str, buffers: dict[str, np.ndarray], day: int) -> None:
    """Raw chunks by h5py, libdeflate, numcodecs' unshuffle: nothing checked, nothing general."""
    import deflate
    from numcodecs.shuffle import Shuffle

    with h5py.File(path) as file:
        raw = [file[name].id.read_direct_chunk((0, 0, 0, 0))[1] for name in NAMES]
    for name, data in zip(NAMES, raw, strict=True):
        Shuffle(2).decode(deflate.zlib_decompress(data, BYTES), out=buffers[name][day])


def by_layout(path: str, buffers: dict[str, np.ndarray], day: int) -> None:
    """The chunk reader, from the layout on."""
    for name, known in layout(path, NAMES).items():
        read_layout(path, known, (slice(None),) * 4, buffers[name][day : day + 1])


def read_known(paths: list[str], threads: int, known: dict[str, dict]) -> None:
    """The chunk reader with layouts that somebody kept."""

    def reader(path: str, buffers: dict[str, np.ndarray], day: int) -> None:
        for name in NAMES:
            read_layout(path, known[path][name], (slice(None),) * 4, buffers[name][day : day + 1])

    read_all(paths, threads, reader)


def codecs(path: str, times: int = 20) -> list[tuple[str, float, Callable[[], object]]]:
    """Single codecs on the chunks of one file, one thread."""
    import deflate
    from numcodecs.shuffle import Shuffle

    with h5py.File(path) as file:
        raw = [file[name].id.read_direct_chunk((0, 0, 0, 0))[1] for name in NAMES]
    plain, out = zlib.decompress(raw[0]), np.empty(BYTES, np.uint8)
    inflated, shuffled = times * len(raw) * BYTES / 1e6, times * BYTES / 1e6
    found: list[tuple[str, float, Callable[[], object]]] = [
        ("  inflate: zlib", inflated, lambda: [zlib.decompress(r, 15, BYTES) for r in raw * times]),
        ("  inflate: libdeflate", inflated, lambda: [deflate.zlib_decompress(r, BYTES) for r in raw * times]),
        ("  unshuffle: numcodecs", shuffled, lambda: [Shuffle(2).decode(plain, out=out) for _ in range(times)]),
        ("  unshuffle: ours", shuffled, lambda: [unshuffle(plain, None, (2,), out) for _ in range(times)]),
    ]
    try:
        from isal import isal_zlib
    except ImportError:
        return found
    isal = ("  inflate: isal", inflated, lambda: [isal_zlib.decompress(r, 15, BYTES) for r in raw * times])
    return [*found[:2], isal, *found[2:]]


def layout_seconds(paths: list[str]) -> float:
    """Median seconds for opening a file and finding the chunks of its four variables."""
    found = []
    for path in paths:
        start = time.perf_counter()
        layout(path, NAMES)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def make_files(folder: Path, count: int) -> None:
    """Days of smooth fields with noise and land, packed as int16."""
    rng = np.random.default_rng(0)
    lat, lon = np.linspace(-90, 90, 720)[:, None], np.linspace(0, 360, 1440)[None, :]
    base = 28 * np.cos(np.deg2rad(lat)) + 2 * np.sin(np.deg2rad(3 * lon))
    land = np.sin(np.deg2rad(2 * lon)) + np.cos(np.deg2rad(3 * lat)) > 0.9
    for day in range(count):
        with h5py.File(folder / f"{day:05d}.nc", "w") as file:
            for name in NAMES:
                field = (100 * base * (1 if name == "sst" else 0.1) + rng.normal(0, 4, (720, 1440))).astype("i2")
                field[land] = -999
                options = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fillvalue": -999}
                file.create_dataset(name, data=field[None, None], chunks=SHAPE, **options)


if __name__ == "__main__":
    main()
