"""``pangeo-forge-worker``: a worker of Python for an engine that starts processes (environment ``process``).

Engines call what Beam names a boot program: with an id, and the address of a service that says the rest. Beam's own is a
binary that comes in its container only; this one comes with the package.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

PATIENCE = 60
"""Seconds that the engine's service may take to answer."""


def main(argv: Sequence[str] | None = None) -> None:
    """Ask what to do, then work until the engine closes the connection."""
    parser = argparse.ArgumentParser(prog="pangeo-forge-worker", description=__doc__)
    parser.add_argument("--id", required=True, help="Name of the worker, given by the engine.")
    parser.add_argument("--provision_endpoint", required=True, help="Address of the service that says the rest.")
    for name in ("logging_endpoint", "artifact_endpoint", "control_endpoint"):
        parser.add_argument(f"--{name}", default="", help="Of engines that do not say it by that service.")
    given, _ = parser.parse_known_args(sys.argv[1:] if argv is None else argv)
    info = provision_info(given.id, given.provision_endpoint)
    os.environ.update(worker_environment(info, given))
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(["pangeo-forge-worker"])


def provision_info(worker_id: str, endpoint: str) -> Any:
    """What the engine says of the job: its options and the addresses of its services."""
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc

    with grpc.insecure_channel(endpoint) as channel:
        grpc.channel_ready_future(channel).result(timeout=PATIENCE)
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        return service.GetProvisionInfo(request, metadata=[("worker_id", worker_id)], timeout=PATIENCE).info


def worker_environment(info: Any, given: argparse.Namespace) -> dict[str, str]:
    """The variables by which Beam's worker is told its id, options and addresses."""
    from apache_beam.portability.api import endpoints_pb2
    from google.protobuf import json_format, text_format

    def descriptor(said: Any, else_given: str) -> str:
        found = said if said.url else endpoints_pb2.ApiServiceDescriptor(url=else_given)
        return str(text_format.MessageToString(found))

    found = {
        "WORKER_ID": given.id,
        "CONTROL_API_SERVICE_DESCRIPTOR": descriptor(info.control_endpoint, given.control_endpoint),
        "LOGGING_API_SERVICE_DESCRIPTOR": descriptor(info.logging_endpoint, given.logging_endpoint),
        "PIPELINE_OPTIONS": str(json_format.MessageToJson(info.pipeline_options)),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }
    if info.status_endpoint.url:
        found["STATUS_API_SERVICE_DESCRIPTOR"] = descriptor(info.status_endpoint, "")
    return found


if __name__ == "__main__":
    main()
