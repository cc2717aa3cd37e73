"""Portable engines: what their options become, who works, what is missing. No pipeline is run here: see tests/differential."""

from __future__ import annotations

import json
import socket

import pytest

from pangeo_forge.pipeline.engines import engine_of
from pangeo_forge.pipeline.engines.job_server import JobServer, python_job_server, reachable
from pangeo_forge.pipeline.engines.portable import PortableEngine, pipeline_flags
from tests.differential.works import bakery


def made(**entry: object) -> PortableEngine:
    engine = engine_of(bakery("x", runner="portable", workers=3, **entry))
    assert isinstance(engine, PortableEngine)
    return engine


def test_loopback_works_in_this_process() -> None:
    workforce = made().workforce
    assert (workforce.tasks, workforce.per_process, workforce.processes, workforce.machines) == (3, 3, 1, 1)
    assert workforce.here
    assert not workforce.travels


def test_a_pool_elsewhere_shares_neither_files_nor_limits() -> None:
    away = made(options={"job_endpoint": "there:1"}, environment={"kind": "external", "endpoint": "there:2"})
    assert (away.workforce.per_process, away.workforce.machines, away.workforce.shares_files) == (1, 3, False)
    told = made(
        options={"job_endpoint": "there:1"},
        environment={"kind": "external", "endpoint": "there:2"},
        shared_filesystem=True,
        machines=2,
    )
    assert (told.workforce.machines, told.workforce.shares_files) == (2, True)


@pytest.mark.parametrize(
    ("environment", "flags"),
    [
        ({"kind": "loopback"}, ["--environment_type=LOOPBACK"]),
        ({"kind": "docker", "image": "a/b:1"}, ["--environment_type=DOCKER", "--environment_config=a/b:1"]),
        ({"kind": "external", "endpoint": "h:5"}, ["--environment_type=EXTERNAL", "--environment_config=h:5"]),
    ],
)
def test_environments_become_options_of_beam(environment: dict[str, str], flags: list[str]) -> None:
    found = made(options={"job_endpoint": "there:1"}, environment=environment).flags()
    assert [f for f in found if f.startswith("--environment")] == flags


def test_a_process_is_started_by_our_own_program_unless_told() -> None:
    flags = made(options={"job_endpoint": "h:1"}, environment={"kind": "process", "variables": {"A": "b"}}).flags()
    config = json.loads(next(f for f in flags if f.startswith("--environment_config="))[21:])
    assert config == {"command": "pangeo-forge-worker", "env": {"A": "b"}}


def test_other_options_of_beam_go_through() -> None:
    assert pipeline_flags({"a": 1, "on": True, "off": False, "many": ["x", "y"]}) == [
        "--a=1", "--on", "--many=x", "--many=y",
    ]  # fmt: skip


def test_what_does_not_answer_is_found_without_starting_anything() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    [error] = made(options={"job_endpoint": address}).problems()
    assert (error.code, error.where) == ("B014", address)
    assert reachable("nonsense") is not None


def test_a_program_that_is_not_there_is_found() -> None:
    [error] = made(environment={"kind": "process", "command": "/never/there"}).problems()
    assert error.code == "B017"
    assert "/never/there" in str(error)


def test_a_job_server_that_dies_shows_its_last_words() -> None:
    from pangeo_forge.errors import BakeryError

    server = JobServer(["sh", "-c", "echo no port {port} for you; exit 3"], "mine")
    with pytest.raises(BakeryError, match=r"mine: the job server does not start: no port \d+ for you.*B019"):
        server.endpoint()


@pytest.mark.servers
def test_a_job_server_starts_once_and_stops() -> None:
    server = python_job_server("mine")
    try:
        address = server.endpoint()
        assert server.endpoint() == address
        assert reachable(address) is None
    finally:
        server.stop()
    assert reachable(address) is not None
