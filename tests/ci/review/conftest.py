"""A server of inputs, and one that must not be reached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ci.review.served import Site
from tests.publish.conftest import without_beam

__all__ = ["without_beam"]


@pytest.fixture(scope="session")
def _daily(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    made.write(range(30))
    server = made.serve()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def site(_daily: Site) -> Site:
    """Thirty daily files."""
    _daily.answers.clear()
    _daily.requests.clear()
    return _daily


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Site]:
    """A server inside, such as one of metadata; a test fails when it is asked for anything."""
    folder = tmp_path / "inside"
    folder.mkdir()
    made = Site(folder)
    made.write(range(3))
    server = made.serve()
    yield made
    server.shutdown()
    server.server_close()
    assert not made.requests, "something inside was reached"
