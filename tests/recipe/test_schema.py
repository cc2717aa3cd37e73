"""The schemas of feedstocks and bakeries: committed, printed, and of one mind with the models."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from pangeo_forge.recipe.bakery import load_bakeries
from pangeo_forge.recipe.feedstock import load_feedstock
from pangeo_forge.recipe.schema import PATHS, schema_text
from tests.cli.invocation import invoke

FULL = """\
recipe: recipes/x
datasets: [x-a]
schedule: "0 6 * * *"
mode: rebuild
bakery: local
target: {url: gs://bucket/arco, storage_options: {endpoint_url: http://x}, secret: mine}
parameters: {year: 2000, day: today}
timeout: 6h
catch_up: all
grace: 30min
retries: 3
retry_delay: 10min
recipe_changed: rebuild
keep: 3
recheck: 30
allow_python: true
"""
BAKERIES = """\
here: {runner: local, options: {mode: processes}, workers: 2, max_memory: 2GB}
flink: {runner: flink, target: s3://b/arco, temp: s3://b/tmp}
"""


@pytest.mark.parametrize("kind", PATHS)
def test_committed_schemas_are_the_generated_ones(kind: str) -> None:
    assert PATHS[kind].read_text(encoding="utf-8") == schema_text(kind)
    jsonschema.Draft202012Validator.check_schema(yaml.safe_load(schema_text(kind)))
    assert invoke("schema", kind).out == schema_text(kind)


def _agree(kind: str, text: str, path: Path) -> bool:
    """Whether the document is right, of which schema and model must say the same."""
    validator = jsonschema.Draft202012Validator(yaml.safe_load(schema_text(kind)))
    by_schema = validator.is_valid(yaml.safe_load(text))
    path.write_text(text)
    try:
        (load_feedstock if kind == "feedstock" else load_bakeries)(path)
    except Exception:
        assert not by_schema
        return False
    assert by_schema
    return True


@pytest.mark.parametrize(
    ("old", "new", "right"),
    [
        ("", "", True),
        ('"0 6 * * *"', '"@once"', True),
        ('"0 6 * * *"', "daily", False),
        ("mode: rebuild", "mode: appendd", False),
        ("catch_up: all", "catch_up: some", False),
        ("retries: 3", "retries: -1", False),
        ("keep: 3", "keep: 0", False),
        ("recipe: recipes/x", "recipes: x", False),
        ("datasets: [x-a]", "datasets: []", False),
        ("allow_python: true", "allow_python: 1", False),
    ],
)
def test_feedstock(old: str, new: str, right: bool, tmp_path: Path) -> None:
    assert _agree("feedstock", FULL.replace(old, new) if old else FULL, tmp_path / "f.yaml") == right


@pytest.mark.parametrize(
    ("old", "new", "right"),
    [
        ("", "", True),
        ("runner: flink", "runner: flnk", False),
        ("mode: processes", "mode: fast", False),
        ("options: {mode: processes}", "options: {project: x}", False),
        ("workers: 2", "workers: 0", False),
    ],
)
def test_bakeries(old: str, new: str, right: bool, tmp_path: Path) -> None:
    assert _agree("bakeries", BAKERIES.replace(old, new) if old else BAKERIES, tmp_path / "b.yaml") == right


def test_every_key_is_explained() -> None:
    for name, entry in yaml.safe_load(schema_text("feedstock"))["properties"].items():
        assert entry.get("description"), name


def test_an_unknown_kind() -> None:
    got = invoke("schema", "recip")
    assert got.code == 2
    assert "bakeries" in got.err
