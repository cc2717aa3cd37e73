"""Feedstocks and bakeries: read, refused with places."""

from __future__ import annotations

from pathlib import Path

import pytest

from pangeo_forge.errors import RecipeErrors
from pangeo_forge.recipe.bakery import load_bakeries
from pangeo_forge.recipe.feedstock import load_feedstock


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    return path


def test_feedstock(tmp_path: Path) -> None:
    made = load_feedstock(
        write(tmp_path, 'recipe: recipes/x\nschedule: "0 6 * * 1-5"\ntarget: gs://b/arco\ntimeout: 6h\n')
    )
    assert (made.mode, made.bakery, made.schedule) == ("append", "local", "0 6 * * 1-5")
    assert made.target is not None
    assert made.target.url == "gs://b/arco"


def test_bakeries(tmp_path: Path) -> None:
    text = "local: {runner: local, max_memory: 2GB, target: {url: s3://b, storage_options: {endpoint_url: http://x}}}\n"
    made = load_bakeries(write(tmp_path, text))["local"]
    assert made.target is not None
    assert made.target.storage_options == {"endpoint_url": "http://x"}
    assert made.max_memory == "2GB"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recipe: x\nschedule: daily\n", r"f\.yaml:2:11: schedule: 'daily' is not a cron schedule.*R090"),
        ('recipe: x\nschedule: "61 * * * *"\n', "is no minute"),
        ("recipe: x\nmode: apend\n", "did you mean append"),
        ("schedule: null\n", "'recipe' is missing"),
        ("recipe: x\ntarget: 5\n", "R091"),
        ("recipe: x\ntarget: s3://me:hunter2@host/x\n", "R041"),
        ("recipe: x\ntime_out: 6h\n", "did you mean 'timeout'"),
    ],
)
def test_wrong_feedstock(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeErrors, match=message) as caught:
        load_feedstock(write(tmp_path, text))
    assert "hunter2" not in str(caught.value)


def test_wrong_bakeries_are_all_reported(tmp_path: Path) -> None:
    with pytest.raises(RecipeErrors) as caught:
        load_bakeries(write(tmp_path, "a: {runner: beam}\nb: {runner: dask, workers: 0}\nc:\n"))
    assert [e.code for e in caught.value.errors] == ["R014", "R016", "R013"]
