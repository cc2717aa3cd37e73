"""Settings of a run: defaults, and what is refused before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pangeo_forge.errors import PlanError
from pangeo_forge.plan.layout import parse_bytes
from pangeo_forge.runs.settings import DEFAULT_MEMORY, RunSettings


def test_defaults() -> None:
    settings = RunSettings()
    assert settings.memory == 2_000_000_000
    assert settings.memory == parse_bytes(DEFAULT_MEMORY)
    assert settings.bakery is None
    assert settings.verify


@pytest.mark.parametrize(("text", "count"), [("512MiB", 512 * 2**20), ("1GB", 10**9), (1000, 1000)])
def test_memory(text: int | str, count: int) -> None:
    assert RunSettings(max_memory=text).memory == count


def test_memory_that_is_no_size_is_refused_at_once() -> None:
    with pytest.raises(PlanError, match=r"'lots'.*P201"):
        RunSettings(max_memory="lots")


def test_cache_is_as_given_else_from_the_environment_else_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANGEO_FORGE_CACHE", "/env")
    assert RunSettings(cache="gs://b/c").cache_root == "gs://b/c"
    assert RunSettings().cache_root == "/env"
    monkeypatch.delenv("PANGEO_FORGE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert RunSettings().cache_root == "/xdg/pangeo-forge"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert RunSettings().cache_root == str(Path.home() / ".cache" / "pangeo-forge")


def test_options_with_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(RunSettings(target_options={"password": "hunter2"}))


def test_a_keyword_that_is_no_setting_is_named() -> None:
    from pangeo_forge.errors import UsageError
    from pangeo_forge.runs.settings import settings_of

    with pytest.raises(UsageError, match="max_memory"):
        settings_of(max_mem="4GB")
    assert settings_of(max_memory="4GB").memory == 4_000_000_000
