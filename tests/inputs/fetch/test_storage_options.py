"""Options whose secrets are names: nothing that travels or is shown holds a value."""

from __future__ import annotations

import json
import pickle

import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.cache import Cache
from pangeo_forge.inputs.fetch.storage_options import BoundSecrets, FromEnvironment, StorageOptions, sign_in
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.icechunk_storage import s3_arguments
from pangeo_forge.targets.objects import FsspecObjects

HUSH = "hunter2-hush"


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> StorageOptions:
    monkeypatch.setenv("MY_STORE", f"AKEY:{HUSH}")
    monkeypatch.setenv("PANGEO_FORGE_SECRET_OTHER", HUSH)
    plain = {
        "endpoint_url": "http://x",
        "client_kwargs": {"deep": {"secret": "other"}},
        "token": FromEnvironment("TOK"),
    }
    monkeypatch.setenv("TOK", HUSH)
    return StorageOptions(plain, url="s3://b", secret="store", secrets=BoundSecrets({"store": "MY_STORE"}))


def test_values_are_looked_up_when_they_are_used(options: StorageOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dict(options) == {
        "endpoint_url": "http://x",
        "client_kwargs": {"deep": HUSH},
        "token": HUSH,
        "key": "AKEY",
        "secret": HUSH,
    }
    again = pickle.loads(pickle.dumps(options))
    assert again == options
    monkeypatch.setenv("MY_STORE", "NEW:changed")
    assert again["secret"] == "changed"
    assert sorted(options.names()) == ["other", "store"]


def test_nothing_that_travels_holds_a_value(options: StorageOptions) -> None:
    cache, objects, chunks = Cache("s3://b/c", options), FsspecObjects("s3://b", options), ChunkStore("s3://b", options)
    chunks.objects  # noqa: B018 - kept once made, and pickled with it
    arguments = s3_arguments(options)
    assert arguments["get_credentials"]().secret_access_key == HUSH
    for thing in (options, cache, objects, chunks, arguments):
        assert HUSH.encode() not in pickle.dumps(thing)
        assert HUSH not in repr(thing)


def test_a_secret_that_is_not_there_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PANGEO_FORGE_SECRET_NEVER", raising=False)
    with pytest.raises(InputError, match=r"'never'.*PANGEO_FORGE_SECRET_NEVER.*I309"):
        dict(StorageOptions({}, url="s3://b", secret="never"))


@pytest.mark.parametrize(
    ("url", "value", "made"),
    [
        ("s3://b", "k:s", {"key": "k", "secret": "s"}),
        ("s3://b", "k:s:t", {"key": "k", "secret": "s", "token": "t"}),
        ("s3://b", '{"profile": "p"}', {"profile": "p"}),
        ("gs://b", "/key.json", {"token": "/key.json"}),
        ("gs://b", '{"type": "service_account"}', {"token": {"type": "service_account"}}),
        ("abfs://c@a", "abc==", {"account_key": "abc=="}),
        ("sftp://h/p", "u:p:w", {"username": "u", "password": "p:w"}),
    ],
)
def test_how_a_secret_signs_in(url: str, value: str, made: dict[str, object]) -> None:
    assert sign_in(url, value) == made
    assert json.dumps(made)
