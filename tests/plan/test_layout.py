from __future__ import annotations

from types import SimpleNamespace

import pytest

from pangeo_forge.errors import PlanError
from pangeo_forge.plan.layout import Layout, format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "count"), [("50MB", 50_000_000), ("2 GiB", 2 * 2**30), (7, 7), ("1.5k", 1500), ("300", 300), ("10 b", 10)]
)
def test_parse_bytes(text: str | int, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "big", "5 PB", "-1MB"])
def test_not_a_size(text: str) -> None:
    with pytest.raises(PlanError, match="P201"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1234, "1.2 kB"), (400_000_000, "400 MB"), (1.2e9, "1.2 GB")]
)
def test_format_bytes(count: float, text: str) -> None:
    assert format_bytes(count) == text


def test_from_a_recipes_section() -> None:
    section = SimpleNamespace(
        zarr_format=2,
        chunks={"time": 5},
        chunk_bytes="1MB",
        chunk_ratio=None,
        shards=None,
        shard_bytes=None,
        compressor="zstd",
        variables={"a": SimpleNamespace(chunks={"time": 1}, shards=None, compressor={"name": "none"})},
        attrs=SimpleNamespace(model_dump=lambda exclude_none: {"set": {"x": 1}, "delete": ["y*"]}),
        append=None,
    )
    layout = Layout.from_recipe(section)
    assert (layout.zarr_format, layout.chunks, layout.chunk_bytes) == (2, {"time": 5}, 1_000_000)
    assert layout.compressor == {"name": "zstd"}
    assert layout.variables["a"].compressor == {"name": "none"}
    assert (layout.attrs_set, layout.attrs_delete) == ({"x": 1}, ("y*",))
    assert Layout.from_recipe(SimpleNamespace()) == Layout()
