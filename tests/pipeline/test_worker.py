"""A worker that an engine starts as a process: it asks what to do and calls the engine, over the real protocol."""

from __future__ import annotations

import queue
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from apache_beam.portability.api import (
    beam_fn_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)

from tests.cli.invocation import environment


class Engine(beam_provision_api_pb2_grpc.ProvisionServiceServicer, beam_fn_api_pb2_grpc.BeamFnControlServicer):
    """As much of an engine as a worker meets before its first bundle."""

    def __init__(self) -> None:
        self.called: queue.Queue[str] = queue.Queue()
        self.asked: list[str] = []
        self.port = 0

    def GetProvisionInfo(self, request: Any, context: Any) -> Any:
        self.asked.append(dict(context.invocation_metadata())["worker_id"])
        here = endpoints_pb2.ApiServiceDescriptor(url=f"localhost:{self.port}")
        info = beam_provision_api_pb2.ProvisionInfo(control_endpoint=here, logging_endpoint=here)
        info.pipeline_options.update({"beam:option:job_name:v1": "job"})
        return beam_provision_api_pb2.GetProvisionInfoResponse(info=info)

    def Control(self, requests: Any, context: Any) -> Iterator[Any]:
        self.called.put(dict(context.invocation_metadata())["worker_id"])
        return iter(())


class Logging(beam_fn_api_pb2_grpc.BeamFnLoggingServicer):
    """Takes what the worker logs."""

    def Logging(self, entries: Any, context: Any) -> Iterator[Any]:
        for _ in entries:
            pass
        return iter(())


@pytest.mark.servers
def test_worker_asks_what_to_do_and_calls_the_engine() -> None:
    engine = Engine()
    server = grpc.server(ThreadPoolExecutor(4))
    beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(engine, server)
    beam_fn_api_pb2_grpc.add_BeamFnControlServicer_to_server(engine, server)
    beam_fn_api_pb2_grpc.add_BeamFnLoggingServicer_to_server(Logging(), server)
    engine.port = server.add_insecure_port("localhost:0")
    server.start()
    command = [
        sys.executable,
        "-m",
        "pangeo_forge.pipeline.worker",
        "--id=7-1",
        f"--provision_endpoint=localhost:{engine.port}",
    ]
    worker = subprocess.Popen(command, env=dict(environment()), stderr=subprocess.PIPE)
    try:
        assert engine.called.get(timeout=120) == "7-1"
        assert engine.asked == ["7-1"]
        # The engine has closed the connection: the worker ends by itself.
        assert worker.wait(120) == 0, (worker.stderr.read() if worker.stderr else b"").decode()[-2000:]
    finally:
        worker.kill()
        worker.communicate()
        server.stop(0).wait()
