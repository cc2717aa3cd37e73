"""Real clients against real servers through a proxy that fails: nothing is lost, nothing twice, and retries have an end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.runs.place import Place
from pangeo_forge.targets.icechunk_storage import open_repository
from pangeo_forge.verify.checksums import check_checksums
from tests.publish.archive import Daily, expected, read
from tests.publish.conftest import Bucket, s3_bucket
from tests.publish.proxy import FAULTS, Proxy, proxy_before
from tests.publish.test_server_kills import objects_of

pytestmark = pytest.mark.servers


@pytest.fixture
def behind(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bucket, Bucket, Proxy]]:
    """The bucket as it is, and through a proxy."""
    monkeypatch.setenv("PANGEO_FORGE_RETRY_PAUSE", "0.05")
    with proxy_before(bucket.options["endpoint_url"]) as proxy:
        yield bucket, replace(bucket, options={**bucket.options, "endpoint_url": proxy.url}), proxy


@pytest.mark.timeout(900)
def test_no_loss_and_no_duplicate(behind: tuple[Bucket, Bucket, Proxy], tmp_path: Path) -> None:
    direct, faulty, proxy = behind
    archive = Daily(tmp_path, f"{faulty.url}/arco", faulty.options)
    archive.write(range(5))
    proxy.rate = 0.06
    archive.run()
    archive.write(range(5, 8))
    assert archive.run().action == "append"
    assert archive.run().action == "nothing"
    proxy.rate = 0.0
    assert set(proxy.faults) == set(FAULTS), f"{proxy.faults} in {proxy.requests} requests"
    store = Place.of(archive.target, "daily", direct.options).current()
    assert store is not None
    np.testing.assert_array_equal(read(store, direct.options)["sst"], expected(range(8)))
    assert check_checksums(store, direct.options).passed
    twin = Daily(tmp_path, str(tmp_path / "twin"))
    assert objects_of(store, direct.options) == objects_of(twin.run().store, {})


@pytest.mark.timeout(900)
def test_icechunk_commits_once(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANGEO_FORGE_RETRY_PAUSE", "0.05")
    direct = s3_bucket(s3_endpoint)
    with proxy_before(s3_endpoint) as proxy:
        options = {**direct.options, "endpoint_url": proxy.url}
        section = {"append": "time", "format": "icechunk"}
        archive = Daily(tmp_path, f"{direct.url}/x.icechunk", options, target_section=section)
        archive.write(range(5))
        proxy.rate = 0.06
        archive.run()
        archive.write(range(5, 8))
        assert archive.run().action == "append"
        assert archive.run().action == "nothing"
        assert sum(proxy.faults.values()) > 5
    np.testing.assert_array_equal(read(archive.target, direct.options)["sst"], expected(range(8)))
    repository = open_repository(archive.target, direct.options)
    assert repository is not None
    assert len(list(repository.ancestry(branch="main"))) == 3


@pytest.mark.timeout(900)
def test_a_store_that_never_answers_is_an_error_in_the_end(
    behind: tuple[Bucket, Bucket, Proxy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some 30 requests. How long that takes is a matter of the pauses between them: a minute or two, cut short here."""
    _, faulty, proxy = behind
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds, *more: sleep(min(seconds, 0.01), *more))
    archive = Daily(tmp_path, f"{faulty.url}/arco", faulty.options)
    archive.write(range(2))
    proxy.rate, proxy.kinds = 1.0, ("error", "slow down", "reset")
    with pytest.raises(PangeoForgeError) as caught:
        archive.run()
    assert caught.value.code in ("T012", "T013")
    assert 5 <= proxy.requests < 80
