from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pangeo_forge.inputs.fetch import Cache, Fetcher, FetchOptions, Politeness
from tests.inputs.fetch.faulty_server import FaultyServer
from tests.inputs.fetch.servers import gcs, nginx, s3

__all__ = ["gcs", "nginx", "s3"]


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    made = FaultyServer()
    yield made
    made.close()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"))


@pytest.fixture
def make_fetcher(tmp_path: Path, cache: Cache) -> Iterator[Callable[..., Fetcher]]:
    made: list[Fetcher] = []

    def make(options: dict[str, Any] | None = None, **kwargs: Any) -> Fetcher:
        chosen = FetchOptions(**{"first_pause": 0.01, "timeout": 1.0, "retries": 3, **(options or {})})
        kwargs.setdefault(
            "politeness", Politeness(chosen.max_concurrency, chosen.rate, folder=str(tmp_path / "polite"))
        )
        kwargs.setdefault("cache", cache)
        made.append(Fetcher(chosen, **kwargs))
        return made[-1]

    yield make
    for fetcher in made:
        fetcher.close()
