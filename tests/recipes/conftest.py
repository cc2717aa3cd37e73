"""One server for all stand-ins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recipes.standins.archive import Archive


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    archive = Archive(tmp_path_factory.mktemp("archive"))
    server = archive.serve()
    yield archive
    server.shutdown()
    server.server_close()


@pytest.fixture
def archive(_served: Archive) -> Archive:
    """The archive, with nothing left of the test before but files."""
    _served.requests.clear()
    _served.answers.clear()
    _served.logins.clear()
    return _served
